"""What labels cost: seconds for a mask and a box, hours for a split, and how many images there are to label."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitlab.errors import BudgetError

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_HOUR = 3600.0

Amount = TypeVar("Amount", float, "NDArray[np.number[Any]]", "pd.Series[Any]")
"""Images or hours: one number, a numpy array, or a column of a table."""


@dataclass(frozen=True)
class Prices:
    """What one image's labels cost, in seconds of an annotator's time.

    A mask image is paid once: its boxes follow from its masks (Sec. 3.1), so `mask_seconds` holds both.

    Attributes:
        box_seconds: Seconds to draw the boxes of one image of W.
        mask_seconds: Seconds to draw the masks of one image of F.
        name: Whose prices these are, for legends and reports.

    Raises:
        BudgetError: If a price is not a positive, finite number.
    """

    box_seconds: float
    mask_seconds: float
    name: str = "own prices"

    def __post_init__(self) -> None:
        for label, seconds in (("box_seconds", self.box_seconds), ("mask_seconds", self.mask_seconds)):
            if not (math.isfinite(seconds) and seconds > 0):
                raise BudgetError(
                    f"{label} is {seconds}: give the seconds per image as a number above 0, such as 38.1."
                )

    @classmethod
    def per_instance(
        cls, box_seconds: float, mask_seconds: float, instances_per_image: float, name: str = "own prices"
    ) -> Self:
        """Prices per image from what one object costs.

        Args:
            box_seconds: Seconds to draw one box.
            mask_seconds: Seconds to draw one mask.
            instances_per_image: Mean number of objects in an image.
            name: Whose prices these are.

        Raises:
            BudgetError: If one of the three numbers is not positive and finite.
        """
        if not (math.isfinite(instances_per_image) and instances_per_image > 0):
            raise BudgetError(
                f"instances_per_image is {instances_per_image}: give the mean number of objects, such as 2.8."
            )
        return cls(box_seconds * instances_per_image, mask_seconds * instances_per_image, name)

    @property
    def mask_to_box(self) -> float:
        """How many box images one mask image costs; also W/F at the cheapest point of an equiscore curve."""
        return self.mask_seconds / self.box_seconds


VOC2012 = Prices(box_seconds=38.1, mask_seconds=239.7, name="VOC2012")
CITYSCAPES = Prices(box_seconds=127.5, mask_seconds=1387.5, name="Cityscapes")

PRESETS: Mapping[str, Prices] = MappingProxyType({prices.name: prices for prices in (VOC2012, CITYSCAPES)})
"""Table 1, by the data set's name as it stands in a results table."""


def prices_for(dataset: str) -> Prices:
    """A data set's own prices, or VOC2012's where the paper has none for it.

    A name such as "Cityscapes (car, bus)", of some classes alone, stands for the data set before the bracket.
    """
    return PRESETS.get(dataset.split(" (", maxsplit=1)[0], VOC2012)


def preset(dataset: str) -> Prices:
    """The prices of Table 1 for a data set, whatever the case of its name; `.name` is as results tables have it.

    Raises:
        BudgetError: If Table 1 has no such data set.
    """
    for name, prices in PRESETS.items():
        if name.lower() == dataset.strip().lower():
            return prices
    raise BudgetError(f"no prices for data set {dataset!r}: choose {' or '.join(PRESETS)}, or give seconds per image.")


def mask_hours(full: Amount, prices: Prices) -> Amount:
    """Hours to label `full` images with masks.

    Raises:
        BudgetError: If a count is negative or not a number.
    """
    _check_counts("full", full)
    return full * prices.mask_seconds / SECONDS_PER_HOUR


def box_hours(weak: Amount, prices: Prices) -> Amount:
    """Hours to label `weak` images with boxes.

    Raises:
        BudgetError: If a count is negative or not a number.
    """
    _check_counts("weak", weak)
    return weak * prices.box_seconds / SECONDS_PER_HOUR


def cost_hours(full: Amount, weak: Amount, prices: Prices) -> Amount:
    """Return the hours it takes to label `full` images with masks and `weak` images with boxes (Sec. 3.2).

    Args:
        full: |F|, images: a number, a NumPy array or a column of a table.
        weak: |W|, images, in the same shape.
        prices: Seconds per image, such as `VOC2012`.

    Raises:
        BudgetError: If a count is negative or not a number.
    """
    return mask_hours(full, prices) + box_hours(weak, prices)


def mask_share(full: float, weak: float, prices: Prices) -> float:
    """Share of the annotation cost of one split that is spent on masks, 0..1; 0 where nothing is labelled.

    Raises:
        BudgetError: If a count is negative or not a number.
    """
    hours = cost_hours(full, weak, prices)
    return mask_hours(full, prices) / hours if hours else 0.0


def _check_counts(name: str, images: Any) -> None:
    # Works for a single number without numpy: `splitlab cost` starts without it.
    fine, is_single = (images >= 0) & (images < math.inf), isinstance(images, Real)
    wrong = [images] * (not fine) if is_single else list(images[~fine])
    if wrong:
        raise BudgetError(f"{name} is {wrong[0]:g}: give a number of images, 0 or more.")


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
