"""What to do next: which labels to add with a few more hours, or which run of a pilot to train next."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from splitlab.budget.cost import ImagePool, Prices, box_hours, cost_hours
from splitlab.budget.fit import FittedSurface
from splitlab.budget.planner import plan_for_hours
from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

# Tolerance for rounding errors, as in `ImagePool.affordable`.
_TOLERANCE = 1e-7
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.125, 0.0)
_TRIED, _NODES = 100, 15

LEAST_GAIN = 0.1
"""AP. A run that is expected to raise the plan's score by less is not worth its training for that."""

LEAST_NARROWING = 2.0
"""AP. A run that narrows the plan's interval by less is not worth its training for that."""


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
    """Which run to train next, and what it is expected to change.

    Attributes:
        full, weak: The split (F, W) to train.
        new_seed: Whether to train it with a new seed rather than with the seed of the first run.
        gain: How much the run is expected to raise the score of the plan, AP, by changing the planned split.
        narrowing: By how much it narrows the 90% interval of the planned split, AP.
        width_now: The width of that interval, AP.
    """

    full: int
    weak: int
    new_seed: bool
    gain: float
    narrowing: float
    width_now: float

    @property
    def worth(self) -> float:
        """The larger of gain and narrowing, each in units of the least that is worth a run."""
        return max(self.gain / LEAST_GAIN, self.narrowing / LEAST_NARROWING)

    @property
    def stops(self) -> bool:
        """Whether no further run is worth its training; the other attributes are then those of the best run."""
        return self.worth < 1


def next_run(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool) -> RunAdvice:
    """Find the run that tells most about the plan for `hours`; no run may tell enough.

    Every untrained split of the existing labels is tried with the seed of the first run, and the trained split with
    most masks with a new seed. The labels of the trained splits exist, whether the pool counts them or not; images with
    masks may serve as box images.

    Args:
        fitted: The surface fitted to the runs so far.
        prices: Seconds per image.
        hours: Hours of labelling to plan for.
        pool: The images and their existing labels.

    Raises:
        BudgetError: If no plan can be made for the hours, or all splits are trained and their seeds are unknown.
    """
    trained = set(zip(fitted.full.tolist(), fitted.weak.tolist(), strict=True))
    full = int(max(pool.full, fitted.full.max()))
    weak = int(max(pool.full + pool.weak, (fitted.full + fitted.weak).max())) - full
    untried = sorted(_splits_of(full, weak) - trained)
    if not untried and fitted.luck is None:
        raise BudgetError(f"no split of the {full} mask and {weak} box images is left to train: label more first.")
    best = plan_for_hours(fitted, prices, hours, pool).best
    planned, width = (best.full, best.weak), best.high - best.low
    gains = _gains(fitted, np.array(untried).reshape(-1, 2), *_payable(prices, hours, pool))
    advice = [
        RunAdvice(*split, False, float(gain), width - _width(_with_run(fitted, *split), planned), width)
        for split, gain in zip(untried, gains, strict=True)
    ]
    if fitted.luck is not None:
        then = _width(replace(fitted, luck=fitted.luck.with_new_seed(fitted.noise)), planned)
        masks, boxes = max(trained)
        advice.append(RunAdvice(int(masks), int(boxes), True, gain=0.0, narrowing=width - then, width_now=width))
    return max(advice, key=lambda run: run.worth)


def advice_in_words(advice: RunAdvice) -> str:
    """Say which run to train next or that the pilot may stop, in Markdown."""
    if advice.stops:
        return (
            f"**Stop here.** Another run is expected to raise the plan's score by less than {LEAST_GAIN:g} AP and to "
            f"narrow its interval by less than {LEAST_NARROWING:g} AP."
        )
    narrows = (
        f"narrow the plan's interval from {shown(advice.width_now)} to about "
        f"{shown(advice.width_now - advice.narrowing)} AP"
    )
    if advice.new_seed:
        return f"Train **{advice.full:,}/{advice.weak:,}** next, with a new seed. Expect it to {narrows}."
    return (
        f"Train **{advice.full:,}/{advice.weak:,}** next, with the seed of your first run. Expect it to raise the "
        f"plan's score by {advice.gain:.2f} AP and to {narrows}."
    )


def _payable(prices: Prices, hours: float, pool: ImagePool) -> tuple[Floats, Floats]:
    """Return some of the splits that the hours pay for, each |F| with the most boxes and with none."""
    full, weak = pool.affordable(hours, prices)
    some = np.unique(np.linspace(0, full.size - 1, _TRIED).round().astype(int))
    some = some[full[some] > 0]
    masks = np.tile(full[some], 2).astype(np.float64)
    return masks, np.concatenate([weak[some], 0 * some]).astype(np.float64)


def _gains(fitted: FittedSurface, runs: NDArray[np.int64], full: Floats, weak: Floats) -> Floats:
    """Return how much each run, shape (N, 2), is expected to raise the best score of the splits `full`/`weak`, AP.

    A run moves all expected scores together, by as much as it agrees with them. This is the knowledge gradient of
    Frazier, Powell and Dayanik (2009) on the surface linearised at the fit.
    """
    ap, covariance = fitted.surface.ap(full, weak), fitted.covariance
    of_splits = fitted.slopes(full, weak)
    contrast = np.broadcast_to(fitted.contrasts[:1], (len(runs), fitted.contrasts.shape[1]))
    slopes = np.hstack([fitted.slopes(runs[:, 0], runs[:, 1]), contrast])
    agree = slopes @ covariance
    variance = np.sum(agree * slopes, axis=1)
    moves = (agree[:, : of_splits.shape[1]] @ of_splits.T) / np.sqrt(variance + fitted.noise**2)[:, np.newaxis]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    best = (ap[:, np.newaxis] + moves[:, :, np.newaxis] * nodes).max(axis=1)
    return np.asarray(best @ weights / weights.sum() - ap.max(), dtype=np.float64)


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
