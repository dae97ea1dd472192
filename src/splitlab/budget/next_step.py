"""What to do next: which labels to add with a few more hours, or which run of a pilot to train next."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from splitlab.budget.cost import SECONDS_PER_HOUR, ImagePool, Prices
from splitlab.budget.fit import FittedSurface
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

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


_SHARES = (1.0, 0.75, 0.5, 0.25, 0.125, 0.0)


@dataclass(frozen=True)
class RunAdvice:
    """The training that narrows a forecast most; it needs no new label.

    Attributes:
        full: |F| to train on, images.
        weak: |W| to train on, images.
        width_now: Width of the 90% interval of the plan today, AP.
        width_then: Width to expect once the run is known, AP.
    """

    full: int
    weak: int
    width_now: float
    width_then: float


def next_run(fitted: FittedSurface, planned: tuple[int, int], labels: tuple[int, int]) -> RunAdvice:
    """The split of the labels there are whose training narrows the interval of a planned split most.

    Each split not yet trained is tried with the score expected of it, and with a seed that was trained before; images
    with masks may serve as box images.

    Args:
        fitted: The surface fitted to the runs so far.
        planned: The split (F, W) that the plan forecasts.
        labels: Images labelled so far with masks and with boxes only.

    Raises:
        BudgetError: If the labels hold no mask, or every split of them has been trained.
    """
    trained = set(zip(fitted.full.tolist(), fitted.weak.tolist(), strict=True))
    untried = sorted(_splits_of(*labels) - trained)
    if not untried:
        raise BudgetError(
            f"no split of the {labels[0]} mask and {labels[1]} box images is left to train: label more first."
        )
    widths = [_width(_with_run(fitted, *split), planned) for split in untried]
    best = int(np.argmin(widths))
    return RunAdvice(*untried[best], width_now=_width(fitted, planned), width_then=widths[best])


def advice_in_words(advice: RunAdvice, fitted: FittedSurface) -> str:
    """Say which run to train next; where the runs have one seed, that a second seed comes first."""
    told = (
        f"**{advice.full:,}/{advice.weak:,}**. It would narrow the interval of this plan from "
        f"{shown(advice.width_now)} to about {shown(advice.width_then)} AP."
    )
    if fitted.luck is None or fitted.luck.seeds > 1:
        return f"The run that would tell most: {told}"
    return (
        "First train one of your splits again with another seed: no run of the same seed can show how far "
        f"seeds lie apart. Among new splits with the same seed, the run that would tell most: {told}"
    )


def _splits_of(full: int, weak: int) -> set[tuple[int, int]]:
    splits = set()
    for mask_share, box_share in product(_SHARES, _SHARES):
        masks = int(full * mask_share)
        splits.add((masks, int((full + weak - masks) * box_share)))
    return {split for split in splits if split[0] > 0}


def _with_run(fitted: FittedSurface, full: int, weak: int) -> FittedSurface:
    luck = fitted.luck and fitted.luck.with_run_of_first_seed()
    of_seed = 0.0 if luck is None else luck.of_runs[-1]
    return replace(
        fitted,
        full=np.append(fitted.full, full),
        weak=np.append(fitted.weak, weak),
        ap=np.append(fitted.ap, fitted.surface.ap(full, weak) + of_seed),
        luck=luck,
    )


def _width(fitted: FittedSurface, planned: tuple[int, int]) -> float:
    forecast = fitted.forecast(*planned)
    return float(forecast.high - forecast.low)
