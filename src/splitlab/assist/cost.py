"""What an assisted mask costs a person: the box, a look at the proposal, and drawing what was rejected."""

from __future__ import annotations

import math
from dataclasses import dataclass

from splitlab.errors import BudgetError


@dataclass(frozen=True)
class AssistedPrices:
    """Seconds of a person's time for one object.

    Attributes:
        box_seconds: to draw its box.
        look_seconds: to accept or reject a proposal.
        mask_seconds: to draw its mask by hand.

    Raises:
        BudgetError: a price is negative or not a number.
    """

    box_seconds: float
    look_seconds: float
    mask_seconds: float

    def __post_init__(self) -> None:
        for name, seconds in vars(self).items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise BudgetError(f"{name} is {seconds}: give the seconds for one object, 0 or more.")

    def mask_with_proposal(self, rejected_share: float) -> float:
        """Return the seconds for one mask: box + look + share rejected x drawing.

        Raises:
            BudgetError: the share is not within 0..1.
        """
        if not 0 <= rejected_share <= 1:
            raise BudgetError(f"The rejected share is {rejected_share}: give a number from 0 to 1.")
        return self.box_seconds + self.look_seconds + rejected_share * self.mask_seconds

    @property
    def break_even(self) -> float:
        """The rejected share at which an assisted mask costs as much as one drawn at once; 0 if it never pays."""
        saved = self.mask_seconds - self.box_seconds - self.look_seconds
        return max(saved / self.mask_seconds, 0.0) if self.mask_seconds else 0.0
