"""The splits behind a forecast as they scored: the best of them for a budget, and where boxes lower the score.

A forecast comes from a surface that rises with F, and with W but for one loss by boxes. If the results themselves
disagree, or a trained split scored better for the same cost, the reader should see it beside the recommended split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from splitlab.budget.cost import ImagePool, Prices
from splitlab.budget.fit import FittedSurface
from splitlab.budget.surface import PRIOR_NOISE, PRIOR_NOISE_RUNS, Floats

if TYPE_CHECKING:
    import pandas as pd

    Results = pd.DataFrame | Mapping[str, Floats]

_FALSE_ALARM = 0.1
"""Chance of reporting any fall, over all |F| together, if the true scores are level."""

_SHOWN_HOURS = 0.1
# For budgets of minutes, half of the last shown digit would be too much.
_SLACK = 0.005
# Rounding errors must not decide what the hours pay for.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class TrainedSplit:
    """A split that was trained, the hours still to pay for it, and its score, 0..100.

    The score is the mean over the seeds that all splits share, or over all its runs; `runs` is their number.
    """

    full: int
    weak: int
    hours: float
    ap: float
    runs: int


@dataclass(frozen=True)
class Fall:
    """A number of masks at which more boxes lowered the score by more than noise.

    Attributes:
        full: |F|, images with masks.
        weak, more_weak: The smallest and the largest |W| trained with it.
        ap: Mean score with `weak`, 0..100, over the seeds that both splits share, or over all its runs.
        more_ap: Mean score with `more_weak` over the same seeds; if they share none, `ap` plus the fitted change.
    """

    full: int
    weak: int
    ap: float
    more_weak: int
    more_ap: float


class _Run(NamedTuple):
    full: float
    weak: float
    ap: float
    seed: int | None


def results_of(fitted: FittedSurface) -> dict[str, Floats]:
    """Return the results a surface was fitted to, one row per run: full, weak, ap."""
    return {"full": fitted.full, "weak": fitted.weak, "ap": fitted.ap}


def _trained_splits(rows: Results, prices: Prices, pool: ImagePool) -> list[TrainedSplit]:
    """Return each trained split within the pool, best score first, then cheapest first."""
    scores: dict[tuple[float, float], list[float]] = {}
    for run in sorted(_of_common_seeds(_runs(rows)), key=lambda run: run[:2]):
        scores.setdefault((run.full, run.weak), []).append(run.ap)
    splits = [
        TrainedSplit(int(full), int(weak), float(pool.new_hours(full, weak, prices)), fmean(of_runs), len(of_runs))
        for (full, weak), of_runs in scores.items()
        if full + weak <= pool.images
    ]
    return sorted(splits, key=lambda split: (-split.ap, split.hours))


def best_for_hours(rows: Results, prices: Prices, hours: float, pool: ImagePool) -> TrainedSplit | None:
    """Return the best trained split that `hours` pay for; None if they pay for none.

    Hours are shown and typed with one decimal, so a split that costs 26.63 hours counts as affordable with 26.6.

    Args:
        rows: One row per run with the columns full, weak, ap, and seed if it is known.
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: The images and their existing labels.
    """
    splits = _trained_splits(rows, prices, pool)
    slack = min(_SHOWN_HOURS / 2, _SLACK * hours)
    return next((split for split in splits if split.hours <= hours + slack + _TOLERANCE), None)


def cheapest_for_score(rows: Results, prices: Prices, ap: float, pool: ImagePool) -> TrainedSplit | None:
    """Return the cheapest trained split that scored `ap` or more; None if none did."""
    splits = _trained_splits(rows, prices, pool)
    return min((split for split in splits if split.ap >= ap), key=lambda split: split.hours, default=None)


def falls(rows: Results) -> tuple[Fall, ...]:
    """Find where the score falls as boxes are added to the same masks, fewest masks first.

    One least-squares fit covers all runs: a level for each |F|, a shift for each seed, and a slope in ln(1 + W/F) for
    each |F| with at least two |W|. A slope counts as a fall by a one-sided t-test; the tests share `_FALSE_ALARM`
    equally. The noise of single runs comes from the fit and from a prior that counts as two runs, as in the forecasts.

    Args:
        rows: One row per run with the columns full, weak, ap, and seed if it is known.
    """
    runs = _runs(rows)
    splits = {(run.full, run.weak) for run in runs}
    lines = [full for full, weak_counts in sorted(Counter(full for full, _ in splits).items()) if weak_counts > 1]
    if not lines:
        return ()
    design = _design(runs, lines)
    scores = np.array([run.ap for run in runs])
    solution, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    freedom = len(scores) - int(rank) + PRIOR_NOISE_RUNS
    squares = float(np.sum((scores - design @ solution) ** 2)) + PRIOR_NOISE_RUNS * PRIOR_NOISE**2
    errors = np.sqrt(np.diag(np.linalg.pinv(design.T @ design)) * squares / freedom)
    of_lines = slice(design.shape[1] - len(lines), None)
    slopes = solution[of_lines]
    fallen = slopes < -stdtrit(freedom, 1 - _FALSE_ALARM / len(lines)) * errors[of_lines]
    return tuple(
        _fall(runs, full, float(slope)) for full, slope, is_fall in zip(lines, slopes, fallen, strict=True) if is_fall
    )


def _runs(rows: Results) -> list[_Run]:
    full, weak, ap = (np.asarray(rows[name], dtype=float).tolist() for name in ("full", "weak", "ap"))
    seeds: list[int | None] = [None] * len(full)
    if "seed" in rows:
        # Only pandas tables have a seed column; some seeds may be missing.
        column: Any = rows["seed"]
        seeds = [None if unknown else int(seed) for seed, unknown in zip(column, column.isna(), strict=True)]
    return [_Run(*run) for run in zip(full, weak, ap, seeds, strict=True)]


def _of_common_seeds(runs: list[_Run]) -> list[_Run]:
    """Keep the seeds that all splits have; other seeds would favour some of the splits."""
    if any(run.seed is None for run in runs):
        return runs
    splits = {(run.full, run.weak) for run in runs}
    having = Counter(seed for seed, *_ in {(run.seed, run.full, run.weak) for run in runs})
    return [run for run in runs if having[run.seed] == len(splits)] or runs


def _design(runs: list[_Run], lines: list[float]) -> Floats:
    full, weak = np.array([run[:2] for run in runs]).T
    seeds = sorted({run.seed for run in runs if run.seed is not None})
    levels = full[:, None] == np.unique(full)
    # The levels include the shift of the first seed.
    shifts = np.array([[run.seed == seed for seed in seeds[1:]] for run in runs])
    slopes = np.log1p(weak / full)[:, None] * (full[:, None] == lines)
    return np.hstack([levels, shifts, slopes], dtype=float)


def _fall(runs: list[_Run], full: float, slope: float) -> Fall:
    weak_counts = [run.weak for run in runs if run.full == full]
    least, most = min(weak_counts), max(weak_counts)
    ends = [run for run in runs if run.full == full and run.weak in (least, most)]
    alike = _of_common_seeds(ends)
    ap, more_ap = (fmean(run.ap for run in alike if run.weak == weak) for weak in (least, most))
    change = more_ap - ap
    if _share_no_seed(ends) or change >= 0:
        # Runs with different seeds also differ by the effect of the seed; the fit removes it.
        change = slope * float(np.log1p(most / full) - np.log1p(least / full))
    return Fall(int(full), int(least), ap, int(most), ap + change)


def _share_no_seed(ends: list[_Run]) -> bool:
    seeds = {run.seed for run in ends}
    return None not in seeds and len(seeds) == len({(run.seed, run.weak) for run in ends})
