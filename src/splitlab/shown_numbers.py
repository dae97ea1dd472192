"""Numbers as they are shown: halves rounded up, and sums that are those of the parts shown beside them.

Python's own formatting rounds a half to the even digit: 28.25 to 28.2. Hours stay with it, since the paper's tables do:
79.55 hours are 79.5 there.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

# Sums of decimals miss their last digits: 28.249999999999996 is meant to be 28.25.
_TRUE_DECIMALS = 9
# A float this large has no decimals to round; infinity and nan neither.
_WITHOUT_DECIMALS = 1e15
_TENTH = Decimal("0.1")


def rounded(value: float, digits: int = 1) -> float:
    """Round to so many decimals, a half away from zero."""
    if not abs(value) < _WITHOUT_DECIMALS:
        return float(value)
    return float(_decimal(value).quantize(_unit(digits), ROUND_HALF_UP))


def shown(value: float, digits: int = 1) -> str:
    """Write a number with so many decimals, a half rounded away from zero, thousands set off by commas."""
    if not abs(value) < _WITHOUT_DECIMALS:
        return f"{value:,.{digits}f}"
    # Adding 0 takes the sign off -0.0.
    return f"{_decimal(value).quantize(_unit(digits), ROUND_HALF_UP) + 0:,}"


def hours_and_sum(parts: Sequence[float]) -> tuple[list[str], str]:
    """Write hours and their sum so that what is shown adds up.

    The sum is rounded to 0.1 hours. So are the parts, but for those nearest to a half, which give way: 38.88 and 38.85
    hours are 38.9 and 38.8, for they are 77.7 together.

    Args:
        parts: Hours, 0 or more each.

    Returns:
        The parts and their sum.
    """
    total = f"{sum(parts):,.1f}"
    if not sum(parts) < _WITHOUT_DECIMALS:
        return [f"{part:,.1f}" for part in parts], total
    exact = [_decimal(part) for part in parts]
    written = [part.quantize(_TENTH, ROUND_FLOOR) for part in exact]
    raised = int((Decimal(total.replace(",", "")) - sum(written, Decimal(0))) / _TENTH)
    by_rest = sorted(range(len(exact)), key=lambda place: written[place] - exact[place])
    for place in by_rest[:raised]:
        written[place] += _TENTH
    return [f"{part:,}" for part in written], total


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), _TRUE_DECIMALS)))


def _unit(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)
