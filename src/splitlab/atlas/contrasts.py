"""Contrasts between splits: along lines, at equal cost, and what it would take to decide one.

Which contrasts decide which observation was fixed before the runs: docs/decisions/0905-contrasts.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t as student

from splitlab.atlas.grid import Grid, named
from splitlab.atlas.noise import DOUBT, Contrast, Split
from splitlab.atlas.object_scores import LOCALISED, MASK_IOU, MISCLASSIFIED
from splitlab.budget.claims.claim import Verdict
from splitlab.budget.results import SHORT_METRICS
from splitlab.shown_numbers import shown

Size = Literal["full", "weak"]

Weights = Mapping[Split, float]
"""Weight of each split in a contrast."""

_POWER = 0.8
"""Chance that a contrast is decided, if its estimate is right, at which a number of seeds is enough."""

_MOST_SEEDS = 30
_MORE_IMAGES = (1, 2, 4, 8, 16, 32, 64)


def mean_of(contrasts: Sequence[Weights]) -> Weights:
    """Return the mean of contrasts."""
    return _sum((contrast, 1 / len(contrasts)) for contrast in contrasts)


def minus(end: Weights, start: Weights) -> Weights:
    """Return the contrast from `start` to `end`."""
    return _sum([(end, 1.0), (start, -1.0)])


def along(line: Sequence[Split]) -> Weights:
    """Return the contrast from the first to the last split of a line."""
    return {line[0]: -1.0, line[-1]: 1.0}


def per_doubling(terms: Sequence[tuple[float, Weights]]) -> Weights:
    """Return the least-squares slope of contrasts against log2 of a size, from pairs of size and contrast."""
    x = np.log2([size for size, _ in terms])
    slopes = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    return _sum(zip((contrast for _, contrast in terms), slopes.tolist(), strict=True))


def _sum(terms: Iterable[tuple[Weights, float]]) -> Weights:
    total: dict[Split, float] = {}
    for weights, factor in terms:
        for split, weight in weights.items():
            total[split] = total.get(split, 0.0) + factor * weight
    return total


def lines(grid: Grid, grows: Size, score: str) -> list[list[Split]]:
    """Return every line of at least two planned splits along which one size grows and the other is fixed."""
    fixed = "weak" if grows == "full" else "full"
    by_line = grid.splits[grid.splits[score].notna()].sort_values(grows).groupby(fixed)
    return [named(line) for _, line in by_line if len(line) > 1]


def half_and_half(grid: Grid, hours: float) -> Weights | None:
    """Return the split that spends half of the hours on each label, between its measured neighbours.

    If there are too few images for that, the split of the same cost that labels all of them, with more masks. None if
    its |F| lies outside of the grid.
    """
    prices, images = grid.prices, grid.images
    full, weak = prices.masks_for(hours / 2), prices.boxes_for(hours / 2)
    if full + weak > images:
        # From full + weak = images, and mask_to_box full + weak = the images that the hours pay for with boxes alone.
        full = (prices.boxes_for(hours) - images) / (prices.mask_to_box - 1)
        weak = images - full
    return _at(grid, full, weak)


def masks_alone(grid: Grid, hours: float) -> Weights | None:
    """Return the masks alone that the hours pay for, between two measured numbers; None outside of the grid."""
    return _at(grid, grid.prices.masks_for(hours), 0.0)


def _at(grid: Grid, full: float, weak: float) -> Weights | None:
    """Interpolate in ln |F| between two rows of the grid, and within each in ln(|F| of the row + |W|)."""
    known = grid.splits[grid.splits[grid.metric].notna()]
    # For masks alone, only numbers of masks that were trained without boxes count.
    rows = sorted(known.loc[known["weak"] == 0, "full"].unique()) if not weak else sorted(known["full"].unique())
    # The hours of a split give its number of masks back with a rounding error.
    full = next((float(row) for row in rows if math.isclose(row, full)), full)
    if not rows or not rows[0] <= full <= rows[-1]:
        return None
    below, above = max(row for row in rows if row <= full), min(row for row in rows if row >= full)
    share = math.log(full / below) / math.log(above / below) if above > below else 0.0
    return _sum([(_in_row(grid, below, weak), 1 - share), (_in_row(grid, above, weak), share)])


def _in_row(grid: Grid, full: int, weak: float) -> Weights:
    """Return the split of a measured |F| with `weak` boxes, or with the nearest number that was trained."""
    row = grid.splits[(grid.splits["full"] == full) & grid.splits[grid.metric].notna()].sort_values("weak")
    at = row["weak"].to_numpy(float)
    weak = float(np.clip(weak, at[0], at[-1]))
    above = int(np.searchsorted(at, weak))
    split = (int(full), int(at[above]))
    if at[above] == weak:
        return {split: 1.0}
    low, high = np.log(full + at[above - 1]), np.log(full + at[above])
    share = float((np.log(full + weak) - low) / (high - low))
    return {(int(full), int(at[above - 1])): 1 - share, split: share}


def verdict_above(contrast: Contrast, limit: float = 0.0) -> Verdict:
    """Return the verdict on "the contrast is above the limit"."""
    if contrast.low > limit:
        return "holds"
    return "does not hold" if contrast.high < limit else "not enough evidence"


def all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on statements that must all hold."""
    if "does not hold" in verdicts:
        return "does not hold"
    return "holds" if all(verdict == "holds" for verdict in verdicts) else "not enough evidence"


