"""The luck of a seed: what all runs of one seed have in common, apart from their splits.

A seed draws nested sets of images and the first weights for all its runs, so its runs lie above or below those of
another seed together. The surface is fitted for the average of the seeds there are; how far another seed lies from
that is estimated from the differences between them, and borrowed from the atlas where there is one seed alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import helmert

from splitlab.budget.ap_surface import Floats
from splitlab.budget.surface_prior import PRIOR_LUCK_MOST, PRIOR_LUCK_RATIO, PRIOR_LUCK_SEEDS, PRIOR_LUCK_SHARE

_LEAST_LUCK = 0.01
"""AP by which a seed of models that find nothing may still differ: a deviation of 0 could not be fitted with."""


@dataclass(frozen=True, eq=False)
class SeedLuck:
    """How far the seeds of some runs lie apart, and how far a new one may lie from them.

    Attributes:
        seeds: How many different seeds the runs have.
        contrasts: Share of each difference between seeds in each run, shape (runs, seeds - 1).
        differences: The differences in units of `contrasts`, AP, shape (seeds - 1,).
        deviation: Standard deviation of the luck of one seed, AP.
        freedom: Degrees of freedom of that deviation, those of the borrowed guess among them.
    """

    seeds: int
    contrasts: Floats
    differences: Floats
    deviation: float
    freedom: float

    @property
    def of_runs(self) -> Floats:
        """Luck of each run's seed, AP, shape (runs,); that of all seeds adds up to 0."""
        return np.asarray(self.contrasts @ self.differences, dtype=np.float64)

    @property
    def of_new_seed(self) -> float:
        """Standard deviation of a new seed's luck against the average of the seeds there are, AP."""
        return self.deviation * float(np.sqrt(1 + 1 / self.seeds))

    def with_run_of_first_seed(self) -> "SeedLuck":
        """The same with one run more, of the seed of the first run."""
        return replace(self, contrasts=np.vstack([self.contrasts, self.contrasts[:1]]))


def luck_before_pairs(seed: ArrayLike, noise: float, score: float) -> SeedLuck:
    """The guess for runs whose differences between seeds are not looked at yet.

    Args:
        seed: The seed of each run, shape (runs,).
        noise: Standard deviation of one run, AP.
        score: The runs' mean score, AP.
    """
    seeds, of_run = np.unique(np.asarray(seed), return_inverse=True)
    contrasts = helmert(seeds.size).T[of_run] if seeds.size > 1 else np.zeros((of_run.size, 0))
    return SeedLuck(seeds.size, contrasts, np.zeros(seeds.size - 1), _borrowed(noise, score), PRIOR_LUCK_SEEDS)


def luck_from_pairs(fitted: SeedLuck, told: float, noise: float, score: float) -> SeedLuck:
    """The luck that fitted differences between seeds and the borrowed guess show together.

    Args:
        fitted: The luck with its differences fitted.
        told: How many of the differences the runs decide, and not the guess; 0 to seeds - 1.
        noise: Standard deviation of one run, AP, with an allowance for how few runs tell of it.
        score: The runs' mean score, AP.
    """
    freedom = PRIOR_LUCK_SEEDS + told
    squares = PRIOR_LUCK_SEEDS * _borrowed(noise, score) ** 2 + float(fitted.differences @ fitted.differences)
    return replace(fitted, deviation=float(np.sqrt(squares / freedom)), freedom=freedom)


def _borrowed(noise: float, score: float) -> float:
    return min(PRIOR_LUCK_RATIO * noise, PRIOR_LUCK_MOST, PRIOR_LUCK_SHARE * score + _LEAST_LUCK)
