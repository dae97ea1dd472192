"""The equiscore law on a measured grid (Sec. 4.5): k with an interval, and whether |W| falls as 1 / |F| at all.

Of each |F| the |W| at which the score reaches a level is read off its line, made to rise (isotonic regression) and
joined by straight pieces; nothing is read outside the splits that were trained. The law knows k phi0^2 alone, so phi0
keeps the paper's meaning, the largest |F|. Intervals come from drawing every score again with the noise between seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from splitlab.budget.ap_surface import Floats
from splitlab.budget.atlas.grid import Grid, named
from splitlab.budget.equiscore import EquiscoreLaw, c_of_tau, off_left_out
from splitlab.errors import BudgetError

DRAWS = 1000
_INTERVAL = (2.5, 97.5)
_LEVELS = 101
ENOUGH_POINTS = 3
"""Two points lie on a hyperbola of any exponent."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class MeasuredLaw:
    """An equiscore law fitted to a grid.

    Attributes:
        level: the AP that the splits reach.
        law: |W| = k phi0^2 / |F|, phi0 the largest |F| of the grid.
        k: the law's k with its interval.
        exponent: b of |W| = a |F|^-b, fitted to the same points; the law says 1.
        points: full and weak (images, not rounded) at which each line reaches the level.
        whole_draws: share of the draws in which enough lines reached the level to fit at all.
        off: the factor by which a point's |W| differs from the law fitted to the others, on average; 1 on the law.
        off_of_one_weak: the same for the naive rival, one |W| for all |F|.
    """

    level: float
    law: EquiscoreLaw
    k: Interval
    exponent: Interval
    points: pd.DataFrame
    whole_draws: float
    off: float
    off_of_one_weak: float


def measured_law(grid: Grid) -> MeasuredLaw:
    """Fit the law at the level that most numbers of masks reach by adding boxes; the middle one, where several are.

    Raises:
        BudgetError: fewer than three numbers of masks reach any one level, or too few splits have two seeds.
    """
    lines = _lines(grid)
    level = _level(lines)
    full, weak = _crossings(lines, level)
    if len(full) < ENOUGH_POINTS:
        raise BudgetError(
            f"{len(full)} numbers of masks reach AP {level:.1f} by adding boxes; a law needs {ENOUGH_POINTS} or more."
        )
    phi0 = float(grid.splits["full"].max())
    k, exponent = _fit(full, weak, phi0)
    draws = _drawn_again(lines, level, phi0)
    k_ends, exponent_ends = np.percentile(draws, _INTERVAL, axis=0).T
    return MeasuredLaw(
        level=level,
        law=EquiscoreLaw(k, phi0),
        k=Interval(k, *map(float, k_ends)),
        exponent=Interval(exponent, *map(float, exponent_ends)),
        points=pd.DataFrame({"full": full.astype(int), "weak": weak}),
        whole_draws=len(draws) / DRAWS,
        off=off_left_out(full * weak),
        off_of_one_weak=off_left_out(weak),
    )


@dataclass(frozen=True)
class _Line:
    full: int
    weak: Floats
    ap: Floats
    runs: Floats
    error: Floats


def _lines(grid: Grid) -> list[_Line]:
    """The splits of each |F| below the largest, where the law is fitted; at least two |W| each."""
    known = grid.splits[grid.splits[grid.metric].notna()].sort_values("weak")
    errors = grid.scores(grid.metric).errors
    splits = known.assign(error=errors.loc[named(known)].to_numpy())
    below = splits[splits["full"] < splits["full"].max()]
    return [
        _Line(int(str(full)), *(line[name].to_numpy(float) for name in ("weak", grid.metric, "runs", "error")))
        for full, line in below.groupby("full")
        if len(line) > 1
    ]


def _level(lines: list[_Line]) -> float:
    if not lines:
        raise BudgetError("no number of masks was trained with two numbers of boxes: no law can be fitted.")
    scores = np.concatenate([line.ap for line in lines])
    levels = np.linspace(scores.min(), scores.max(), _LEVELS)
    reached = np.array([len(_crossings(lines, level)[0]) for level in levels])
    most = np.flatnonzero(reached == reached.max())
    return float(levels[most[len(most) // 2]])


def _crossings(lines: list[_Line], level: float) -> tuple[Floats, Floats]:
    """Return |F| and |W|, shape (N,) each, of the lines that reach the level by adding boxes."""
    found = [(line.full, _weak_at(line, level)) for line in lines]
    reached = [(full, weak) for full, weak in found if weak is not None and weak > 0]
    full, weak = np.array(reached, dtype=float).reshape(-1, 2).T
    return full, weak


def _weak_at(line: _Line, level: float) -> float | None:
    """Return the |W| at which a line reaches the level; None where it lies outside of it."""
    rising = isotonic_regression(line.ap, weights=line.runs).x
    if not rising[0] < level < rising[-1]:
        return None
    above = int(np.searchsorted(rising, level))
    share = (level - rising[above - 1]) / (rising[above] - rising[above - 1])
    return float(line.weak[above - 1] + share * (line.weak[above] - line.weak[above - 1]))


def _fit(full: Floats, weak: Floats, phi0: float) -> tuple[float, float]:
    """Fit k as `fit_law` does, and the exponent with a k of its own, both by least squares on ln |W|."""
    slope, _ = np.polyfit(np.log(full), np.log(weak), 1)
    return float(np.exp(np.log(c_of_tau(full, weak, phi0)).mean())), -float(slope)


def _drawn_again(lines: list[_Line], level: float, phi0: float) -> Floats:
    """Return k and exponent, shape (N, 2), of grids whose scores are drawn again around those measured."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        drawn = [replace(line, ap=rng.normal(line.ap, line.error)) for line in lines]
        full, weak = _crossings(drawn, level)
        if len(full) >= ENOUGH_POINTS:
            found.append(_fit(full, weak, phi0))
    if not found:
        raise BudgetError(
            f"with noise counted in, no {ENOUGH_POINTS} lines reach AP {level:.1f}: no interval can be given."
        )
    return np.array(found)
