"""Fit the AP surface to results, with the uncertainty of each prediction and the effect of the seed."""

from dataclasses import astuple, dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import ndtri, stdtrit

from splitlab.budget.seed_luck import SeedLuck, luck_before_pairs, luck_from_pairs, upper_tail
from splitlab.budget.surface import (
    PARAMETERS_HIGH,
    PARAMETERS_LOW,
    PRIOR_MEAN,
    PRIOR_NOISE,
    PRIOR_NOISE_RUNS,
    PRIOR_SD,
    ApSurface,
    Floats,
)
from splitlab.errors import BudgetError

_DOUBT_OUTSIDE = 0.25
"""Outside the data, an interval grows by this share of the change since the edge of the data."""

_ALLOWED = 0.9
"""Interval level at which the noise makes an allowance for few results."""

ENOUGH_SPLITS = 4
"""With fewer different splits, the shape of the surface is that of the prior."""

_ROUNDS = 12
_SETTLED = 1e-3
"""Relative change of noise and seed effect below which the fit has converged."""


@dataclass(frozen=True)
class Forecast:
    """Expected mask AP (0..100) with the ends of its interval, and whether F or W lies outside the fitted results.

    All arrays have one shape.
    """

    ap: Floats
    low: Floats
    high: Floats
    extrapolates: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FittedSurface:
    """An AP surface with the results it was fitted to.

    Attributes:
        surface: The surface.
        full: |F| of the results, images, shape (N,).
        weak: |W| of the results, images, shape (N,).
        ap: Scores of the results, 0..100, shape (N,).
        luck: The effect of the seeds. None if the seeds are unknown, as for published results: a forecast is then for
            one more result of the same series, not for a new seed.
        fit_noise: Noise of one result that was used in the fit, AP.
    """

    surface: ApSurface
    full: Floats
    weak: Floats
    ap: Floats
    luck: SeedLuck | None = None
    fit_noise: float = PRIOR_NOISE

    @property
    def different_splits(self) -> int:
        """Number of different splits among the results."""
        return len(set(zip(self.full.tolist(), self.weak.tolist(), strict=True)))

    @property
    def borrows(self) -> bool:
        """Whether there are so few different splits that the prior determines the shape."""
        return self.different_splits < ENOUGH_SPLITS

    @cached_property
    def noise(self) -> float:
        """Standard deviation of one training run about the surface, without the seed effect, AP."""
        squares = float(np.sum(self.residuals**2)) + PRIOR_NOISE_RUNS * PRIOR_NOISE**2
        return float(np.sqrt(squares / self._freedom))

    @property
    def noise_at_most(self) -> float:
        """The noise of one training run with an allowance for few results, AP."""
        return self.noise * float(stdtrit(self._freedom, upper_tail(_ALLOWED)) / ndtri(upper_tail(_ALLOWED)))

    @property
    def residuals(self) -> Floats:
        """Score minus expected score of each result, including its seed effect, AP, shape (N,)."""
        of_seed = 0.0 if self.luck is None else self.luck.of_runs
        return self.ap - self.surface.ap(self.full, self.weak) - of_seed

    @property
    def contrasts(self) -> Floats:
        """Contribution of each seed difference to each result, shape (N, seeds - 1); (N, 0) for unknown seeds."""
        return np.zeros((self.ap.size, 0)) if self.luck is None else self.luck.contrasts

    @property
    def shape_size(self) -> int:
        """Number of fitted parameters of the surface; published results, of long runs, fit none for lost views."""
        return PRIOR_MEAN.size - (self.luck is None)

    @property
    def prior_sd(self) -> Floats:
        """Prior standard deviation of each parameter: those of the surface, then the seed differences."""
        deviation = 0.0 if self.luck is None else self.luck.deviation
        return np.concatenate([PRIOR_SD[: self.shape_size], np.full(self.contrasts.shape[1], deviation)])

    def slopes(self, full: ArrayLike, weak: ArrayLike) -> Floats:
        """Return the derivatives of the expected AP with respect to the surface's fitted parameters."""
        return self.surface.slopes(full, weak)[..., : self.shape_size]

    @cached_property
    def decided(self) -> Floats:
        """How far the results rather than the prior determine each parameter, 0..1, in the order of `prior_sd`."""
        return np.asarray(1 - np.diag(np.linalg.inv(self._information(self.fit_noise))) / self.prior_sd**2)

    def forecast(self, full: ArrayLike, weak: ArrayLike, level: float = 0.9) -> Forecast:
        """Forecast one more result on each split: a new training run with a new seed, if the seeds are known.

        Args:
            full: |F|, images.
            weak: |W|, images, broadcast against `full`.
            level: Share of new results that should fall inside the interval.

        Raises:
            BudgetError: If a number of images is negative, or the level is not between 0 and 1.
        """
        luck = 0.0 if self.luck is None else self.luck.half(self.luck.of_new_seed, level)
        return self._forecast(full, weak, level, float(np.hypot(self._sampling(level), luck)))

    def forecast_of_seed(self, full: ArrayLike, weak: ArrayLike, seed: ArrayLike, level: float = 0.9) -> Forecast:
        """Forecast one more result with a `seed` of the results, or of the average seed if it is another or unknown."""
        known = {} if self.luck is None else dict(zip(self.luck.of_run.tolist(), self.luck.of_runs, strict=True))
        effect = np.array([known.get(one, 0.0) for one in np.asarray(seed).tolist()])
        forecast = self._forecast(full, weak, level, self._sampling(level))
        ends = {name: np.clip(getattr(forecast, name) + effect, 0, 100) for name in ("ap", "low", "high")}
        return replace(forecast, **ends)

    def forecast_mean(self, full: ArrayLike, weak: ArrayLike, level: float = 0.9) -> Forecast:
        """Forecast the mean score of many runs with many seeds on each split; see `forecast`."""
        luck = 0.0 if self.luck is None else self.luck.half(self.luck.of_mean, level)
        return self._forecast(full, weak, level, luck)

    def _sampling(self, level: float) -> float:
        return float(stdtrit(self._freedom, upper_tail(level)) * self.noise)

    def _forecast(self, full: ArrayLike, weak: ArrayLike, level: float, spread: float) -> Forecast:
        ap = self.surface.ap(full, weak)
        shape = ndtri(upper_tail(level)) * self._deviation(self.slopes(full, weak))
        half = np.hypot(spread, shape) + self._doubt(full, weak)
        return Forecast(ap, np.maximum(ap - half, 0), np.minimum(ap + half, 100), self.extrapolates(full, weak))

    def change(
        self, start: tuple[float, float], end: tuple[float, float], level: float = 0.9
    ) -> tuple[float, float, float]:
        """Return the expected change of AP from one split (F, W) to another with its interval: (change, low, high).

        This is the change of the surface, without the noise of single runs.
        """
        change = float(self.surface.ap(*end) - self.surface.ap(*start))
        slopes = self.slopes(*end) - self.slopes(*start)
        half = ndtri(upper_tail(level)) * float(self._deviation(slopes))
        half += abs(float(self._doubt(*end)) - float(self._doubt(*start)))
        return change, float(change - half), float(change + half)

    def extrapolates(self, full: ArrayLike, weak: ArrayLike) -> NDArray[np.bool_]:
        """Return True for each split whose F or W lies outside the range of the results."""
        masks, boxes = self._to_edge(full, weak)
        return np.asarray((masks != full) | (boxes != weak))

    @cached_property
    def covariance(self) -> Floats:
        """Covariance of the fitted parameters, in the order of `prior_sd`."""
        return np.asarray(np.linalg.inv(self._information(self.noise)), dtype=np.float64)

    @cached_property
    def _freedom(self) -> float:
        return float(max(self.full.size - self.decided.sum(), 0)) + PRIOR_NOISE_RUNS

    def _information(self, noise: float) -> Floats:
        slopes = np.hstack([self.slopes(self.full, self.weak), self.contrasts])
        return slopes.T @ slopes / noise**2 + np.diag(self.prior_sd**-2)

    def _deviation(self, slopes: Floats) -> Floats:
        covariance = self.covariance[: self.shape_size, : self.shape_size]
        variance: Floats = np.einsum("...i,ij,...j->...", slopes, covariance, slopes)
        return np.sqrt(variance)

    def _doubt(self, full: ArrayLike, weak: ArrayLike) -> Floats:
        edge = self.surface.ap(*self._to_edge(full, weak))
        return _DOUBT_OUTSIDE * np.abs(self.surface.ap(full, weak) - edge)

    def _to_edge(self, full: ArrayLike, weak: ArrayLike) -> tuple[Floats, Floats]:
        return (
            np.clip(np.asarray(full, dtype=np.float64), self.full.min(), self.full.max()),
            np.clip(np.asarray(weak, dtype=np.float64), self.weak.min(), self.weak.max()),
        )


