"""The equiscore law on measured rows: fitted, tested, and compared with the paper's claims."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from splitlab.atlas.advice import HONEST
from splitlab.atlas.grid import Grid, named
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.fit import fit_surface
from splitlab.budget.law import TAU_HIGH, TAU_LOW, EquiscoreLaw, c_of_tau, off_left_out
from splitlab.budget.pilot import leave_one_out
from splitlab.budget.results import SHORT_METRICS
from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError

_NEAR_ONE = 0.5
"""The law holds if the whole interval of the exponent is within this distance of 1."""

_ENOUGH_TO_LEAVE_OUT = 6
_DRAWS = 1000
_INTERVAL = (2.5, 97.5)
_LEVELS = 101
_ENOUGH_POINTS = 3
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
        level: The AP that the splits reach.
        law: |W| = k phi0^2 / |F|; phi0 is the largest |F| of the grid.
        k: The law's k with its interval.
        exponent: b of |W| = a |F|^-b, fitted to the same points; 1 by the law.
        points: full and weak (images, not rounded) at which each line reaches the level.
        whole_draws: Share of the draws in which enough lines reached the level to fit.
        off: Mean factor by which a point's |W| differs from the law fitted to the others; 1 on the law.
        off_of_one_weak: The same for the baseline, one |W| for all |F|.
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
    """Fit the law at the level that most numbers of masks reach by adding boxes; the median of these levels.

    Raises:
        BudgetError: If fewer than three numbers of masks reach any level, or too few splits have two seeds.
    """
    lines = _lines(grid)
    level = _level(lines)
    full, weak = _crossings(lines, level)
    if len(full) < _ENOUGH_POINTS:
        raise BudgetError(
            f"{len(full)} numbers of masks reach AP {level:.1f} by adding boxes; at least {_ENOUGH_POINTS} are needed."
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
        whole_draws=len(draws) / _DRAWS,
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
    """Return the splits of each |F| below the largest, if it has at least two |W|."""
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
        raise BudgetError("no number of masks was trained with two numbers of boxes, so no law can be fitted.")
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
    """Return the |W| at which a line reaches the level; None if it does not."""
    rising = isotonic_regression(line.ap, weights=line.runs).x
    if not rising[0] < level < rising[-1]:
        return None
    above = int(np.searchsorted(rising, level))
    share = (level - rising[above - 1]) / (rising[above] - rising[above - 1])
    return float(line.weak[above - 1] + share * (line.weak[above] - line.weak[above - 1]))


def _fit(full: Floats, weak: Floats, phi0: float) -> tuple[float, float]:
    """Fit k as `fit_law` does, and the exponent with its own k, both by least squares on ln |W|."""
    slope, _ = np.polyfit(np.log(full), np.log(weak), 1)
    return float(np.exp(np.log(c_of_tau(full, weak, phi0)).mean())), -float(slope)


def _drawn_again(lines: list[_Line], level: float, phi0: float) -> Floats:
    """Return k and exponent, shape (N, 2), of grids with scores drawn around those measured."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_DRAWS):
        drawn = [replace(line, ap=rng.normal(line.ap, line.error)) for line in lines]
        full, weak = _crossings(drawn, level)
        if len(full) >= _ENOUGH_POINTS:
            found.append(_fit(full, weak, phi0))
    if not found:
        raise BudgetError(
            f"with noise, fewer than {_ENOUGH_POINTS} lines reach AP {level:.1f}, so there is no interval."
        )
    return np.array(found)


def law_holds(grid: Grid) -> Claim:
    """Check Eq. 5 to 7: at equal score |W| falls as 1 / |F|, with one k."""
    statement = (
        "Models of equal score lie on |W| = k phi0^2 / |F|. (Here: in a fit of |W| = a |F|^-b, the interval of b "
        f"includes 1 and lies between {1 - _NEAR_ONE:g} and {1 + _NEAR_ONE:g}; and the law fits better than one |W| "
        "for all |F|.)"
    )
    try:
        fitted = measured_law(grid)
    except BudgetError as error:
        reason = str(error)
        return Claim("equiscore", "4.5", statement, "not measured yet", reason[0].upper() + reason[1:], grid.runs)
    return Claim("equiscore", "4.5", statement, _verdict(fitted), _law_in_words(fitted, grid), grid.runs)


def surface_predicts(grid: Grid) -> Claim:
    """Check the AP surface: leave out every split in turn and predict it from the others."""
    statement = (
        "The AP surface, fitted to all other splits, predicts a split: 90 % of its runs lie inside their 90 % interval."
        f" (Here: at least {HONEST:.0%} do, and the mean error is below that of the other splits' mean score.)"
    )
    known = grid.rows[grid.rows[grid.metric].notna()]
    if len(named(known.drop_duplicates(["full", "weak"]))) < _ENOUGH_TO_LEAVE_OUT:
        return Claim("surface", "here", statement, "not measured yet", f"There are only {len(known)} runs.", grid.runs)
    left = leave_one_out(fit_surface(known["full"], known["weak"], known[grid.metric], known["seed"]))
    return Claim(
        key="surface",
        section="here",
        statement=statement,
        verdict="holds" if left.coverage >= HONEST and left.mean_error < left.mean_error_of_mean else "does not hold",
        finding=f"{len(left.rows)} runs left out by split: mean error {left.mean_error:.2f} "
        f"{SHORT_METRICS[grid.metric]}, worst {left.worst_error:.2f}; {left.coverage:.0%} inside. The mean of the "
        f"other runs of the seed has a mean error of {left.mean_error_of_mean:.2f}.",
        rows=known,
    )


def _verdict(fitted: MeasuredLaw) -> Verdict:
    exponent = fitted.exponent
    if not exponent.low <= 1 <= exponent.high:
        return "does not hold"
    is_near = exponent.low >= 1 - _NEAR_ONE and exponent.high <= 1 + _NEAR_ONE
    return "holds" if is_near and fitted.off < fitted.off_of_one_weak else "not enough evidence"


def _law_in_words(fitted: MeasuredLaw, grid: Grid) -> str:
    points = ", ".join(
        f"{full}/{weak:.0f}" for full, weak in zip(fitted.points["full"], fitted.points["weak"], strict=True)
    )
    outside = [str(full) for full in fitted.points["full"] if not TAU_LOW <= full / fitted.law.phi0 <= TAU_HIGH]
    k, exponent, phi0 = fitted.k, fitted.exponent, fitted.law.phi0
    # A curve determines only k phi0^2, so phi0 is also given for the paper's k of 1.
    low, value, high = (math.sqrt(end) * phi0 for end in (k.low, k.value, k.high))
    text = (
        f"{SHORT_METRICS[grid.metric]} {fitted.level:.1f} is reached at {points}. With phi0 = {phi0:.0f}, the largest "
        f"|F|, k = {k.value:.2f} ({k.low:.2f} to {k.high:.2f}); with k = 1, phi0 = {value:.0f} ({low:.0f} to "
        f"{high:.0f}). b = {exponent.value:.2f} ({exponent.low:.2f} to {exponent.high:.2f}); 95 % intervals. Left out "
        f"one by one, the points' |W| differ from the law by a factor of {fitted.off:.2f} on average, and from one |W| "
        f"for all |F| by {fitted.off_of_one_weak:.2f}."
    )
    if fitted.whole_draws < 1:
        text += f" {1 - fitted.whole_draws:.0%} of the draws are left out because too few lines reached that score."
    if outside:
        text += f" |F| = {', '.join(outside)} is outside the range of Remark 2."
    return text
