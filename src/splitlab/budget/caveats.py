"""What keeps a forecast from being a promise, in sentences, and what it would take to make it one."""

from splitlab.budget.ap_surface import Floats
from splitlab.budget.fitted_surface import ENOUGH_SPLITS, FittedSurface
from splitlab.budget.planner import SplitForecast
from splitlab.budget.seed_luck import SeedLuck

WIDE_INTERVAL = 10.0
"""AP from end to end of an interval beyond which a forecast is no ground to spend money on."""


def caveats(fitted: FittedSurface, split: SplitForecast) -> tuple[str, ...]:
    """Why the forecast of a split should not be taken for a promise; empty if nothing speaks against it.

    Args:
        fitted: The surface the forecast came from.
        split: The forecast.
    """
    return (*_borrowed(fitted), *_one_seed(fitted.luck), *_outside(fitted, split), *_wide(split))


def interval_in_words(fitted: FittedSurface) -> str:
    """Say what the 90 % interval of a surface's forecasts is for, to follow "The 90% interval is for "."""
    if fitted.luck is None:
        return "one more model of the same series; a training with your own code and seed may lie further off"
    return "a new training with a new seed"


def _borrowed(fitted: FittedSurface) -> list[str]:
    if not fitted.borrows:
        return []
    known = "one split" if fitted.different_splits == 1 else f"{fitted.different_splits} different splits"
    return [
        f"It rests on {known}: most of the surface's shape is borrowed from the published tables. It takes "
        f"{ENOUGH_SPLITS} splits or more, with different numbers of masks and of boxes, to see the shape of your own."
    ]


def _one_seed(luck: SeedLuck | None) -> list[str]:
    if luck is None or luck.seeds > 1:
        return []
    return [
        "The runs have one seed, or not all of them name one (column seed), so they cannot tell how far a run with "
        "another seed lies off. That part of the interval is borrowed from pairs of seeds that were measured on other "
        "data sets: train one split again with another seed."
    ]


def _outside(fitted: FittedSurface, split: SplitForecast) -> list[str]:
    kinds = [("mask", split.full, fitted.full), ("box", split.weak, fitted.weak)]
    return [
        f"{planned:,} {kind} {'image lies' if planned == 1 else 'images lie'} outside the results, which hold "
        f"{_range(tried)}: the interval is widened. "
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
