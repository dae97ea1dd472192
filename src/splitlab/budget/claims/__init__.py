"""The paper's statements that carry a number, each recomputed from its tables."""

from splitlab.budget.claims.all_claims import paper_claims
from splitlab.budget.claims.claim import Claim, Verdict

__all__ = ["Claim", "Verdict", "paper_claims"]
