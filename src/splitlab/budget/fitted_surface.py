"""An AP surface with the results it rests on: what it forecasts, and how far it can be trusted.

Intervals follow from the delta method: the spread of single trainings (Student's t) and the doubt about the surface
(normal, with the fit's covariance) add in squares; outside the data a share of the change since its edge comes on top.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from splitlab.budget.ap_surface import ApSurface, Floats
from splitlab.budget.surface_prior import PRIOR_NOISE, PRIOR_NOISE_RUNS, PRIOR_SD
from splitlab.errors import BudgetError

DOUBT_OUTSIDE = 0.25
"""Share of the change since the edge of the data by which an interval grows outside of it."""

ENOUGH_SPLITS = 4
"""With fewer different splits than this, the shape of the surface is the prior's."""


@dataclass(frozen=True)
class Forecast:
    """Expected scores with the interval a new training falls into; arrays of one shape.

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
    """

    surface: ApSurface
    full: Floats
    weak: Floats
    ap: Floats

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
        """Standard deviation of one training about the surface, AP."""
        squares = float(np.sum(self.residuals**2)) + PRIOR_NOISE_RUNS * PRIOR_NOISE**2
        return float(np.sqrt(squares / self._freedom))

    @property
    def residuals(self) -> Floats:
        """Score minus expected score of each result, AP, shape (N,)."""
        return self.ap - self.surface.ap(self.full, self.weak)

    def forecast(self, full: ArrayLike, weak: ArrayLike, level: float = 0.9) -> Forecast:
        """Score to expect from a new training on each split.

        Args:
            full: |F|, images.
            weak: |W|, images, broadcast against `full`.
            level: Share of new trainings that should fall inside the interval, such as 0.9.

        Raises:
            BudgetError: If a number of images is negative, or the level lies outside 0..1.
        """
        ap = self.surface.ap(full, weak)
        sampling = student.ppf(_upper_tail(level), self._freedom) * self.noise
        shape = norm.ppf(_upper_tail(level)) * self._deviation(self.surface.slopes(full, weak))
        half = np.hypot(sampling, shape) + self._doubt(full, weak)
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
        half = norm.ppf(_upper_tail(level)) * float(self._deviation(slopes))
        half += abs(float(self._doubt(*end)) - float(self._doubt(*start)))
        return change, float(change - half), float(change + half)

    def extrapolates(self, full: ArrayLike, weak: ArrayLike) -> NDArray[np.bool_]:
        """True for each split whose F or W lies outside the range of the results."""
        masks, boxes = self._to_edge(full, weak)
        return np.asarray((masks != full) | (boxes != weak))

    def covariance(self) -> Floats:
        """Covariance of the five parameters, shape (5, 5), in the order of `ApSurface`."""
        return np.asarray(np.linalg.inv(self._information(self.noise)), dtype=np.float64)

    @cached_property
    def _freedom(self) -> float:
        # Runs less the parameters that they, and not the prior, decide: the trace of the hat matrix.
        slopes = self.surface.slopes(self.full, self.weak)
        decided = np.trace(slopes.T @ slopes @ np.linalg.inv(self._information(PRIOR_NOISE))) / PRIOR_NOISE**2
        return float(max(self.full.size - decided, 0)) + PRIOR_NOISE_RUNS

    def _information(self, noise: float) -> Floats:
        slopes = self.surface.slopes(self.full, self.weak)
        return slopes.T @ slopes / noise**2 + np.diag(PRIOR_SD**-2)

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
