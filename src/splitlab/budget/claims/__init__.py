"""The claims of the paper, checked against its own tables."""

from splitlab.budget.claims.against_others import AGAINST_OTHERS
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.claims.data_and_grids import DATA_AND_GRIDS
from splitlab.budget.claims.equiscore_and_few_shot import EQUISCORE_AND_FEW_SHOT
from splitlab.budget.claims.search_for_split import SEARCH_FOR_SPLIT
from splitlab.budget.published import published_results


def paper_claims() -> list[Claim]:
    """Check every statement of the paper that has a number, and Observations 1 to 3, in the order of sections.

    Statements that no table covers, such as a batch size, are checked against the text or the authors' published code.
    """
    table = published_results()
    parts = (DATA_AND_GRIDS, AGAINST_OTHERS, SEARCH_FOR_SPLIT, EQUISCORE_AND_FEW_SHOT)
    return sorted((claim for part in parts for claim in part.on(table)), key=lambda claim: claim.section)


__all__ = ["Claim", "Verdict", "paper_claims"]
