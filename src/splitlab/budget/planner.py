"""Find the best split for given hours, or the cheapest split for a given score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from splitlab.budget.cost import ImagePool, Prices, cost_hours, mask_share
from splitlab.budget.fit import FittedSurface
from splitlab.budget.law import EquiscoreLaw
from splitlab.budget.surface import Floats
from splitlab.budget.trained_splits import cheapest_for_score, results_of
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

if TYPE_CHECKING:
    import pandas as pd

    from splitlab.budget.cost import Counts

FLAT_LOSS = 0.5
"""Splits that lose at most this much AP against the best one form the flat region."""

# Where the law gives a whole number of boxes, a rounding error must not buy one more.
_TOLERANCE = 1e-9

_Limit = Literal["prices", "law", "images"]


@dataclass(frozen=True)
class SplitForecast:
    """A split, the hours it still takes to label, and its expected score.

    Attributes:
        full, weak: |F| and |W|, images, including those already labelled.
        hours: Hours of labelling still to pay.
        ap, low, high: Expected mask AP, 0..100, with its 90% interval; `interval_in_words` says what that is for.
        extrapolates: Whether F or W lies outside the results behind the forecast.
    """

    full: int
    weak: int
    hours: float
    ap: float
    low: float
    high: float
    extrapolates: bool


@dataclass(frozen=True)
class Plan:
    """The best split for a budget, and what else the same hours would buy.

    Attributes:
        best: The split with the highest expected score.
        fewest_flat, most_flat: The splits of the flat region with the fewest and the most masks.
        fewest_masks: The box extreme: as few masks as were ever trained, and boxes for the remaining hours. It costs
            less than the budget if every image has a label before the hours are spent.
        most_masks: The mask extreme: as many masks as the hours or the images allow.
    """

    best: SplitForecast
    fewest_flat: SplitForecast
    most_flat: SplitForecast
    fewest_masks: SplitForecast
    most_masks: SplitForecast


def plan_for_hours(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool) -> Plan:
    """Find the split with the highest expected score for `hours` of labelling.

    Every affordable number of masks is tried, each with the most boxes that the remaining hours buy and with none.

    Raises:
        BudgetError: If the hours are out of range or do not pay for a single mask image.
    """
    full, weak, ap = _scored(fitted, prices, hours, pool)
    best = int(np.argmax(ap))
    worse = np.flatnonzero(ap < ap[best] - FLAT_LOSS)
    first = int(worse[worse < best].max(initial=-1)) + 1
    last = int(worse[worse > best].min(initial=full.size)) - 1
    fewest = int(np.clip(fitted.full.min() - pool.full, 0, full.size - 1))

    def forecast(index: int) -> SplitForecast:
        return forecast_split(fitted, prices, int(full[index]), int(weak[index]), pool)

    return Plan(*(forecast(index) for index in (best, first, last, fewest, full.size - 1)))


def plan_for_score(fitted: FittedSurface, prices: Prices, ap: float, pool: ImagePool) -> Plan:
    """Find the cheapest split whose expected score is `ap` or more, and what else its hours would buy.

    Raises:
        BudgetError: If the score is not between 0 and 100, or out of reach with these images.
    """
    full = np.arange(pool.full, pool.images + 1)
    needed = np.ceil(fitted.surface.weak_for(ap, full))
    within = needed <= pool.images - full
    if not within.any():
        raise BudgetError(_out_of_reach(fitted, prices, ap, pool))
    hours = float(pool.new_hours(full[within], needed[within], prices).min())
    return plan_for_hours(fitted, prices, hours, pool)


def forecast_split(fitted: FittedSurface, prices: Prices, full: int, weak: int, pool: ImagePool) -> SplitForecast:
    """Forecast a given split.

    Raises:
        BudgetError: If it needs more images than exist, or has fewer masks than already exist.
    """
    if full < pool.full:
        raise BudgetError(
            f"{full}/{weak} cannot be labelled: {pool.full} images already have masks. Give {pool.full} masks or more."
        )
    if full + weak > pool.images:
        raise BudgetError(f"{full}/{weak} cannot be labelled: there are {pool.images} images.")
    forecast = fitted.forecast(full, weak)
    return SplitForecast(
        full=full,
        weak=weak,
        hours=float(pool.new_hours(full, weak, prices)),
        ap=float(forecast.ap),
        low=float(forecast.low),
        high=float(forecast.high),
        extrapolates=bool(forecast.extrapolates),
    )


def budget_line(
    fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool, points: int = 200
) -> pd.DataFrame:
    """Forecast each affordable |F| with the better of most boxes and none, for the chart of a plan.

    Returns:
        At most `points` rows with the columns of `SplitForecast`.
    """
    full, weak, _ = _scored(fitted, prices, hours, pool)
    drawn = np.unique(np.linspace(0, full.size - 1, points).round().astype(int))
    return _forecast_table(fitted, prices, full[drawn], weak[drawn], pool)


def best_splits(fitted: FittedSurface, prices: Prices, budgets: Iterable[float], pool: ImagePool) -> pd.DataFrame:
    """Find the best split for each budget in hours, for the curve of expected score against hours.

    Returns:
        One row for each budget: budget (hours) and the columns of `SplitForecast`.
    """
    budgets = list(budgets)
    best = []
    for hours in budgets:
        full, weak, ap = _scored(fitted, prices, hours, pool)
        best.append((full[np.argmax(ap)], weak[np.argmax(ap)]))
    masks, boxes = np.array(best, dtype=np.int64).reshape(-1, 2).T
    table = _forecast_table(fitted, prices, masks, boxes, pool)
    table.insert(0, "budget", budgets)
    return table


def _forecast_table(fitted: FittedSurface, prices: Prices, full: Counts, weak: Counts, pool: ImagePool) -> pd.DataFrame:
    # Only pages need tables: a plan on the command line starts without pandas.
    import pandas as pd

    hours = pool.new_hours(full, weak, prices)
    return pd.DataFrame({"full": full, "weak": weak, "hours": hours, **asdict(fitted.forecast(full, weak))})


def _scored(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool) -> tuple[Counts, Counts, Floats]:
    full, weak = pool.affordable(hours, prices)
    if full[-1] == 0:
        raise BudgetError(
            f"{hours:g} hours do not pay for the masks of one image ({prices.mask_seconds:g} s). A model trained "
            "without masks cannot be scored on masks."
        )
    # A surface that falls with boxes falls with the first; it then rises with their number.
    with_boxes, without = fitted.surface.ap(full, weak), fitted.surface.ap(full, 0)
    return full, np.where(without > with_boxes, 0, weak), np.maximum(with_boxes, without)


def _out_of_reach(fitted: FittedSurface, prices: Prices, ap: float, pool: ImagePool) -> str:
    most = fitted.forecast(pool.images, 0)
    text = (
        f"a score of {ap:g} is out of reach: masks on all {pool.images:,} images are expected to give "
        f"{shown(float(most.ap))} ({shown(float(most.low))} to {shown(float(most.high))})."
    )
    reached = cheapest_for_score(results_of(fitted), prices, ap, pool)
    if reached is None:
        return f"{text} Ask for less, or find more images."
    return (
        f"{text} However, {reached.full:,}/{reached.weak:,} of the underlying results scored {shown(reached.ap)} for "
        f"{reached.hours:,.1f} hours: label that split, or ask for less."
    )


@dataclass(frozen=True)
class CheapestPoint:
    """The cheapest whole-image split on or just above an equiscore curve, with its hours and the share spent on masks.

    `decided_by` is "prices" at the tangent point; "law" or "images" if that limit stopped short of it.
    """

    full: int
    weak: int
    hours: float
    mask_share: float
    decided_by: _Limit


def cheapest_point(law: EquiscoreLaw, prices: Prices, images: int) -> CheapestPoint:
    """Find the cheapest split on the equiscore curve |W| = k phi0^2 / |F|, whose splits score about the same.

    Args:
        law: k and phi0, such as `EquiscoreLaw(k=1, phi0=1464)` for YOLOv5 on VOC2012.
        prices: Seconds per image.
        images: Number of training images, the limit of |F| + |W|.

    Returns:
        full, weak, hours, mask_share (0 to 1), and decided_by: what limits the split.

    Raises:
        BudgetError: If the law holds for no split of so many images.
    """
    least, most = allowed_full(law, images)
    tangent = min(max(tangent_full(law, prices), least), most)
    # Compare costs on the curve itself: rounding |W| up to whole images would shift |F| by a few images
    # (581 instead of 584 on VOC2012).
    full = min((math.floor(tangent), math.ceil(tangent)), key=lambda f: cost_hours(f, float(law.weak(f)), prices))
    weak = math.ceil(float(law.weak(full)) - _TOLERANCE)
    return CheapestPoint(
        full=full,
        weak=weak,
        hours=cost_hours(full, weak, prices),
        mask_share=mask_share(full, weak, prices),
        decided_by=_decided_by(law, prices, images),
    )


def tangent_full(law: EquiscoreLaw, prices: Prices) -> float:
    """Return the |F| at which the curve touches a line of equal cost, in images, ignoring all limits.

    On W = k phi0^2 / F the cost cF F + cW W is least where cF F = cW W: half of the cost on masks, half on boxes.
    Hence F = phi0 sqrt(k cW / cF), and W / F is the price ratio. It follows from Eq. 5.
    """
    return law.phi0 * math.sqrt(law.k / prices.mask_to_box)


def allowed_full(law: EquiscoreLaw, images: int) -> tuple[int, int]:
    """Return the range of whole |F| where the law holds and |F| + |W| <= `images`."""
    low, high = law.valid_full
    area = law.k * law.phi0 * law.phi0
    # F + area / F is least at sqrt(area), and equals `images` at the two roots of F^2 - images F + area.
    least_images_at = min(max(math.sqrt(area), low), high)
    need = least_images_at + area / least_images_at
    root = math.sqrt(max(images * images / 4 - area, 0))
    least, most = math.ceil(max(low, images / 2 - root)), math.floor(min(high, images / 2 + root))
    if images < need or least > most:
        raise BudgetError(
            f"this curve has no split within {images:,} images: it needs {need:,.0f} images, and a phi0 of at least 10."
        )
    return least, most


def _decided_by(law: EquiscoreLaw, prices: Prices, images: int) -> _Limit:
    tangent = tangent_full(law, prices)
    low, high = law.valid_full
    inside = min(max(tangent, low), high)
    if inside + float(law.weak(inside)) > images:
        return "images"
    return "prices" if inside == tangent else "law"