@dataclass(frozen=True)
class _Unit:
    name: str
    digits: int = 1


_UNITS = {MASK_IOU: _Unit("mask IoU", 3), **{metric: _Unit(name) for metric, name in SHORT_METRICS.items()}}
_ODDS = {MISCLASSIFIED: "odds of misclassification", LOCALISED: "odds of being localised"}


def in_words(contrast: Contrast, score: str) -> str:
    """Describe a contrast with its interval, such as "+4.2 AP70 (+2.1 to +6.3)"; odds as a factor."""
    ends = (contrast.low, contrast.high)
    if score in _ODDS:
        low, high = (shown(math.exp(end), 2) for end in ends)
        return f"{_ODDS[score]} x {shown(math.exp(contrast.value), 2)} ({low} to {high})"
    unit = _UNITS[score]
    low, high = (_signed(end, unit.digits) for end in ends)
    return f"{_signed(contrast.value, unit.digits)} {unit.name} ({low} to {high})"


def without_images(contrast: Contrast) -> str:
    """Say that intervals leave out what other test images would change, if that is unknown."""
    return "" if contrast.image_error else " Intervals leave out what other test images would change."


def _signed(value: float, digits: int) -> str:
    text = shown(abs(value), digits)
    return text if not text.strip("0.") else f"{'+' if value > 0 else '−'}{text}"


def what_it_takes(contrast: Contrast, grid: Grid, limit: float = 0.0) -> str:
    """Say how many seeds on every split, and how many test images, would decide a contrast if its estimate is right."""
    seeds = grid.runs["seed"].nunique()
    distance = abs(contrast.value - limit)
    enough = (
        (more, times)
        for times in _MORE_IMAGES
        for more in range(seeds, _MOST_SEEDS + 1)
        if _error_that_decides(contrast, more, seeds, times) <= distance
    )
    found = next(enough, None)
    if found is None:
        return f"Even {_MOST_SEEDS} seeds and {_MORE_IMAGES[-1]} times the test images would hardly decide it."
    more, times = found
    runs = more * len(named(grid.splits))
    images = f" and {times} times the test images" if times > 1 else ""
    return (
        f"If the estimate is right, {more} seeds on every split ({runs:,} runs){images} would decide it with a chance "
        f"of {_POWER:.0%}."
    )


def _error_that_decides(contrast: Contrast, seeds: int, measured_seeds: int, times_images: int) -> float:
    """Return the distance at which a contrast of so many seeds and images is decided with a chance of `_POWER`."""
    variance = contrast.seed_variance / seeds
    error = math.hypot(math.sqrt(variance), contrast.image_error / math.sqrt(times_images))
    if not variance or not math.isfinite(contrast.freedom):
        freedom = math.inf
    else:
        of_seeds = contrast.freedom * (seeds - 1) / max(measured_seeds - 1, 1)
        freedom = of_seeds * (error**2 / variance) ** 2
    return float((student.ppf(1 - DOUBT / 2, freedom) + student.ppf(_POWER, freedom)) * error)
