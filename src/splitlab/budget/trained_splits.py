"""The splits a forecast rests on, as they scored: which of them is best for a budget, and where boxes lower the score.

A forecast comes from a surface that rises in F and in W. Where the rows themselves say otherwise, or a trained split
did better for the same money, the reader should see it beside the advice.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from splitlab.budget.annotation_cost import Prices
from splitlab.budget.ap_surface import Floats
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.image_pool import ImagePool
from splitlab.budget.surface_prior import PRIOR_NOISE, PRIOR_NOISE_RUNS

FALSE_ALARM = 0.1
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


def results_of(fitted: FittedSurface) -> pd.DataFrame:
    """The results a surface rests on, one row a run: full, weak, ap."""
    return pd.DataFrame({"full": fitted.full, "weak": fitted.weak, "ap": fitted.ap})


def trained_splits(rows: pd.DataFrame, prices: Prices, pool: ImagePool) -> pd.DataFrame:
    """One row for each trained split that the images allow.

    Args:
        rows: One row a run with the columns full, weak, ap, and seed where it is known.
        prices: Seconds per image.
        pool: Images there are and labels already paid for.

    Returns:
        The columns of `TrainedSplit`, best score first, then cheapest first.
    """
    runs = _of_common_seeds(rows)
    scores = runs.groupby(["full", "weak"])["ap"].agg(["mean", "size"]).reset_index()
    splits = scores.rename(columns={"mean": "ap", "size": "runs"})
    splits = splits[splits["full"] + splits["weak"] <= pool.images]
    splits = splits.assign(hours=pool.new_hours(splits["full"], splits["weak"], prices))
    return splits.sort_values(["ap", "hours"], ascending=[False, True], kind="stable", ignore_index=True)


def best_for_hours(rows: pd.DataFrame, prices: Prices, hours: float, pool: ImagePool) -> TrainedSplit | None:
    """The trained split with the best score among those that `hours` pay for; None if they pay for none.

    Hours are shown and typed with one decimal, so a split that costs 26.63 hours counts as paid for by 26.6.

    Args:
        rows: As `trained_splits`.
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: Images there are and labels already paid for.
    """
    splits = trained_splits(rows, prices, pool)
    slack = min(_SHOWN_HOURS / 2, _SLACK * hours)
    return _first(splits[splits["hours"] <= hours + slack + _ROUNDING])


def cheapest_for_score(rows: pd.DataFrame, prices: Prices, ap: float, pool: ImagePool) -> TrainedSplit | None:
    """The cheapest trained split that scored `ap` or more; None if none did.

    Args:
        rows: As `trained_splits`.
        prices: Seconds per image.
        ap: The score to reach, 0..100.
        pool: Images there are and labels already paid for.
    """
    splits = trained_splits(rows, prices, pool)
    return _first(splits[splits["ap"] >= ap].sort_values("hours", kind="stable"))


def falls(rows: pd.DataFrame) -> tuple[Fall, ...]:
    """Where the score falls as boxes are added and the masks stay, few masks first.

    One least-squares fit to all runs: a level for each |F|, a shift for each seed, and a slope in ln(1 + W/F) for each
    |F| with two |W| or more. A slope counts as a fall by a one-sided t-test; the tests share `FALSE_ALARM` equally.
    The scatter of single runs comes from the fit and, as in the forecasts, from a guess that counts for two runs.

    Args:
        rows: One row a run with the columns full, weak, ap, and seed where it is known.
    """
    weak_counts = rows.groupby("full")["weak"].nunique()
    lines = [float(full) for full in weak_counts.index[weak_counts > 1]]
    if not lines:
        return ()
    design = _design(rows, lines)
    scores = rows["ap"].to_numpy(dtype=float)
    solution, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    freedom = len(scores) - int(rank) + PRIOR_NOISE_RUNS
    squares = float(np.sum((scores - design @ solution) ** 2)) + PRIOR_NOISE_RUNS * PRIOR_NOISE**2
    errors = np.sqrt(np.diag(np.linalg.pinv(design.T @ design)) * squares / freedom)
    of_lines = slice(design.shape[1] - len(lines), None)
    slopes = solution[of_lines]
    fallen = slopes < -student.ppf(1 - FALSE_ALARM / len(lines), freedom) * errors[of_lines]
    return tuple(
        _fall(rows, full, slope) for full, slope, is_fall in zip(lines, slopes, fallen, strict=True) if is_fall
    )


_SHOWN_HOURS = 0.1
# For budgets of minutes half of the last digit shown would be too much.
_SLACK = 0.005
# Hours are computed from prices by more than one way; the last digits must not decide what they pay for.
_ROUNDING = 1e-6


def _of_common_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the seeds that all splits have: a seed's luck is shared by its splits, and would favour some of them."""
    if "seed" not in rows or rows["seed"].isna().any():
        return rows
    splits = rows.groupby(["full", "weak"]).ngroups
    having = rows.drop_duplicates(["seed", "full", "weak"]).groupby("seed").size()
    common = having.index[having == splits]
    return rows[rows["seed"].isin(common)] if len(common) else rows


def _first(splits: pd.DataFrame) -> TrainedSplit | None:
    if splits.empty:
        return None
    row = splits.iloc[0]
    return TrainedSplit(int(row["full"]), int(row["weak"]), float(row["hours"]), float(row["ap"]), int(row["runs"]))


def _design(rows: pd.DataFrame, lines: list[float]) -> Floats:
    levels = pd.get_dummies(rows["full"], dtype=float).to_numpy()
    seeds = pd.get_dummies(rows["seed"], dtype=float).to_numpy() if "seed" in rows else np.empty((len(rows), 0))
    growth = np.log1p(rows["weak"].to_numpy(dtype=float) / rows["full"].to_numpy(dtype=float))
    slopes = np.stack([np.where(rows["full"] == full, growth, 0.0) for full in lines], axis=1)
    # The first seed's shift is part of the levels.
    return np.hstack([levels, seeds[:, 1:], slopes])


def _fall(rows: pd.DataFrame, full: float, slope: float) -> Fall:
    line = rows[rows["full"] == full]
    least, most = line["weak"].min(), line["weak"].max()
    ends = line[line["weak"].isin([least, most])]
    alike = _of_common_seeds(ends)
    means = alike.groupby("weak")["ap"].mean()
    change = float(means[most] - means[least])
    if _share_no_seed(ends) or change >= 0:
        # The runs of different seeds differ by the luck of their seeds, too; the fit takes that out.
        change = slope * float(np.log1p(most / full) - np.log1p(least / full))
    return Fall(int(full), int(least), float(means[least]), int(most), float(means[least]) + change)


def _share_no_seed(rows: pd.DataFrame) -> bool:
    if "seed" not in rows or rows["seed"].isna().any():
        return False
    return bool(rows.drop_duplicates(["seed", "weak"]).groupby("seed").size().max() < rows["weak"].nunique())
