"""The effect that a seed has on all of its runs, and its prior."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import helmert
from scipy.special import stdtrit

from splitlab.budget.surface import (
    PRIOR_LUCK_MOST,
    PRIOR_LUCK_RATIO,
    PRIOR_LUCK_SEEDS,
    PRIOR_LUCK_SHARE,
    Floats,
)
from splitlab.errors import BudgetError

_LEAST_LUCK = 0.01
"""Least prior deviation of the seed effect, AP; a deviation of 0 could not be fitted."""


@dataclass(frozen=True, eq=False)
class SeedLuck:
    """The effect that a seed has on all of its runs.

    Attributes:
        seeds: Number of different seeds.
        of_run: Seed of each run, shape (runs,).
        contrasts: Contribution of each difference between seeds to each run, shape (runs, seeds - 1).
        differences: The differences in units of `contrasts`, AP, shape (seeds - 1,).
        deviation: Standard deviation of the effect of one seed, AP.
        freedom: Degrees of freedom of that deviation, including those of the prior.
    """

    seeds: int
    of_run: NDArray[np.int64]
    contrasts: Floats
    differences: Floats
    deviation: float
    freedom: float

    @property
    def of_runs(self) -> Floats:
        """Effect of each run's seed, AP, shape (runs,); the effects of all seeds add up to 0."""
        return np.asarray(self.contrasts @ self.differences, dtype=np.float64)

    @property
    def of_new_seed(self) -> float:
        """Standard deviation of a new seed against the mean of the known seeds, AP."""
        return self.deviation * float(np.sqrt(1 + 1 / self.seeds))

    @property
    def of_mean(self) -> float:
        """Standard deviation of the mean of the known seeds against that of all seeds, AP."""
        return self.deviation / float(np.sqrt(self.seeds))

    def half(self, deviation: float, level: float) -> float:
        """Return half of the interval of a deviation, AP."""
        return float(stdtrit(self.freedom, upper_tail(level))) * deviation

    def with_new_seed(self, noise: float) -> "SeedLuck":
        """Return the same with one more seed whose run has the `noise`, AP, and agrees with the deviation."""
        known = self.deviation**2 / (self.deviation**2 + noise**2)
        return replace(self, seeds=self.seeds + 1, freedom=self.freedom + known)

    def with_run_of_first_seed(self) -> "SeedLuck":
        """Return the same with one more run, with the seed of the first run."""
        of_run = np.append(self.of_run, self.of_run[0])
        return replace(self, of_run=of_run, contrasts=np.vstack([self.contrasts, self.contrasts[:1]]))


def luck_before_pairs(seed: ArrayLike, noise: float, score: float) -> SeedLuck:
    """Return the prior effect of the seeds, before their differences are fitted; `noise` and mean `score` in AP."""
    of_run = np.asarray(seed)
    seeds, number = np.unique(of_run, return_inverse=True)
    contrasts = helmert(seeds.size).T[number] if seeds.size > 1 else np.zeros((number.size, 0))
    return SeedLuck(seeds.size, of_run, contrasts, np.zeros(seeds.size - 1), _borrowed(noise, score), PRIOR_LUCK_SEEDS)


def luck_from_pairs(fitted: SeedLuck, decided: float, noise: float, score: float) -> SeedLuck:
    """Combine the fitted differences between seeds with the prior.

    Args:
        fitted: The seed effect with its differences fitted.
        decided: How many of the differences the runs determine rather than the prior, 0 to seeds - 1.
        noise: Standard deviation of one run, AP, with an allowance for few runs.
        score: Mean score of the runs, AP.
    """
    freedom = PRIOR_LUCK_SEEDS + decided
    squares = PRIOR_LUCK_SEEDS * _borrowed(noise, score) ** 2 + float(fitted.differences @ fitted.differences)
    return replace(fitted, deviation=float(np.sqrt(squares / freedom)), freedom=freedom)


def _borrowed(noise: float, score: float) -> float:
    return min(PRIOR_LUCK_RATIO * noise, PRIOR_LUCK_MOST, PRIOR_LUCK_SHARE * score + _LEAST_LUCK)


def upper_tail(level: float) -> float:
    """Return the share of a distribution below the upper end of its central interval of this level."""
    if not 0 < level < 1:
        raise BudgetError(f"the level of an interval is {level}: give a share between 0 and 1, such as 0.9.")
    return 0.5 + level / 2
