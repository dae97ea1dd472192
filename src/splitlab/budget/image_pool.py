"""The images a plan may draw on: how many there are, and which labels are already paid for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitlab.budget.annotation_cost import SECONDS_PER_HOUR, Prices
from splitlab.errors import BudgetError

Counts = NDArray[np.int64]

MAX_IMAGES = 10_000_000
_MAX_HOURS = 1e12
# What a division of hours by a price may lose: without it 10 hours would not buy the labels that cost 10 hours.
_LAST_DIGITS = 1e-7


@dataclass(frozen=True)
class ImagePool:
    """Images to label, and labels there already are.

    Attributes:
        images: All training images, labelled or not.
        full: Those that have masks already; a plan keeps them.
        weak: Those that have boxes only; a plan may pay for masks on them once no other image is left.

    Raises:
        BudgetError: If a number is negative or over ten million, or more images are labelled than there are.
    """

    images: int
    full: int = 0
    weak: int = 0

    def __post_init__(self) -> None:
        for name in ("full", "weak"):
            if getattr(self, name) < 0:
                raise BudgetError(
                    f"{name} is {getattr(self, name)}: the labels there already are cannot be fewer than 0."
                )
        if not 1 <= self.images <= MAX_IMAGES:
            raise BudgetError(
                f"images is {self.images}: give the number of training images there are, 1 to {MAX_IMAGES:,}."
            )
        if self.full + self.weak > self.images:
            raise BudgetError(
                f"{self.full} mask and {self.weak} box images are already labelled, more than the {self.images} there "
                "are: raise the number of images, or count each labelled image once."
            )

    def new_hours(self, full: ArrayLike, weak: ArrayLike, prices: Prices) -> NDArray[np.float64]:
        """Hours still to pay for the splits `full`/`weak`, given the labels there are.

        A split with fewer masks than there are uses the rest of them as box images.
        """
        masks = np.asarray(full, dtype=np.float64) - self.full
        boxes = np.asarray(weak, dtype=np.float64) - self.weak + np.minimum(masks, 0)
        masks, boxes = np.maximum(masks, 0), np.maximum(boxes, 0)
        return (masks * prices.mask_seconds + boxes * prices.box_seconds) / SECONDS_PER_HOUR

    def affordable(self, hours: float, prices: Prices) -> tuple[Counts, Counts]:
        """Every whole |F| that `hours` can pay for, and with each the largest |W| the rest of the hours buys.

        Returns:
            |F| and |W|, shape (N,), from the masks there are to the most masks; never more images than there are.

        Raises:
            BudgetError: If the hours are not a number from 0 to a million million.
        """
        if not 0 <= hours <= _MAX_HOURS:
            raise BudgetError(f"the budget is {hours:g} hours: give a number of hours from 0 to {_MAX_HOURS:,.0f}.")
        seconds = hours * SECONDS_PER_HOUR
        masks = min(seconds / prices.mask_seconds + _LAST_DIGITS, self.images - self.full)
        full = np.arange(self.full, self.full + int(masks) + 1)
        left = seconds - (full - self.full) * prices.mask_seconds
        with np.errstate(over="ignore"):  # more boxes than a number can say are more than there are images
            bought = np.floor(left / prices.box_seconds + _LAST_DIGITS).clip(0, self.images)
        return full, np.minimum(self.weak + bought.astype(np.int64), self.images - full)
