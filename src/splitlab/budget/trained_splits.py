"""The splits a forecast rests on, as they scored: which of them is best for a budget, and where boxes lower the score.

A forecast comes from a surface that rises in F and in W. Where the rows themselves say otherwise, or a trained split
did better for the same money, the reader should see it beside the advice.
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
"""Chance, over all |F| together, to report a fall where the true scores are level."""


@dataclass(frozen=True)
class TrainedSplit:
    """A split that was trained, with its score.

    Attributes:
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        hours: Hours of labelling still to pay for it.
        ap: Its score, 0..100: the mean over the seeds that all splits have, or over its runs where they share none.
        runs: Runs that mean is over.
    """

    full: int
    weak: int
    hours: float
    ap: float
    runs: int


@dataclass(frozen=True)
class Fall:
    """A number of masks at which more boxes lowered the score by more than single runs scatter.

    Attributes:
        full: |F|, images with masks.
        weak: The smallest |W| trained beside it.
        ap: Mean score of that split, 0..100, over the seeds that both splits have; over its runs where they share
            none.
        more_weak: The largest |W| trained beside it.
        more_ap: Mean score of that split over the same seeds. Where they share none, `ap` plus the fitted change.
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
    """The results a surface rests on, one row a run: full, weak, ap."""
    return {"full": fitted.full, "weak": fitted.weak, "ap": fitted.ap}


def _trained_splits(rows: Results, prices: Prices, pool: ImagePool) -> list[TrainedSplit]:
    """Return each trained split that the images allow, best score first, then cheapest first.

    Args:
        rows: One row a run with the columns full, weak, ap, and seed where it is known.
        prices: Seconds per image.
        pool: Images there are and labels already paid for.
    """
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
    """The trained split with the best score among those that `hours` pay for; None if they pay for none.

    Hours are shown and typed with one decimal, so a split that costs 26.63 hours counts as paid for by 26.6.

    Args:
        rows: As `trained_splits`.
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: Images there are and labels already paid for.
    """
    splits = _trained_splits(rows, prices, pool)
    slack = min(_SHOWN_HOURS / 2, _SLACK * hours)
    return next((split for split in splits if split.hours <= hours + slack + _ROUNDING), None)


def cheapest_for_score(rows: Results, prices: Prices, ap: float, pool: ImagePool) -> TrainedSplit | None:
    """The cheapest trained split that scored `ap` or more; None if none did.

    Args:
        rows: As `trained_splits`.
        prices: Seconds per image.
        ap: The score to reach, 0..100.
        pool: Images there are and labels already paid for.
    """
    splits = _trained_splits(rows, prices, pool)
    return min((split for split in splits if split.ap >= ap), key=lambda split: split.hours, default=None)


def falls(rows: Results) -> tuple[Fall, ...]:
    """Where the score falls as boxes are added and the masks stay, few masks first.

    One least-squares fit to all runs: a level for each |F|, a shift for each seed, and a slope in ln(1 + W/F) for each
    |F| with two |W| or more. A slope counts as a fall by a one-sided t-test; the tests share `FALSE_ALARM` equally.
    The scatter of single runs comes from the fit and, as in the forecasts, from a guess that counts for two runs.

    Args:
        rows: One row a run with the columns full, weak, ap, and seed where it is known.
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


_SHOWN_HOURS = 0.1
# For budgets of minutes half of the last digit shown would be too much.
_SLACK = 0.005
# Hours are computed from prices by more than one way; the last digits must not decide what they pay for.
_ROUNDING = 1e-6


def _runs(rows: Results) -> list[_Run]:
    full, weak, ap = (np.asarray(rows[name], dtype=float).tolist() for name in ("full", "weak", "ap"))
    seeds: list[int | None] = [None] * len(full)
    if "seed" in rows:
        # Only tables of pandas have seeds, some of them unknown.
        column: Any = rows["seed"]
        seeds = [None if unknown else int(seed) for seed, unknown in zip(column, column.isna(), strict=True)]
    return [_Run(*run) for run in zip(full, weak, ap, seeds, strict=True)]


def _of_common_seeds(runs: list[_Run]) -> list[_Run]:
    """Keep the seeds that all splits have: a seed's luck is shared by its splits, and would favour some of them."""
    if any(run.seed is None for run in runs):
        return runs
    splits = {(run.full, run.weak) for run in runs}
    having = Counter(seed for seed, *_ in {(run.seed, run.full, run.weak) for run in runs})
    return [run for run in runs if having[run.seed] == len(splits)] or runs


def _design(runs: list[_Run], lines: list[float]) -> Floats:
    full, weak = np.array([run[:2] for run in runs]).T
    seeds = sorted({run.seed for run in runs if run.seed is not None})
    levels = full[:, None] == np.unique(full)
    # The first seed's shift is part of the levels.
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
        # The runs of different seeds differ by the luck of their seeds, too; the fit takes that out.
        change = slope * float(np.log1p(most / full) - np.log1p(least / full))
    return Fall(int(full), int(least), ap, int(most), ap + change)


def _share_no_seed(ends: list[_Run]) -> bool:
    seeds = {run.seed for run in ends}
    return None not in seeds and len(seeds) == len({(run.seed, run.weak) for run in ends})
