"""Find the best split for given hours, or the cheapest split for a given score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitlab.budget.cost import SECONDS_PER_HOUR, Counts, ImagePool, Prices, cost_hours, mask_share
from splitlab.budget.fit import FittedSurface
from splitlab.budget.law import EquiscoreLaw
from splitlab.budget.surface import Floats
from splitlab.budget.trained_splits import cheapest_for_score, results_of
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

if TYPE_CHECKING:
    import pandas as pd

# Where the law meets a whole number of boxes, rounding must not buy one more.
_LAST_DIGIT = 1e-9

_Limit = Literal["prices", "law", "images"]


@dataclass(frozen=True)
class CheapestPoint:
    """The cheapest whole-image split on or just above an equiscore curve.

    Attributes:
        full: |F|, images.
        weak: |W|, images.
        hours: Its annotation cost.
        mask_share: Share of the cost spent on masks, 0..1; half if only the prices decide.
        decided_by: "prices" at the tangent point; "law" or "images" if that limit stopped short of it.
    """

    full: int
    weak: int
    hours: float
    mask_share: float
    decided_by: _Limit


def tangent_full(law: EquiscoreLaw, prices: Prices) -> float:
    """|F| at which the curve touches a line of equal cost, images, whatever the limits.

    On W = k phi0^2 / F the cost cF F + cW W is least where cF F = cW W: half of the money on masks, half on boxes, so
    F = phi0 sqrt(k cW / cF), and W / F is the price of a mask image in box images. It follows from Eq. 5.
    """
    return law.phi0 * math.sqrt(law.k / prices.mask_to_box)


def _allowed_full(law: EquiscoreLaw, images: int) -> tuple[int, int]:
    """The least and the largest whole |F| at which the law holds and |F| + |W| does not exceed the images there are.

    Raises:
        BudgetError: If there is none: it says how many images the curve would need.
    """
    low, high = law.valid_full
    area = law.k * law.phi0 * law.phi0
    roomiest = min(max(math.sqrt(area), low), high)
    need = roomiest + area / roomiest
    # F + area / F = images at the two roots of F^2 - images F + area.
    root = math.sqrt(max(images * images / 4 - area, 0))
    least, most = math.ceil(max(low, images / 2 - root)), math.floor(min(high, images / 2 + root))
    if images < need or least > most:
        raise BudgetError(
            f"this curve has no split within {images:,} images: it needs {need:,.0f} of them, and a phi0 of 10 or more."
        )
    return least, most


def cheapest_point(law: EquiscoreLaw, prices: Prices, images: int) -> CheapestPoint:
    """Find the cheapest split on the equiscore curve |W| = k phi0^2 / |F|, whose splits score about the same.

    Args:
        law: k and phi0, such as `EquiscoreLaw(k=1, phi0=1464)` for YOLOv5 on VOC2012.
        prices: Seconds per image.
        images: Training images there are; |F| + |W| cannot exceed them.

    Returns:
        full, weak, hours, mask_share (0 to 1), and decided_by: what limits the split.

    Raises:
        BudgetError: If the law holds for no split of so many images.
    """
    least, most = _allowed_full(law, images)
    touch = min(max(tangent_full(law, prices), least), most)
    # The curve's own cost decides, not the cost of whole boxes: rounding |W| up by less than an image would
    # send |F| a few images astray (581 instead of 584 on VOC2012).
    full = min((math.floor(touch), math.ceil(touch)), key=lambda f: cost_hours(f, float(law.weak(f)), prices))
    weak = math.ceil(float(law.weak(full)) - _LAST_DIGIT)
    return CheapestPoint(
        full=full,
        weak=weak,
        hours=cost_hours(full, weak, prices),
        mask_share=mask_share(full, weak, prices),
        decided_by=_decided_by(law, prices, images),
    )


def equal_cost_weak(full: ArrayLike, hours: float, prices: Prices) -> NDArray[np.float64]:
    """|W| that `hours` still buy beside |F| mask images: the line of equal cost; below 0 where the money is spent.

    Args:
        full: |F|, any shape.
        hours: The cost that is equal along the line.
        prices: Seconds per image.
    """
    masks = np.asarray(full, dtype=np.float64)
    return (hours * SECONDS_PER_HOUR - masks * prices.mask_seconds) / prices.box_seconds


def _decided_by(law: EquiscoreLaw, prices: Prices, images: int) -> _Limit:
    tangent = tangent_full(law, prices)
    low, high = law.valid_full
    inside = min(max(tangent, low), high)
    if inside + float(law.weak(inside)) > images:
        return "images"
    return "prices" if inside == tangent else "law"


FLAT_LOSS = 0.5
"""AP that splits of the flat region may lose against the best one."""


@dataclass(frozen=True)
class SplitForecast:
    """A split, what is still to pay for it, and the score to expect.

    Attributes:
        full: |F|, images with masks, those already labelled among them.
        weak: |W|, images with boxes only, likewise.
        hours: Hours of labelling still to pay.
        ap: Expected mask AP, 0..100.
        low: Lower end of the 90% interval; `caveats.interval_in_words` says what it is for.
        high: Its upper end.
        extrapolates: Whether F or W lies outside the results the forecast rests on.
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
    """The best split for a budget, and what else the same money would buy.

    Attributes:
        best: The split with the highest expected score.
        fewest_flat: The split with the fewest masks that loses at most `FLAT_LOSS` AP against the best.
        most_flat: The split with the most masks that does; all between them do, too.
        fewest_masks: The box extreme: as few masks as were ever tried, and boxes until the hours or the images end.
            Where the images end first it costs less than the budget.
        most_masks: The mask extreme: as many masks as the budget pays for, or as there are images.
    """

    best: SplitForecast
    fewest_flat: SplitForecast
    most_flat: SplitForecast
    fewest_masks: SplitForecast
    most_masks: SplitForecast