def fit_surface(full: ArrayLike, weak: ArrayLike, ap: ArrayLike, seed: ArrayLike | None = None) -> FittedSurface:
    """Fit the AP surface to the scores of trained splits; one result is enough, since the prior supplies the shape.

    A score is modelled as the surface at its split, plus the effect of its seed, plus noise. Noise and seed effect are
    estimated together with the surface by iterative reweighting; the noise never falls below the published noise.

    Args:
        full: |F| of each result, images, shape (N,).
        weak: |W| of each result, images, shape (N,).
        ap: Mask AP of each result, 0..100, shape (N,); results without a score (NaN) are left out.
        seed: Seed of each result, shape (N,); None if the seeds are unknown.

    Raises:
        BudgetError: If no score is left, a score lies outside 0..100, or an |F| is not above 0.
    """
    masks, boxes, scores = (np.asarray(column, dtype=np.float64) for column in (full, weak, ap))
    known = ~np.isnan(scores)
    masks, boxes, scores = masks[known], boxes[known], scores[known]
    _check(masks, boxes, scores)
    luck = None if seed is None else luck_before_pairs(np.asarray(seed)[known], PRIOR_NOISE, float(scores.mean()))
    fitted = FittedSurface(ApSurface.from_vector(PRIOR_MEAN), masks, boxes, scores, luck)
    for _ in range(_ROUNDS):
        before, fitted = fitted, _weighed_anew(_best_fit(fitted))
        if _is_settled(before, fitted):
            break
    return fitted


