"""What to do next: which labels to add with a few more hours, or which run of a pilot to train next."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from splitlab.budget.cost import ImagePool, Prices, box_hours, cost_hours
from splitlab.budget.fit import FittedSurface
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

# Tolerance for rounding errors, as in `ImagePool.affordable`.
_TOLERANCE = 1e-7
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.125, 0.0)


@dataclass(frozen=True)
class Gain:
    """What the next hours add: the split (F, W) after them, and the expected gain in AP with its 90% interval.

    The hours are fewer than asked for if they do not divide into whole images, or no image is left.
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
    """Two ways to spend the same hours, to be compared by `ap_per_hour`.

    Attributes:
        masks: All hours on masks.
        boxes: The hours on boxes, and on masks once every image has a label; None if every image has one already.
        box_images, box_hours: Images that get boxes in the second way, and the hours that takes.
    """

    masks: Gain
    boxes: Gain | None
    box_images: int
    box_hours: float


def next_labels(fitted: FittedSurface, prices: Prices, pool: ImagePool, hours: float) -> NextLabels:
    """Forecast what the next `hours` would add, spent on masks or on boxes.

    Masks go to images without a label first, then to images that have boxes.

    Args:
        fitted: The fitted AP surface.
        prices: Seconds per image.
        pool: The images and their existing labels, with at least one mask.
        hours: The next hours, such as a week's.

    Raises:
        BudgetError: If no image has masks, every image has masks, or the hours do not pay for an image of each kind.
    """
    if pool.full == 0:
        raise BudgetError("no image has masks yet: start with a plan for a budget.")
    if pool.full == pool.images:
        raise BudgetError(f"all {pool.images:,} images have masks: nothing is left to label.")
    if min(prices.masks_for(hours), prices.boxes_for(hours)) < 1:
        raise BudgetError(f"{hours:g} hours do not pay for one image of each kind: give more hours.")
    boxes = min(_whole(prices.boxes_for(hours)), pool.images - pool.full - pool.weak)
    return NextLabels(
        masks=_gain(fitted, prices, pool, 0, hours),
        boxes=_gain(fitted, prices, pool, boxes, hours) if boxes else None,
        box_images=boxes,
        box_hours=box_hours(boxes, prices),
    )


def _whole(images: float) -> int:
    return int(min(images + _TOLERANCE, 1e9))


def _gain(fitted: FittedSurface, prices: Prices, pool: ImagePool, boxes: int, hours: float) -> Gain:
    """Forecast the gain of `boxes` new box images, and of masks for the remaining hours if every image has a label."""
    all_labelled = pool.full + pool.weak + boxes == pool.images
    hours_for_masks = hours - box_hours(boxes, prices) if all_labelled or not boxes else 0.0
    masks = min(_whole(prices.masks_for(hours_for_masks)), pool.images - pool.full)
    full = pool.full + masks
    weak = min(pool.weak + boxes, pool.images - full)
    ap, low, high = fitted.change((pool.full, pool.weak), (full, weak))
    return Gain(full, weak, cost_hours(masks, boxes, prices), ap, low, high)


@dataclass(frozen=True)
class RunAdvice:
    """The split (F, W) whose training narrows a forecast most, and the width of the 90% interval now and then, AP."""

    full: int
    weak: int
    width_now: float
    width_then: float


def next_run(fitted: FittedSurface, planned: tuple[int, int], labels: tuple[int, int]) -> RunAdvice:
    """Find the split of the existing labels whose training narrows the interval of a planned split most.

    Each untrained split is tried with its expected score and with a seed that was trained before. Images with masks
    may serve as box images.

    Args:
        fitted: The surface fitted to the runs so far.
        planned: The split (F, W) that the plan forecasts.
        labels: Images labelled so far with masks, and with boxes only.

    Raises:
        BudgetError: If there are no masks, or every such split has been trained.
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
    """Say which run to train next, in Markdown; if all runs have one seed, recommend a second seed first."""
    text = (
        f"**{advice.full:,}/{advice.weak:,}**. It would narrow the interval of this plan from "
        f"{shown(advice.width_now)} to about {shown(advice.width_then)} AP."
    )
    if fitted.luck is None or fitted.luck.seeds > 1:
        return f"The most informative run: {text}"
    return (
        "First train one of your splits again with another seed: runs with one seed cannot show how much seeds "
        f"differ. The most informative new split with the same seed: {text}"
    )


def _splits_of(full: int, weak: int) -> set[tuple[int, int]]:
    masks = [int(full * share) for share in _SHARES]
    return {(f, int((full + weak - f) * share)) for f, share in product(masks, _SHARES) if f > 0}


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
