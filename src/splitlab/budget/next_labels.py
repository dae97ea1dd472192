"""What to label next: what the same hours would add to the labels there are, put into masks or into boxes first."""

from dataclasses import dataclass

from splitlab.budget.annotation_cost import SECONDS_PER_HOUR, Prices
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.image_pool import ImagePool
from splitlab.errors import BudgetError

# What a division of hours by a price may lose, as in `ImagePool.affordable`.
_LAST_DIGITS = 1e-7


@dataclass(frozen=True)
class Gain:
    """What the next hours add.

    Attributes:
        full: |F| after them, images.
        weak: |W| after them, images.
        hours: Hours they take; less than asked for where whole images, or masks on every image, end it.
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
    """The two ways to go on, to be compared by `ap_per_hour`: both take the same hours, but for whole images.

    Attributes:
        masks: All hours on masks.
        boxes: The hours on boxes, and what is left of them, once every image has a label, on masks; None if every
            image has a label already.
        box_images: Images that get boxes on the second way.
        box_hours: Hours those boxes take.
    """

    masks: Gain
    boxes: Gain | None
    box_images: int
    box_hours: float


def next_labels(fitted: FittedSurface, prices: Prices, pool: ImagePool, hours: float) -> NextLabels:
    """What the next `hours` would add, spent on masks, or on boxes for as long as there are images for them.

    Masks go to images without a label first, then to images that have boxes.

    Args:
        fitted: The surface to go by.
        prices: Seconds per image.
        pool: Images there are and the labels to go on from; at least one mask among them, and one image without.
        hours: The next hours, such as a week's; enough for one mask image.

    Raises:
        BudgetError: If there is no mask yet, every image has masks, or the hours do not pay for one mask image and one
            box image.
    """
    if pool.full == 0:
        raise BudgetError(
            "there is no mask image yet: start with a plan for a budget, what comes next is asked after it."
        )
    if pool.full == pool.images:
        raise BudgetError(f"all {pool.images:,} images have masks: nothing is left to label.")
    if hours * SECONDS_PER_HOUR < max(prices.mask_seconds, prices.box_seconds):
        raise BudgetError(f"{hours:g} hours do not pay for one image of each kind: ask about more hours.")
    boxes = min(_images_for(hours, prices.box_seconds), pool.images - pool.full - pool.weak)
    box_hours = boxes * prices.box_seconds / SECONDS_PER_HOUR
    return NextLabels(
        masks=_gain(fitted, prices, pool, 0, hours),
        boxes=_gain(fitted, prices, pool, boxes, hours) if boxes else None,
        box_images=boxes,
        box_hours=box_hours,
    )


def _images_for(hours: float, seconds: float) -> int:
    return int(min(hours * SECONDS_PER_HOUR / seconds + _LAST_DIGITS, 1e9))


def _gain(fitted: FittedSurface, prices: Prices, pool: ImagePool, boxes: int, hours: float) -> Gain:
    """What `boxes` new box images add, with masks for the hours that are left once no image is without a label."""
    box_hours = boxes * prices.box_seconds / SECONDS_PER_HOUR
    no_image_left = pool.full + pool.weak + boxes == pool.images
    on_masks = hours - box_hours if no_image_left or not boxes else 0.0
    masks = min(_images_for(on_masks, prices.mask_seconds), pool.images - pool.full)
    full = pool.full + masks
    weak = min(pool.weak + boxes, pool.images - full)
    ap, low, high = fitted.change((pool.full, pool.weak), (full, weak))
    return Gain(full, weak, box_hours + masks * prices.mask_seconds / SECONDS_PER_HOUR, ap, low, high)