def plan_for_hours(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool) -> Plan:
    """The split that `hours` of labelling turn into the highest expected score.

    Every whole number of masks the budget can pay for is looked at, with the most boxes the rest of it buys.

    Args:
        fitted: The surface to go by.
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: Images there are and labels already paid for.

    Raises:
        BudgetError: If the hours are not a number of 0 or more, or do not pay for a single mask image.
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
    """The cheapest split whose expected score is `ap` or more, and what else its hours would buy.

    Raises:
        BudgetError: If the score is out of reach of the images there are, or not between 0 and 100.
    """
    return plan_for_hours(fitted, prices, _hours_for_score(fitted, prices, ap, pool), pool)


def _hours_for_score(fitted: FittedSurface, prices: Prices, ap: float, pool: ImagePool) -> float:
    """The least hours of new labels whose best split is expected to score `ap` or more.

    Raises:
        BudgetError: If the score is out of reach of the images there are, or not between 0 and 100.
    """
    full = np.arange(pool.full, pool.images + 1)
    needed = np.ceil(fitted.surface.weak_for(ap, full))
    within = needed <= pool.images - full
    if not within.any():
        raise BudgetError(_out_of_reach(fitted, prices, ap, pool))
    return float(pool.new_hours(full[within], needed[within], prices).min())


def budget_line(
    fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool, points: int = 200
) -> pd.DataFrame:
    """What each |F| that the hours pay for would give, with the most boxes beside it; for the chart beside a plan.

    Where the images end first a split costs less than the hours: `PlanLimit.spends_from` says up to which |F|.

    Returns:
        At most `points` rows with the columns of `SplitForecast`.

    Raises:
        BudgetError: If the hours are not a number of 0 or more.
    """
    # Only pages draw this line; a plan on the command line starts without pandas.
    import pandas as pd

    full, weak = pool.affordable(hours, prices)
    shown = np.unique(np.linspace(0, full.size - 1, points).round().astype(int))
    full, weak = full[shown], weak[shown]
    spent = pool.new_hours(full, weak, prices)
    return pd.DataFrame({"full": full, "weak": weak, "hours": spent, **asdict(fitted.forecast(full, weak))})


def best_splits(fitted: FittedSurface, prices: Prices, budgets: Iterable[float], pool: ImagePool) -> pd.DataFrame:
    """The best split of each budget: the curve of expected score against hours.

    Args:
        fitted: The surface to go by.
        prices: Seconds per image.
        budgets: Hours to spend, one for each row.
        pool: Images there are and labels already paid for.

    Returns:
        One row for each budget: budget (hours) and the columns of `SplitForecast`.

    Raises:
        BudgetError: As `plan_for_hours` for one of the budgets.
    """
    import pandas as pd

    budgets = list(budgets)
    best = []
    for hours in budgets:
        full, weak, ap = _scored(fitted, prices, hours, pool)
        best.append((full[np.argmax(ap)], weak[np.argmax(ap)]))
    masks, boxes = np.array(best, dtype=np.int64).reshape(-1, 2).T
    spent = pool.new_hours(masks, boxes, prices)
    forecast = asdict(fitted.forecast(masks, boxes))
    return pd.DataFrame({"budget": budgets, "full": masks, "weak": boxes, "hours": spent, **forecast})


def forecast_split(fitted: FittedSurface, prices: Prices, full: int, weak: int, pool: ImagePool) -> SplitForecast:
    """A split of one's own choice, with what is still to pay for it and the score to expect.

    Raises:
        BudgetError: If it holds more images than there are, or fewer masks than are already paid for.
    """
    if full < pool.full:
        raise BudgetError(
            f"{full}/{weak} cannot be labelled: {pool.full} images have masks already. Give {pool.full} masks or more."
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


def _out_of_reach(fitted: FittedSurface, prices: Prices, ap: float, pool: ImagePool) -> str:
    most = fitted.forecast(pool.images, 0)
    told = (
        f"a score of {ap:g} is out of reach: masks on all {pool.images:,} images are expected to give "
        f"{shown(float(most.ap))} ({shown(float(most.low))} to {shown(float(most.high))})."
    )
    reached = cheapest_for_score(results_of(fitted), prices, ap, pool)
    if reached is None:
        return f"{told} Ask for less, or find more images."
    return (
        f"{told} Yet of the results it rests on, {reached.full:,}/{reached.weak:,} scored {shown(reached.ap)} for "
        f"{reached.hours:,.1f} hours: label that split, or ask for less."
    )


def _scored(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool) -> tuple[Counts, Counts, Floats]:
    full, weak = pool.affordable(hours, prices)
    if full[-1] == 0:
        raise BudgetError(
            f"{hours:g} hours do not pay for one mask image of {prices.mask_seconds:g} s, and no mask means no score."
        )
    return full, weak, fitted.surface.ap(full, weak)
