"""How far apart two trainings lie that differ by their seed alone, and what difference is more than that.

A seed draws nested sets and the head's first weights for all its splits, so its luck is shared: a score is taken as its
split's, plus its seed's luck, plus noise, fitted by least squares. What the seeds share drops out of differences.

A verdict of the atlas compares such fitted scores. A difference counts when it is larger than the margin that
Student's t allows at 95 %, shared out over all comparisons of one kind that a claim looks at (Bonferroni): among twenty
comparisons of nothing but noise, one would pass an ordinary test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError

Split = tuple[int, int]
"""|F| and |W|."""

DOUBT = 0.05
"""The chance that noise alone makes any difference of a claim count."""

NOISE_UNKNOWN = (
    "Fewer than two splits have been trained with the same two seeds, so nobody knows yet what a difference means."
)


@dataclass(frozen=True, eq=False)
class SplitScores:
    """One score of every split with the average seed, and how surely it is known.

    Attributes:
        values: (N,) the scores by split (|F|, |W|), in the score's unit.
        covariance: (N, N) of the values, for noise of variance 1 in each run.
        squares: sum of the squares of what the fit leaves over.
        freedom: how many runs there are beyond one for each split and for each seed but the first.
        told_apart: whether the seeds share enough splits to tell their luck from that of the splits.
    """

    values: pd.Series
    covariance: Floats
    squares: float
    freedom: int
    told_apart: bool

    @property
    def knows_noise(self) -> bool:
        """Whether enough splits were trained with the same two seeds to say what a difference means."""
        return self.told_apart and self.freedom > 0

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise of one run, in the score's unit.

        Raises:
            BudgetError: nobody knows it (`knows_noise`).
        """
        if not self.knows_noise:
            raise BudgetError(NOISE_UNKNOWN)
        return math.sqrt(self.squares / self.freedom)

    @property
    def errors(self) -> pd.Series:
        """(N,) standard errors of the values, in the score's unit.

        Raises:
            BudgetError: as `deviation`.
        """
        return pd.Series(self.deviation * np.sqrt(np.diag(self.covariance)), self.values.index)

    def margin(self, start: Split, end: Split, comparisons: int, image_error: float = 0.0) -> float:
        """Return how large the difference of two splits must be to count, among so many comparisons.

        Args:
            start: one split.
            end: the other.
            comparisons: how many differences one claim looks at, this one among them.
            image_error: standard error that the choice of test images adds, counted as if each split had images of its
                own (they share them, so it is too large); 0 where nobody knows it, as for AP.

        Raises:
            BudgetError: as `deviation`, or there are no comparisons.
        """
        if comparisons < 1:
            raise BudgetError(f"{comparisons} comparisons: a margin is for one at least.")
        contrast = (self.values.index == end).astype(float) - (self.values.index == start).astype(float)
        own = float(contrast @ self.covariance @ contrast)
        seeds = self.deviation * math.sqrt(max(own, 0.0))
        return float(student.ppf(1 - DOUBT / (2 * comparisons), self.freedom)) * math.hypot(seeds, image_error)


@dataclass(frozen=True)
class Mean:
    """A score of a split.

    Attributes:
        value: with the average seed; NaN where there is none.
        runs: how many it rests on.
        image_error: standard error that the choice of test images adds; 0 where the table has no interval, as for AP.
    """

    value: float
    runs: int
    image_error: float = 0.0


@dataclass(frozen=True)
class Change:
    """A score's change from one split to another, beside what noise alone would change.

    Attributes:
        start, end: the splits (|F|, |W|).
        change: the difference of their scores with the average seed.
        margin: how large it must be to count.
    """

    start: Split
    end: Split
    change: float
    margin: float

    @property
    def rises(self) -> bool:
        """Whether it rises by more than noise."""
        return self.change > self.margin

    @property
    def falls(self) -> bool:
        """Whether it falls by more than noise."""
        return self.change < -self.margin

    def is_within(self, limit: float) -> bool:
        """Whether it is smaller than a limit whatever noise hides."""
        return abs(self.change) + self.margin <= limit


def split_scores(rows: pd.DataFrame, score: str) -> SplitScores:
    """Fit split and seed to a score.

    Args:
        rows: one row a run, with the columns full, weak, seed and the score's; equal but for split and seed.
        score: the column; runs without it are left out.
    """
    known = rows[rows[score].notna()]
    split_of, splits = pd.factorize(pd.MultiIndex.from_frame(known[["full", "weak"]]), sort=True)
    seed_of, seeds = pd.factorize(known["seed"], sort=True)
    design = np.hstack([np.eye(len(splits))[split_of], _sum_to_zero(len(seeds))[seed_of]])
    measured = known[score].to_numpy(float)
    inverse: Floats = np.linalg.pinv(design.T @ design, hermitian=True).astype(float)
    fitted = inverse @ design.T @ measured
    rank = int(np.linalg.matrix_rank(design)) if len(known) else 0
    return SplitScores(
        values=pd.Series(fitted[: len(splits)], splits),
        covariance=inverse[: len(splits), : len(splits)],
        squares=float(((measured - design @ fitted) ** 2).sum()),
        freedom=len(known) - rank,
        told_apart=rank == design.shape[1],
    )


def _sum_to_zero(seeds: int) -> Floats:
    """Return shape (seeds, seeds - 1): the luck of each seed, where that of all adds up to none."""
    others = max(seeds - 1, 0)
    return np.vstack([np.eye(others), -np.ones((min(seeds, 1), others))])
