"""How much training runs differ by their seed alone, and which differences between splits are larger than that.

All runs of a seed share the initial weights of the head and draw their mask images from one order, so that a smaller F
lies in a larger one. A score is modelled as the score of its split, plus the luck of its seed, plus the luck of its
mask images, plus noise, by restricted maximum likelihood (REML). If each mask image brings its own luck, the means over
two nested sets have a covariance in proportion to 1 / (size of the larger set). What runs share cancels in differences.

Verdicts rest on contrasts, weighted sums of these scores. See docs/decisions/0905-contrasts.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.stats import t as student

from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError

Split = tuple[int, int]
"""|F| and |W|."""

DOUBT = 0.05
"""The chance that an interval misses the true value."""

NOISE_UNKNOWN = "Fewer than two splits have been trained with the same two seeds, so the noise is unknown."

_MOST_SHARED = 1e4
"""Largest variance of shared luck that is tried, in units of the noise."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of the scores of splits for the average seed.

    Attributes:
        value: The estimate, in the unit of the score.
        seed_error: Its standard error due to seeds and noise.
        image_error: Its standard error due to the choice of test images; 0 if unknown.
        freedom: Degrees of freedom of `seed_error`, not whole.
        seed_variance: Variance of the contrast from one seed that has every split.
        doubt: Chance that the interval misses the true value.
    """

    value: float
    seed_error: float
    image_error: float
    freedom: float
    seed_variance: float
    doubt: float = DOUBT

    @property
    def margin(self) -> float:
        """Half of the interval's width."""
        error = math.hypot(self.seed_error, self.image_error)
        if not error:
            return 0.0
        # The error of images has so many degrees of freedom that only that of seeds limits them (Satterthwaite).
        freedom = self.freedom * (error / self.seed_error) ** 4 if self.seed_error else math.inf
        return float(student.ppf(1 - self.doubt / 2, freedom)) * error

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - self.margin

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + self.margin

    def reversed(self) -> Contrast:
        """Return the same in the other direction."""
        return replace(self, value=-self.value)

    def among(self, comparisons: int) -> Contrast:
        """Return the same as one of several comparisons that share the doubt (Bonferroni).

        Raises:
            BudgetError: If there are no comparisons.
        """
        if comparisons < 1:
            raise BudgetError(f"{comparisons} comparisons: a margin needs at least one.")
        return replace(self, doubt=self.doubt / comparisons)


@dataclass(frozen=True, eq=False)
class SplitScores:
    """One score of every split for the average seed, with its uncertainty.

    Attributes:
        values: (N,) scores indexed by split (|F|, |W|), in the unit of the score.
        weights: (N, R) weights of the runs in each value.
        parts: (2, N, N) covariance of the values for a variance of 1 of the luck of masks, and of the noise.
        of_one_seed: (2, N, N) the same for the scores of one seed that has every split.
        variances: (2,) the two variances.
        doubts: (2, 2) covariance of the two variances.
        seeds: Number of seeds.
        knows_noise: Whether enough splits were trained with the same two seeds to estimate the noise.
    """

    values: pd.Series
    weights: Floats
    parts: Floats
    of_one_seed: Floats
    variances: Floats
    doubts: Floats
    seeds: int
    knows_noise: bool

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise of one run, in the unit of the score."""
        self._require_noise()
        return math.sqrt(self.variances[1])

    @property
    def errors(self) -> pd.Series:
        """(N,) standard errors of the values, in the unit of the score."""
        self._require_noise()
        covariance = np.tensordot(self.variances, self.parts, 1)
        return pd.Series(np.sqrt(np.maximum(np.diag(covariance), 0)), self.values.index)

    def contrast(self, weights: Mapping[Any, float], image_covariance: Floats | None = None) -> Contrast:
        """Return a weighted sum of the values.

        Args:
            weights: Weight of each split, or of each kind of run if recipes are compared; others have none.
            image_covariance: (N, N) covariance of the values due to the choice of test images; None if unknown.

        Raises:
            BudgetError: If the noise is unknown, or a split has no score.
        """
        self._require_noise()
        missing = [split for split in weights if split not in self.values.index]
        if missing:
            raise BudgetError(f"{missing[0]} has no such score, so it cannot be compared.")
        vector = pd.Series(weights, dtype=float).reindex(self.values.index, fill_value=0.0).to_numpy()
        of_parts = np.einsum("i,kij,j->k", vector, self.parts, vector)
        variance = max(float(of_parts @ self.variances), 0.0)
        spread = float(of_parts @ self.doubts @ of_parts)
        of_images = 0.0 if image_covariance is None else float(vector @ image_covariance @ vector)
        return Contrast(
            value=float(vector @ self.values.to_numpy(float)),
            seed_error=math.sqrt(variance),
            image_error=math.sqrt(max(of_images, 0.0)),
            # Satterthwaite's approximation falls below what the seeds give at least if a variance is near 0.
            freedom=max(2 * variance**2 / spread, self.seeds - 1) if spread > 0 else math.inf,
            seed_variance=max(float(np.einsum("i,kij,j,k", vector, self.of_one_seed, vector, self.variances)), 0.0),
        )

    def _require_noise(self) -> None:
        if not self.knows_noise:
            raise BudgetError(NOISE_UNKNOWN)


@dataclass(frozen=True)
class Change:
    """The change of a score from one split to another."""

    start: Split
    end: Split
    contrast: Contrast

    @property
    def rises(self) -> bool:
        """Whether it rises by more than noise."""
        return self.contrast.low > 0

    @property
    def falls(self) -> bool:
        """Whether it falls by more than noise."""
        return self.contrast.high < 0


def split_scores(
    rows: pd.DataFrame, score: str, alike: Sequence[str] = ("full", "weak"), nested: str | None = None
) -> SplitScores:
    """Fit a score of all splits.

    Args:
        rows: One row per run with the columns `alike`, seed and `score`.
        score: Column of the score; runs without it are left out.
        alike: Columns that are equal in runs that differ by seed alone; more than the split if recipes are compared.
        nested: The column of |F|, one of `alike`, to model the luck of nested mask images; None to leave it out.
    """
    known = rows[rows[score].notna()]
    split_of, splits = pd.factorize(pd.MultiIndex.from_frame(known[list(alike)]), sort=True)
    seed_of, seeds = pd.factorize(known["seed"], sort=True)
    design = np.hstack([np.eye(len(splits))[split_of], _sum_to_zero(len(seeds))[seed_of]])
    sizes = splits.get_level_values(list(alike).index(nested)) if nested else None
    luck = np.zeros((len(splits), len(splits))) if sizes is None else _of_nested(sizes)
    together = luck[np.ix_(split_of, split_of)] * (seed_of[:, None] == seed_of[None, :])
    measured = known[score].to_numpy(float)
    rank = int(np.linalg.matrix_rank(design)) if len(known) else 0
    freedom = len(known) - rank
    knows_noise = rank == design.shape[1] and freedom > 0
    ratio = _shared_luck(design, together, measured, freedom) if knows_noise and nested else 0.0
    fitted = _fit(design, together, measured, ratio)
    noise = float(fitted.rest @ np.linalg.solve(fitted.shape, fitted.rest)) / freedom if knows_noise else math.nan
    variances = noise * np.array([ratio, 1.0])
    weights = fitted.weights[: len(splits)]
    return SplitScores(
        values=pd.Series(weights @ measured, splits),
        weights=weights,
        parts=np.stack([weights @ together @ weights.T, weights @ weights.T]),
        of_one_seed=np.stack([luck, np.eye(len(splits))]),
        variances=variances,
        doubts=_doubts(design, together, variances) if knows_noise else np.zeros((2, 2)),
        seeds=len(seeds),
        knows_noise=knows_noise,
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """Generalised least squares: the runs' covariance in units of noise, weights of the runs, and what is left."""

    shape: Floats
    weights: Floats
    rest: Floats


