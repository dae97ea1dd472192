"""What limits a plan: the hours, the images there are, or both."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from splitlab.budget.annotation_cost import SECONDS_PER_HOUR, Prices
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.image_pool import MAX_IMAGES, ImagePool
from splitlab.budget.planner import SplitForecast, plan_for_hours

Limit = Literal["hours", "images", "hours and images"]

# Hours are computed from prices by more than one way; the last digits must not count as money left.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class PlanLimit:
    """What ends a plan.

    Attributes:
        by: "hours" if more images would not change the plan; "images" if every image gets masks, so that more hours
            buy nothing; otherwise both.
        hours_left: Hours the best split leaves unspent.
        images_left: Images it leaves without a label.
        spends_from: The least |F| from which on every split spends the hours; with fewer masks every image has a label
            while the hours would still pay for one more mask.
        roomier: The best split for the same hours if there were images without end, where that is another one and both
            limit the plan; else None.
    """

    by: Limit
    hours_left: float
    images_left: int
    spends_from: int
    roomier: SplitForecast | None


def plan_limit(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool, best: SplitForecast) -> PlanLimit:
    """Say what limits a plan.

    Args:
        fitted: The surface the plan goes by.
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: Images there are and labels already paid for.
        best: The best split of `plan_for_hours` for them.

    Raises:
        BudgetError: As `plan_for_hours`.
    """
    roomier = None
    if best.full < pool.images:
        unbounded = plan_for_hours(fitted, prices, hours, ImagePool(MAX_IMAGES, pool.full, pool.weak)).best
        roomier = unbounded if unbounded.full + unbounded.weak > pool.images else None
    by: Limit = "images" if best.full == pool.images else "hours and images" if roomier else "hours"
    return PlanLimit(
        by=by,
        hours_left=max(hours - best.hours, 0.0),
        images_left=pool.images - best.full - best.weak,
        spends_from=_spends_from(prices, hours, pool),
        roomier=roomier,
    )


def _spends_from(prices: Prices, hours: float, pool: ImagePool) -> int:
    full, weak = pool.affordable(hours, prices)
    left = hours - pool.new_hours(full, weak, prices)
    pays = left >= prices.mask_seconds / SECONDS_PER_HOUR - _ROUNDING
    unspent = np.flatnonzero((full + weak == pool.images) & (full < pool.images) & pays)
    return int(full[unspent[-1]]) + 1 if unspent.size else pool.full
