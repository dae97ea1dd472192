"""Contrasts between splits: along lines, at equal cost, and what it would take to decide one.

Which contrasts decide which observation was fixed before the runs: docs/decisions/0905-contrasts.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splitlab.atlas.grid import Grid, named
from splitlab.atlas.noise import Contrast, Split
from splitlab.atlas.object_scores import LOCALISED, MASK_IOU, MISCLASSIFIED
from splitlab.budget.claims.claim import Verdict
from splitlab.budget.results import SHORT_METRICS
from splitlab.shown_numbers import shown

Size = Literal["full", "weak"]

Weights = Mapping[Split, float]
"""Weight of each split in a contrast."""

_POWER = 1.96 + 0.84
"""A true difference of so many standard errors counts with a chance of 80 %."""

_MOST_SEEDS = 100


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

    Interpolated in ln |F| and ln(|F| + |W|); if it needs more images than there are, it gets all of them. None if its
    |F| lies outside of the grid.
    """
    full = grid.prices.masks_for(hours / 2)
    return _at(grid, full, min(grid.prices.boxes_for(hours / 2), grid.images - full))


def masks_alone(grid: Grid, hours: float) -> Weights | None:
    """Return the split of masks alone that the hours pay for, between its neighbours; None outside of the grid."""
    return _at(grid, grid.prices.masks_for(hours), 0.0)


def _at(grid: Grid, full: float, weak: float) -> Weights | None:
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
    """Describe a contrast with its interval, such as "+4.2 AP70 (+2.1 to +6.3)" or "odds of misclassification x 0.5"."""
    ends = (contrast.low, contrast.high)
    if score in _ODDS:
        low, high = (shown(math.exp(end), 2) for end in ends)
        return f"{_ODDS[score]} x {shown(math.exp(contrast.value), 2)} ({low} to {high})"
    unit = _UNITS[score]
    low, high = (_signed(end, unit.digits) for end in ends)
    return f"{_signed(contrast.value, unit.digits)} {unit.name} ({low} to {high})"


def _signed(value: float, digits: int) -> str:
    text = shown(abs(value), digits)
    return text if not float(text) else f"{'+' if value > 0 else '−'}{text}"


def what_it_takes(contrast: Contrast, grid: Grid, limit: float = 0.0) -> str:
    """Say how many seeds, or seeds and test images, would decide a contrast if its estimate is right."""
    seeds, images = grid.runs["seed"].nunique(), int(grid.rows["test_images"].iloc[0])
    room = (abs(contrast.value - limit) / _POWER) ** 2
    of_seeds, of_images = contrast.seed_error**2, contrast.image_error**2
    if room > of_images:
        needed = max(math.ceil(seeds * of_seeds / (room - of_images)), seeds + 1)
        more = ""
    else:
        factor = (of_seeds + of_images) / room if room else math.inf
        needed = math.ceil(min(seeds * factor, _MOST_SEEDS + 1))
        more = f" and {math.ceil(min(images * factor, 1e9)):,} test images in place of {images:,}"
    if needed > _MOST_SEEDS:
        return f"The estimate is so small that even {_MOST_SEEDS} seeds would not decide it."
    runs = needed * len(named(grid.splits))
    return (
        f"If the estimate is right, {needed} seeds in place of {seeds} ({runs:,} runs){more} would decide it with a "
        "chance of 80 %."
    )
