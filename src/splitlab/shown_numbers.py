"""Numbers as they are shown: halves are rounded up, and sums match the parts shown beside them.

Python's own formatting rounds a half to the even digit: 28.25 to 28.2. Hours keep that rule, because the paper's tables
do: 79.55 hours are 79.5 there.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

# Sums of decimals are inexact: 28.249999999999996 stands for 28.25.
_TRUE_DECIMALS = 9
# Floats this large have no decimals to round; neither have infinity and nan.
_WITHOUT_DECIMALS = 1e15
_TENTH = Decimal("0.1")


def rounded(value: float, digits: int = 1) -> float:
    """Round to `digits` decimals, halves away from zero."""
    if not abs(value) < _WITHOUT_DECIMALS:
        return float(value)
    return float(_decimal(value).quantize(_unit(digits), ROUND_HALF_UP))


def shown(value: float, digits: int = 1) -> str:
    """Format a number with `digits` decimals, halves rounded away from zero, and commas between thousands."""
    if not abs(value) < _WITHOUT_DECIMALS:
        return f"{value:,.{digits}f}"
    # Adding 0 turns -0.0 into 0.0.
    return f"{_decimal(value).quantize(_unit(digits), ROUND_HALF_UP) + 0:,}"


def hours_and_sum(parts: Sequence[float]) -> tuple[list[str], str]:
    """Format hours and their sum so that the shown numbers add up.

    The sum is rounded to 0.1 hours. So are the parts, but those nearest to a half are rounded down where needed: 38.88
    and 38.85 hours are shown as 38.9 and 38.8, because their sum is 77.7.

    Args:
        parts: hours, each 0 or more.

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
