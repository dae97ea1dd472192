"""What to label next: what an hour of masks and an hour of boxes would add to the labels there are."""

from dataclasses import dataclass

from splitlab.budget.annotation_cost import SECONDS_PER_HOUR, Prices
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.image_pool import ImagePool
from splitlab.errors import BudgetError


@dataclass(frozen=True)
class Gain:
    """What the next hours of one kind of label add.

    Attributes:
        full: |F| after them, images.
        weak: |W| after them, images.
        hours: Hours they take; less than asked for where whole images or the images there are end it.
        ap: Expected gain, AP.
        low: Lower end of the 90% interval of the gain.
        high: Its upper end.
    """

    full: int
    weak: int
    hours: float
    ap: float
    low: float
    high: float

    @property
    def ap_per_hour(self) -> float:
        """Expected gain for each hour of labelling, AP; 0 if nothing is left to label."""
        return self.ap / self.hours if self.hours else 0.0


@dataclass(frozen=True)
class NextLabels:
    """The two ways to go on, to be compared by `ap_per_hour`."""

    masks: Gain
    boxes: Gain


def next_labels(fitted: FittedSurface, prices: Prices, pool: ImagePool, hours: float) -> NextLabels:
    """What the next `hours` would add, spent on masks alone and on boxes alone.

    Masks go to images without a label first, then to images that have boxes.

    Args:
        fitted: The surface to go by.
        prices: Seconds per image.
        pool: Images there are and the labels to go on from; at least one mask among them.
        hours: The next hours, such as a week's; enough for one mask image.

    Raises:
        BudgetError: If there is no mask yet, or the hours do not pay for one mask image and one box image.
    """
    if pool.full == 0:
        raise BudgetError(
            "there is no mask image yet: start with a plan for a budget, what comes next is asked after it."
        )
    if hours * SECONDS_PER_HOUR < max(prices.mask_seconds, prices.box_seconds):
        raise BudgetError(f"{hours:g} hours do not pay for one image of each kind: ask about more hours.")
    mask_images = int(hours * SECONDS_PER_HOUR / prices.mask_seconds)
    box_images = int(hours * SECONDS_PER_HOUR / prices.box_seconds)
    full = min(pool.full + mask_images, pool.images)
    weak = min(pool.weak + box_images, pool.images - pool.full)
    return NextLabels(
        masks=_gain(fitted, prices, pool, full, min(pool.weak, pool.images - full)),
        boxes=_gain(fitted, prices, pool, pool.full, weak),
    )


def _gain(fitted: FittedSurface, prices: Prices, pool: ImagePool, full: int, weak: int) -> Gain:
    ap, low, high = fitted.change((pool.full, pool.weak), (full, weak))
    return Gain(full, weak, float(pool.new_hours(full, weak, prices)), ap, low, high)
