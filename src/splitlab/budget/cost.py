"""What labels cost: seconds for a mask and a box, hours for a split, and the images there are to label.

Importing this module does not import numpy: `splitlab cost` must start quickly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from splitlab.errors import BudgetError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Counts = NDArray[np.int64]

_SECONDS_PER_HOUR = 3600.0
MAX_IMAGES = 10_000_000
_MAX_HOURS = 1e12
# Tolerance for rounding errors: without it 10 hours might not buy the labels that cost 10 hours.
_TOLERANCE = 1e-7

Amount = TypeVar("Amount", float, "NDArray[np.number[Any]]", "pd.Series[Any]")
"""Images or hours: a number, a numpy array, or a column of a table."""


@dataclass(frozen=True)
class Prices:
    """What the labels of one image cost, in seconds of an annotator's time.

    An image with masks is paid once: its boxes follow from its masks (Sec. 3.1).

    Attributes:
        box_seconds: Seconds to draw the boxes of one image of W.
        mask_seconds: Seconds to draw the masks of one image of F.
        name: Name of these prices, for legends and reports.

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
        """Return prices per image, given the seconds per object and the mean number of objects in an image."""
        if not (math.isfinite(instances_per_image) and instances_per_image > 0):
            raise BudgetError(
                f"instances_per_image is {instances_per_image}: give the mean number of objects, such as 2.8."
            )
        return cls(box_seconds * instances_per_image, mask_seconds * instances_per_image, name)

    @property
    def mask_to_box(self) -> float:
        """Price ratio: the number of images with boxes that cost as much as one image with masks."""
        return self.mask_seconds / self.box_seconds

    def masks_for(self, hours: float) -> float:
        """Return the number of images that `hours` can label with masks, not rounded."""
        return hours * _SECONDS_PER_HOUR / self.mask_seconds

    def boxes_for(self, hours: float) -> float:
        """Return the number of images that `hours` can label with boxes, not rounded."""
        return hours * _SECONDS_PER_HOUR / self.box_seconds


VOC2012 = Prices(box_seconds=38.1, mask_seconds=239.7, name="VOC2012")
CITYSCAPES = Prices(box_seconds=127.5, mask_seconds=1387.5, name="Cityscapes")

PRESETS: Mapping[str, Prices] = MappingProxyType({prices.name: prices for prices in (VOC2012, CITYSCAPES)})
"""Table 1 of the paper, by dataset name."""


def prices_for(dataset: str) -> Prices:
    """Return the paper's prices for a dataset, or those of VOC2012 if it has none.

    A name such as "Cityscapes (car, bus)", for some of the classes, means the dataset before the bracket.
    """
    return PRESETS.get(dataset.split(" (", maxsplit=1)[0], VOC2012)


def preset(dataset: str) -> Prices:
    """Return the prices of Table 1 for a dataset; the case of the name does not matter.

    Raises:
        BudgetError: If Table 1 has no such dataset.
    """
    for name, prices in PRESETS.items():
        if name.lower() == dataset.strip().lower():
            return prices
    raise BudgetError(f"no prices for dataset {dataset!r}: choose {' or '.join(PRESETS)}, or give seconds per image.")


def mask_hours(full: Amount, prices: Prices) -> Amount:
    """Return the hours to label `full` images with masks."""
    _check_counts("full", full)
    return full * prices.mask_seconds / _SECONDS_PER_HOUR


def box_hours(weak: Amount, prices: Prices) -> Amount:
    """Return the hours to label `weak` images with boxes."""
    _check_counts("weak", weak)
    return weak * prices.box_seconds / _SECONDS_PER_HOUR


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
    """Return the share of a split's cost that is spent on masks, 0..1; 0 if nothing is labelled."""
    hours = cost_hours(full, weak, prices)
    return mask_hours(full, prices) / hours if hours else 0.0


def equal_cost_weak(full: ArrayLike, hours: float, prices: Prices) -> NDArray[np.float64]:
    """Return the |W| that `hours` still buy beside |F| mask images; negative where the masks alone cost more."""
    import numpy as np

    masks = np.asarray(full, dtype=np.float64)
    return (hours * _SECONDS_PER_HOUR - masks * prices.mask_seconds) / prices.box_seconds


def _check_counts(name: str, images: Any) -> None:
    is_valid, is_single = (images >= 0) & (images < math.inf), isinstance(images, Real)
    wrong = [images] * (not is_valid) if is_single else list(images[~is_valid])
    if wrong:
        raise BudgetError(f"{name} is {wrong[0]:g}: give a number of images, 0 or more.")


@dataclass(frozen=True)
class ImagePool:
    """The images of a project and the labels they already have.

    Attributes:
        images: Number of training images, labelled or not.
        full: Images that already have masks; a plan keeps them.
        weak: Images that have boxes only. A plan may buy masks for them once every image has a label.

    Raises:
        BudgetError: If a number is out of range, or more images are labelled than exist.
    """

    images: int
    full: int = 0
    weak: int = 0

    def __post_init__(self) -> None:
        for name in ("full", "weak"):
            if getattr(self, name) < 0:
                raise BudgetError(f"{name} is {getattr(self, name)}: the number of labelled images cannot be negative.")
        if not 1 <= self.images <= MAX_IMAGES:
            raise BudgetError(f"images is {self.images}: give the number of training images, 1 to {MAX_IMAGES:,}.")
        if self.full + self.weak > self.images:
            raise BudgetError(
                f"{self.full} images with masks and {self.weak} with boxes are more than the {self.images} images in "
                "total: raise the number of images, or count each labelled image once."
            )

    def new_hours(self, full: ArrayLike, weak: ArrayLike, prices: Prices) -> NDArray[np.float64]:
        """Return the hours still to pay for the splits `full`/`weak`, given the existing labels.

        A split with fewer masks than already exist uses the remaining mask images as box images.
        """
        import numpy as np

        masks = np.asarray(full, dtype=np.float64) - self.full
        boxes = np.asarray(weak, dtype=np.float64) - self.weak + np.minimum(masks, 0)
        masks, boxes = np.maximum(masks, 0), np.maximum(boxes, 0)
        return (masks * prices.mask_seconds + boxes * prices.box_seconds) / _SECONDS_PER_HOUR

    def affordable(self, hours: float, prices: Prices) -> tuple[Counts, Counts]:
        """Return every |F| that `hours` can pay for, each with the largest |W| that the remaining hours buy.

        Returns:
            |F| and |W|, shape (N,), from the existing masks to the most masks, within the number of images.

        Raises:
            BudgetError: If the hours are out of range.
        """
        import numpy as np

        if not 0 <= hours <= _MAX_HOURS:
            raise BudgetError(f"the budget is {hours:g} hours: give a number of hours from 0 to {_MAX_HOURS:,.0f}.")
        masks = min(prices.masks_for(hours) + _TOLERANCE, self.images - self.full)
        full = np.arange(self.full, self.full + int(masks) + 1)
        left = hours * _SECONDS_PER_HOUR - (full - self.full) * prices.mask_seconds
        with np.errstate(over="ignore"):  # an overflow means more boxes than images, which is clipped
            bought = np.floor(left / prices.box_seconds + _TOLERANCE).clip(0, self.images)
        return full, np.minimum(self.weak + bought.astype(np.int64), self.images - full)
