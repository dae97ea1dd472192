"""All checked claims, in one list."""

from splitlab.budget.claims.against_others import claims_against_others
from splitlab.budget.claims.claim import Claim
from splitlab.budget.claims.equiscore_and_few_shot import claims_of_the_law
from splitlab.budget.claims.ratios import claims_of_ratios
from splitlab.budget.claims.search_for_split import claims_of_the_search
from splitlab.budget.published import published_results


def paper_claims() -> list[Claim]:
    """Every statement of Sec. 4.3 to 4.6 that carries a number, and Observations 1 to 3, recomputed.

    The two ratios of masks to boxes of Sec. 1 and 2.2 come first.
    """
    table = published_results()
    return [
        *claims_of_ratios(table),
        *claims_against_others(table),
        *claims_of_the_search(table),
        *claims_of_the_law(table),
    ]
