"""How far apart two trainings lie that differ by their seed alone, and what difference is more than that.

A verdict of the atlas compares means over few runs. A difference counts when it is larger than the margin that
Student's t allows at 95 %, shared out over all comparisons of one claim (Bonferroni): among twenty comparisons of
nothing but noise, one would pass an ordinary test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.stats import t as student

from splitlab.errors import BudgetError

Split = tuple[int, int]
"""|F| and |W|."""

DOUBT = 0.05
"""The chance that noise alone makes any difference of a claim count."""


@dataclass(frozen=True)
class SeedNoise:
    """The spread of one score over seeds, pooled over all splits that were trained with several.

    Attributes:
        deviation: standard deviation of a single run, in the score's unit.
        freedom: how many runs it rests on beyond one for each split.
    """

    deviation: float
    freedom: int

    def margin(self, first: Mean, second: Mean, comparisons: int) -> float:
        """Return how large the difference of two means must be to count, among so many comparisons.

        Raises:
            BudgetError: there are no comparisons.
        """
        if comparisons < 1:
            raise BudgetError(f"{comparisons} comparisons: a margin is for one at least.")
        seeds = self.deviation * math.sqrt(1 / first.runs + 1 / second.runs)
        error = math.hypot(seeds, first.image_error, second.image_error)
        return float(student.ppf(1 - DOUBT / (2 * comparisons), self.freedom)) * error


@dataclass(frozen=True)
class Mean:
    """A score of a split.

    Attributes:
        value: the mean over its runs.
        runs: how many there are.
        image_error: standard error that the choice of test images adds; 0 where it is the same for both sides.
    """

    value: float
    runs: int
    image_error: float = 0.0


@dataclass(frozen=True)
class Change:
    """A score's change from one split to another, beside what noise alone would change.

    Attributes:
        start, end: the splits (|F|, |W|).
        change: the difference of their means.
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


def seed_noise(rows: pd.DataFrame, score: str) -> SeedNoise:
    """Pool the spread over seeds of the splits that were trained with several.

    Args:
        rows: one row a run, with the columns full, weak and the score's; equal but for split and seed.
        score: the column.

    Raises:
        BudgetError: none was.
    """
    known = rows[rows[score].notna()]
    groups = known.groupby(["full", "weak"])[score]
    freedom = int((groups.size() - 1).sum())
    if not freedom:
        raise BudgetError("No split has been trained with two seeds, so nobody knows yet what a difference means.")
    squares = float(((known[score] - groups.transform("mean")) ** 2).sum())
    return SeedNoise(math.sqrt(squares / freedom), freedom)
