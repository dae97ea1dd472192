"""How much training runs differ by their seed alone, and which differences are larger than that.

All splits of one seed share nested sets and the initial weights of the head, so they share the effect of the seed. A
score is modelled as the score of its split plus the effect of its seed plus noise, fitted by least squares. Effects
that the seeds share cancel in differences.

The verdicts of the atlas compare these fitted scores. A difference counts if it is larger than the margin of Student's
t at 95 %, divided over all comparisons of one kind within a claim (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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

NOISE_UNKNOWN = "Fewer than two splits have been trained with the same two seeds, so the noise is unknown."


@dataclass(frozen=True, eq=False)
class SplitScores:
    """One score of every split for the average seed, with its uncertainty.

    Attributes:
        values: (N,) scores indexed by split (|F|, |W|), in the unit of the score.
        covariance: (N, N) covariance of the values for noise of variance 1 per run.
        squares: Sum of squared residuals.
        freedom: Residual degrees of freedom.
        separable: Whether the seeds share enough splits to separate seed effects from splits.
    """

    values: pd.Series
    covariance: Floats
    squares: float
    freedom: int
    separable: bool

    @property
    def knows_noise(self) -> bool:
        """Whether enough splits were trained with the same two seeds to estimate the noise."""
        return self.separable and self.freedom > 0

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise of one run, in the unit of the score."""
        if not self.knows_noise:
            raise BudgetError(NOISE_UNKNOWN)
        return math.sqrt(self.squares / self.freedom)

    @property
    def errors(self) -> pd.Series:
        """(N,) standard errors of the values, in the unit of the score."""
        return pd.Series(self.deviation * np.sqrt(np.diag(self.covariance)), self.values.index)

    def margin(self, start: Split, end: Split, comparisons: int, image_error: float = 0.0) -> float:
        """Return how large the difference between two splits must be to count among several `comparisons` of one claim.

        `image_error` is the standard error due to the choice of test images, as if each split had its own (they share
        them, so this is an upper bound); 0 if unknown, as for AP.

        Raises:
            BudgetError: If the noise is unknown, or there are no comparisons.
        """
        if comparisons < 1:
            raise BudgetError(f"{comparisons} comparisons: a margin needs at least one.")
        contrast = (self.values.index == end).astype(float) - (self.values.index == start).astype(float)
        own = float(contrast @ self.covariance @ contrast)
        seeds = self.deviation * math.sqrt(max(own, 0.0))
        return float(student.ppf(1 - DOUBT / (2 * comparisons), self.freedom)) * math.hypot(seeds, image_error)


@dataclass(frozen=True)
class Mean:
    """A score of a split for the average seed (NaN if there is none), and the number of its runs.

    `image_error` is the standard error due to the choice of test images; 0 if unknown, as for AP.
    """

    value: float
    runs: int
    image_error: float = 0.0


@dataclass(frozen=True)
class Change:
    """The change of a score between two splits for the average seed, and the margin it must exceed to count."""

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
        """Return whether the change is within a limit even if the noise margin is added."""
        return abs(self.change) + self.margin <= limit


def split_scores(rows: pd.DataFrame, score: str, alike: Sequence[str] = ("full", "weak")) -> SplitScores:
    """Fit the effects of split and seed to a score.

    Args:
        rows: One row per run with the columns `alike`, seed and `score`.
        score: Column of the score; runs without it are left out.
        alike: Columns that are equal in runs that differ by seed alone; more than the split if recipes are compared.
    """
    known = rows[rows[score].notna()]
    split_of, splits = pd.factorize(pd.MultiIndex.from_frame(known[list(alike)]), sort=True)
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
        separable=rank == design.shape[1],
    )


def _sum_to_zero(seeds: int) -> Floats:
    """Return the contrasts of the seeds, shape (seeds, seeds - 1), whose effects sum to zero."""
    others = max(seeds - 1, 0)
    return np.vstack([np.eye(others), -np.ones((min(seeds, 1), others))])