def _fit(design: Floats, together: Floats, measured: Floats, ratio: float) -> _Fit:
    shape = np.eye(len(measured)) + ratio * together
    by_shape = np.linalg.solve(shape, design)
    weights = np.linalg.pinv(design.T @ by_shape, hermitian=True) @ by_shape.T
    return _Fit(shape, weights, measured - design @ (weights @ measured))


def _shared_luck(design: Floats, together: Floats, measured: Floats, freedom: int) -> float:
    """Return the variance of the luck that runs share, in units of the noise, by REML."""

    def deviance(log_ratio: float) -> float:
        fitted = _fit(design, together, measured, math.expm1(log_ratio))
        squares = float(fitted.rest @ np.linalg.solve(fitted.shape, fitted.rest))
        information = design.T @ np.linalg.solve(fitted.shape, design)
        return float(
            freedom * math.log(squares) + np.linalg.slogdet(fitted.shape)[1] + np.linalg.slogdet(information)[1]
        )

    rest = _fit(design, together, measured, 0.0).rest
    if float(rest @ rest) <= 1e-18 * float(measured @ measured):
        return 0.0  # without noise nothing is shared
    found = minimize_scalar(deviance, bounds=(0.0, math.log1p(_MOST_SHARED)), method="bounded")
    return math.expm1(float(found.x)) if found.fun < deviance(0.0) else 0.0


def _doubts(design: Floats, together: Floats, variances: Floats) -> Floats:
    """Return the covariance of the two variances from their expected information under REML."""
    parts = [together, np.eye(len(design))]
    covariance = variances[0] * parts[0] + variances[1] * parts[1]
    if not variances[1]:
        return np.zeros((2, 2))
    by_covariance = np.linalg.inv(covariance)
    by_design = by_covariance @ design
    projection = by_covariance - by_design @ np.linalg.pinv(design.T @ by_design, hermitian=True) @ by_design.T
    products = [projection @ part for part in parts]
    information = np.array([[np.sum(one * other.T) / 2 for other in products] for one in products])
    return np.linalg.pinv(information, hermitian=True)


def _of_nested(full: pd.Index) -> Floats:
    """Return (N, N) covariances of the means over nested sets of images, 1 for the smallest set."""
    sizes = full.to_numpy(float)
    return np.asarray(sizes.min(initial=np.inf) / np.maximum(sizes[:, None], sizes[None, :]), dtype=np.float64)


def _sum_to_zero(seeds: int) -> Floats:
    """Return the contrasts of the seeds, shape (seeds, seeds - 1), whose effects sum to zero."""
    others = max(seeds - 1, 0)
    return np.vstack([np.eye(others), -np.ones((min(seeds, 1), others))])
