"""What keeps a forecast from being a promise, in sentences, and what it would take to make it one."""

from splitlab.budget.ap_surface import Floats
from splitlab.budget.fitted_surface import ENOUGH_SPLITS, FittedSurface
from splitlab.budget.planner import SplitForecast

WIDE_INTERVAL = 10.0
"""AP from end to end of an interval beyond which a forecast is no ground to spend money on."""


def caveats(fitted: FittedSurface, split: SplitForecast) -> tuple[str, ...]:
    """Why the forecast of a split should not be taken for a promise; empty if nothing speaks against it.

    Args:
        fitted: The surface the forecast came from.
        split: The forecast.
    """
    return (*_borrowed(fitted), *_outside(fitted, split), *_wide(split))


def _borrowed(fitted: FittedSurface) -> list[str]:
    if not fitted.borrows:
        return []
    known = "one split" if fitted.different_splits == 1 else f"{fitted.different_splits} different splits"
    return [
        f"It rests on {known}: most of the surface's shape is borrowed from the published tables. It takes "
        f"{ENOUGH_SPLITS} splits or more, with different numbers of masks and of boxes, to see the shape of your own."
    ]


def _outside(fitted: FittedSurface, split: SplitForecast) -> list[str]:
    kinds = [("mask", split.full, fitted.full), ("box", split.weak, fitted.weak)]
    return [
        f"{planned:,} {kind} images lie outside the results, which hold {_range(tried)}: the interval is widened. "
        f"A run with {'at most' if planned < tried.min() else 'at least'} {planned:,} would tell."
        for kind, planned, tried in kinds
        if not tried.min() <= planned <= tried.max()
    ]


def _range(images: Floats) -> str:
    least, most = f"{images.min():,.0f}", f"{images.max():,.0f}"
    return least if least == most else f"{least} to {most}"


def _wide(split: SplitForecast) -> list[str]:
    width = split.high - split.low
    if width <= WIDE_INTERVAL:
        return []
    return [
        f"The interval spans {width:.0f} AP: train a smaller split of the labels you have before you pay for these."
    ]