def _best_fit(start: FittedSurface) -> FittedSurface:
    """Fit surface and seed differences by least squares, with the noise and seed effect of `start`."""
    size, seeds = start.shape_size, start.contrasts
    unknown = np.zeros(seeds.shape[1])

    def distances(parameters: Floats) -> Floats:
        expected = ApSurface.from_vector(parameters[:size]).ap(start.full, start.weak) + seeds @ parameters[size:]
        from_prior = parameters - np.concatenate([PRIOR_MEAN[:size], unknown])
        return np.concatenate([(expected - start.ap) / start.fit_noise, from_prior / start.prior_sd])

    def slopes(parameters: Floats) -> Floats:
        surface = ApSurface.from_vector(parameters[:size])
        of_results = np.hstack([surface.slopes(start.full, start.weak)[:, :size], seeds])
        return np.vstack([of_results / start.fit_noise, np.diag(1 / start.prior_sd)])

    differences = unknown if start.luck is None else start.luck.differences
    low, high = (
        np.concatenate([ends[:size], unknown + far]) for ends, far in ((PARAMETERS_LOW, -100), (PARAMETERS_HIGH, 100))
    )
    begin = np.concatenate([astuple(start.surface)[:size], differences])
    found = least_squares(distances, begin, jac=slopes, bounds=(low, high)).x
    luck = start.luck and replace(start.luck, differences=found[size:])
    return replace(start, surface=ApSurface.from_vector(found[:size]), luck=luck)


def _weighed_anew(fitted: FittedSurface) -> FittedSurface:
    """Estimate noise and seed effect from the residuals."""
    decided = float(fitted.decided[fitted.shape_size :].sum())
    luck = fitted.luck and luck_from_pairs(fitted.luck, decided, fitted.noise_at_most, float(fitted.ap.mean()))
    return replace(fitted, luck=luck, fit_noise=max(fitted.noise, PRIOR_NOISE))


def _is_settled(before: FittedSurface, after: FittedSurface) -> bool:
    of_noise = after.fit_noise / before.fit_noise
    of_luck = 1.0 if before.luck is None or after.luck is None else after.luck.deviation / before.luck.deviation
    return max(abs(of_noise - 1), abs(of_luck - 1)) < _SETTLED


def _check(full: Floats, weak: Floats, ap: Floats) -> None:
    if not ap.size:
        raise BudgetError("no result to fit an AP surface to: at least one split with a score is needed.")
    if not (full > 0).all():
        raise BudgetError("a result has full = 0: a surface is fitted to models that saw masks; leave the others out.")
    if not ((ap >= 0) & (ap <= 100)).all():
        raise BudgetError(f"a score lies outside 0..100: the scores run from {ap.min():g} to {ap.max():g}.")
    if not (weak >= 0).all():
        raise BudgetError(f"a result has weak = {weak.min():g}: give 0 or more images.")
