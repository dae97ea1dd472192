"""The claims of the paper, checked against its own tables."""

from splitlab.budget.claims.against_others import claims_against_others
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.claims.data_and_grids import claims_of_data_and_grids, claims_of_ratios, cost_from_table_1
from splitlab.budget.claims.equiscore_and_few_shot import claims_of_the_law, claims_of_training
from splitlab.budget.claims.search_for_split import claims_of_the_search
from splitlab.budget.published import published_results


def paper_claims() -> list[Claim]:
    """Every statement of the paper that carries a number, and Observations 1 to 3, in the order of sections.

    What no table tells, such as a batch size, is held against the rest of the text or the authors' published code.
    """
    table = published_results()
    claims = [
        *claims_of_ratios(table),
        *claims_of_data_and_grids(table),
        *claims_of_training(table),
        cost_from_table_1(table),
        *claims_against_others(table),
        *claims_of_the_search(table),
        *claims_of_the_law(table),
    ]
    return sorted(claims, key=lambda claim: claim.section)


__all__ = ["Claim", "Verdict", "paper_claims"]
