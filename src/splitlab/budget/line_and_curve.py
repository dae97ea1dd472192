"""Where a line of equal cost meets an equiscore curve: twice, once, or never."""

import math

from splitlab.budget.annotation_cost import SECONDS_PER_HOUR, Prices
from splitlab.budget.equiscore import EquiscoreLaw
from splitlab.errors import BudgetError


def least_hours(law: EquiscoreLaw, prices: Prices) -> float:
    """The hours of the line that touches the curve, whatever the limits: twice the square root of cF cW k phi0^2.

    On the curve the product of mask hours and box hours stays the same; their sum is least where both are its root.
    """
    return 2 * math.sqrt(_product(law, prices))


def meeting_full(law: EquiscoreLaw, prices: Prices, hours: float) -> tuple[float, float] | None:
    """|F| of the two splits on the curve that cost `hours`, the fewer masks first; equal where the line touches.

    Args:
        law: the curve.
        prices: seconds per image.
        hours: cost of the line.

    Returns:
        The two |F|, images, not rounded and not held to the law's range; None where the line stays below the curve.

    Raises:
        BudgetError: the hours are not a number above 0.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise BudgetError(f"a line of equal cost at {hours} hours: give a number above 0.")
    inside = hours * hours / 4 - _product(law, prices)
    # The line that touches is found by a root, and must not be lost to its last digit.
    if inside < -1e-9 * hours * hours:
        return None
    root = math.sqrt(max(inside, 0.0))
    mask_hours_each = prices.mask_seconds / SECONDS_PER_HOUR
    return (hours / 2 - root) / mask_hours_each, (hours / 2 + root) / mask_hours_each


def _product(law: EquiscoreLaw, prices: Prices) -> float:
    area = law.k * law.phi0 * law.phi0
    return area * prices.mask_seconds * prices.box_seconds / SECONDS_PER_HOUR**2
