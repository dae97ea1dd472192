"""An AP surface with the results it rests on: what it forecasts, and how far it can be trusted.

Intervals follow from the delta method: the spread of single trainings and the luck of a new seed (Student's t each) and
the doubt about the surface (normal, with the fit's covariance) add in squares; outside the data a share of the change
since its edge comes on top. What the surface misses shows in its residuals and so counts as spread of trainings.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from splitlab.budget.ap_surface import ApSurface, Floats
from splitlab.budget.seed_luck import SeedLuck
from splitlab.budget.surface_prior import PRIOR_NOISE, PRIOR_NOISE_RUNS, PRIOR_SD
from splitlab.errors import BudgetError

DOUBT_OUTSIDE = 0.25
"""Share of the change since the edge of the data by which an interval grows outside of it."""

_ALLOWED = 0.9
"""The level of interval whose growth with few results is allowed for in the noise."""

ENOUGH_SPLITS = 4
"""With fewer different splits than this, the shape of the surface is the prior's."""


@dataclass(frozen=True)
class Forecast:
    """Expected scores, each with the interval that a new result falls into; arrays of one shape.

    Attributes:
        ap: Expected mask AP, 0..100.
        low: Lower end of the interval.
        high: Upper end of the interval.
        extrapolates: True where F or W lies outside the results the surface was fitted to.
    """

    ap: Floats
    low: Floats
    high: Floats
    extrapolates: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FittedSurface:
    """An AP surface with the results it rests on.

    Attributes:
        surface: The surface.
        full: |F| of the results, images, shape (N,).
        weak: |W| of the results, images, shape (N,).
        ap: Their scores, 0..100, shape (N,).
        luck: The luck of their seeds. None where the seeds are unknown, as for published results: a forecast is then
            for one more result of the same series, and says nothing of a new seed.
        fit_noise: The noise of one result that the fit went by, AP.
    """

    surface: ApSurface
    full: Floats
    weak: Floats
    ap: Floats
    luck: SeedLuck | None = None
    fit_noise: float = PRIOR_NOISE

    @property
    def different_splits(self) -> int:
        """Number of different splits among the results; a repeated training counts once."""
        return len(set(zip(self.full.tolist(), self.weak.tolist(), strict=True)))

    @property
    def borrows(self) -> bool:
        """Whether there are so few different splits that the shape is borrowed from the published tables."""
        return self.different_splits < ENOUGH_SPLITS

    @cached_property
    def noise(self) -> float:
        """Standard deviation of one training about the surface, the luck of its seed aside, AP."""
        squares = float(np.sum(self.residuals**2)) + PRIOR_NOISE_RUNS * PRIOR_NOISE**2
        return float(np.sqrt(squares / self._freedom))

    @property
    def noise_at_most(self) -> float:
        """The noise of one training with an allowance for how few results tell of it, AP."""
        return self.noise * float(stdtrit(self._freedom, _upper_tail(_ALLOWED)) / ndtri(_upper_tail(_ALLOWED)))

    @property
    def residuals(self) -> Floats:
        """Score minus expected score of each result with its seed, AP, shape (N,)."""
        of_seed = 0.0 if self.luck is None else self.luck.of_runs
        return self.ap - self.surface.ap(self.full, self.weak) - of_seed

    @property
    def contrasts(self) -> Floats:
        """Share of each difference between seeds in each result, shape (N, seeds - 1); (N, 0) for unknown seeds."""
        return np.zeros((self.ap.size, 0)) if self.luck is None else self.luck.contrasts

    @property
    def prior_sd(self) -> Floats:
        """Standard deviation that each parameter has before a result is seen, the five first, then the differences."""
        deviation = 0.0 if self.luck is None else self.luck.deviation
        return np.concatenate([PRIOR_SD, np.full(self.contrasts.shape[1], deviation)])

    @cached_property
    def decided(self) -> Floats:
        """How far the results, and not the prior, decide each parameter, 0..1, in the order of `prior_sd`."""
        return np.asarray(1 - np.diag(np.linalg.inv(self._information(self.fit_noise))) / self.prior_sd**2)

    def forecast(self, full: ArrayLike, weak: ArrayLike, level: float = 0.9) -> Forecast:
        """Score to expect of one more result on each split: of a new training with a new seed, where seeds are known.

        Args:
            full: |F|, images.
            weak: |W|, images, broadcast against `full`.
            level: Share of new results that should fall inside the interval, such as 0.9.

        Raises:
            BudgetError: If a number of images is negative, or the level lies outside 0..1.
        """
        ap = self.surface.ap(full, weak)
        sampling = stdtrit(self._freedom, _upper_tail(level)) * self.noise
        shape = ndtri(_upper_tail(level)) * self._deviation(self.surface.slopes(full, weak))
        half = np.hypot(np.hypot(sampling, self._luck_half(level)), shape) + self._doubt(full, weak)
        return Forecast(ap, np.maximum(ap - half, 0), np.minimum(ap + half, 100), self.extrapolates(full, weak))

    def change(
        self, start: tuple[float, float], end: tuple[float, float], level: float = 0.9
    ) -> tuple[float, float, float]:
        """Expected change of AP from one split (F, W) to another, and its interval: (change, low, high).

        It is the change of the surface: the luck of single trainings is not in it.

        Raises:
            BudgetError: If a number of images is negative, or the level lies outside 0..1.
        """
        change = float(self.surface.ap(*end) - self.surface.ap(*start))
        slopes = self.surface.slopes(*end) - self.surface.slopes(*start)
        half = ndtri(_upper_tail(level)) * float(self._deviation(slopes))
        half += abs(float(self._doubt(*end)) - float(self._doubt(*start)))
        return change, float(change - half), float(change + half)

    def extrapolates(self, full: ArrayLike, weak: ArrayLike) -> NDArray[np.bool_]:
        """True for each split whose F or W lies outside the range of the results."""
        masks, boxes = self._to_edge(full, weak)
        return np.asarray((masks != full) | (boxes != weak))

    def covariance(self) -> Floats:
        """Covariance of the five parameters, shape (5, 5), in the order of `ApSurface`."""
        inverse = np.linalg.inv(self._information(self.noise))
        return np.asarray(inverse[: PRIOR_SD.size, : PRIOR_SD.size], dtype=np.float64)

    @cached_property
    def _freedom(self) -> float:
        return float(max(self.full.size - self.decided.sum(), 0)) + PRIOR_NOISE_RUNS

    def _information(self, noise: float) -> Floats:
        slopes = np.hstack([self.surface.slopes(self.full, self.weak), self.contrasts])
        return slopes.T @ slopes / noise**2 + np.diag(self.prior_sd**-2)

    def _luck_half(self, level: float) -> float:
        if self.luck is None:
            return 0.0
        return float(stdtrit(self.luck.freedom, _upper_tail(level))) * self.luck.of_new_seed

    def _deviation(self, slopes: Floats) -> Floats:
        variance: Floats = np.einsum("...i,ij,...j->...", slopes, self.covariance(), slopes)
        return np.sqrt(variance)

    def _doubt(self, full: ArrayLike, weak: ArrayLike) -> Floats:
        edge = self.surface.ap(*self._to_edge(full, weak))
        return DOUBT_OUTSIDE * np.abs(self.surface.ap(full, weak) - edge)

    def _to_edge(self, full: ArrayLike, weak: ArrayLike) -> tuple[Floats, Floats]:
        return (
            np.clip(np.asarray(full, dtype=np.float64), self.full.min(), self.full.max()),
            np.clip(np.asarray(weak, dtype=np.float64), self.weak.min(), self.weak.max()),
        )


def _upper_tail(level: float) -> float:
    if not 0 < level < 1:
        raise BudgetError(f"the level of an interval is {level}: give a share between 0 and 1, such as 0.9.")
    return 0.5 + level / 2
