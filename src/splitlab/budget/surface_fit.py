"""Fit the AP surface, the noise and the luck of seeds to results: least squares, with a weak prior on the shape."""

from dataclasses import astuple, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from splitlab.budget.ap_surface import ApSurface, Floats
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.seed_luck import luck_before_pairs, luck_from_pairs
from splitlab.budget.surface_prior import PARAMETERS_HIGH, PARAMETERS_LOW, PRIOR_MEAN, PRIOR_NOISE
from splitlab.errors import BudgetError

ROUNDS = 12
SETTLED = 1e-3
"""The share by which the last round may still change the noise and the luck."""


def fit_surface(full: ArrayLike, weak: ArrayLike, ap: ArrayLike, seed: ArrayLike | None = None) -> FittedSurface:
    """Fit the AP surface to the scores of trained splits; one result is enough, with a shape borrowed from the prior.

    A score is taken as the surface at its split, plus the luck of its seed, plus noise. Noise and luck are estimated
    with the surface: each round weighs the results by those of the round before, never below the published noise.

    Args:
        full: |F| of each result, images, shape (N,).
        weak: |W| of each result, images, shape (N,).
        ap: Mask AP of each result, 0..100, shape (N,); results without a score (NaN) are left out.
        seed: Seed of each result, any numbers that tell seeds apart, shape (N,); None where nobody knows them.

    Raises:
        BudgetError: If no score is left, a score lies outside 0..100, or an |F| is not above 0.
    """
    masks, boxes, scores = (np.asarray(column, dtype=np.float64) for column in (full, weak, ap))
    known = ~np.isnan(scores)
    masks, boxes, scores = masks[known], boxes[known], scores[known]
    _check(masks, boxes, scores)
    luck = None if seed is None else luck_before_pairs(np.asarray(seed)[known], PRIOR_NOISE, float(scores.mean()))
    fitted = FittedSurface(ApSurface.from_vector(PRIOR_MEAN), masks, boxes, scores, luck)
    for _ in range(ROUNDS):
        before, fitted = fitted, _weighed_anew(_best_fit(fitted))
        if _is_settled(before, fitted):
            break
    return fitted


def _best_fit(start: FittedSurface) -> FittedSurface:
    """Move the surface and the differences between seeds to the least squares, by the noise and the luck of `start`."""
    five, seeds = PRIOR_MEAN.size, start.contrasts
    unknown = np.zeros(seeds.shape[1])

    def distances(parameters: Floats) -> Floats:
        expected = ApSurface.from_vector(parameters[:five]).ap(start.full, start.weak) + seeds @ parameters[five:]
        from_prior = parameters - np.concatenate([PRIOR_MEAN, unknown])
        return np.concatenate([(expected - start.ap) / start.fit_noise, from_prior / start.prior_sd])

    def slopes(parameters: Floats) -> Floats:
        surface = ApSurface.from_vector(parameters[:five])
        of_results = np.hstack([surface.slopes(start.full, start.weak), seeds])
        return np.vstack([of_results / start.fit_noise, np.diag(1 / start.prior_sd)])

    differences = unknown if start.luck is None else start.luck.differences
    low, high = (
        np.concatenate([ends, unknown + far]) for ends, far in ((PARAMETERS_LOW, -100), (PARAMETERS_HIGH, 100))
    )
    begin = np.concatenate([astuple(start.surface), differences])
    found = least_squares(distances, begin, jac=slopes, bounds=(low, high)).x
    luck = start.luck and replace(start.luck, differences=found[five:])
    return replace(start, surface=ApSurface.from_vector(found[:five]), luck=luck)


def _weighed_anew(fitted: FittedSurface) -> FittedSurface:
    """Estimate noise and luck from what the fit leaves over."""
    told = float(fitted.decided[PRIOR_MEAN.size :].sum())
    luck = fitted.luck and luck_from_pairs(fitted.luck, told, fitted.noise_at_most, float(fitted.ap.mean()))
    return replace(fitted, luck=luck, fit_noise=max(fitted.noise, PRIOR_NOISE))


def _is_settled(before: FittedSurface, after: FittedSurface) -> bool:
    of_noise = after.fit_noise / before.fit_noise
    of_luck = 1.0 if before.luck is None or after.luck is None else after.luck.deviation / before.luck.deviation
    return max(abs(of_noise - 1), abs(of_luck - 1)) < SETTLED


def _check(full: Floats, weak: Floats, ap: Floats) -> None:
    if not ap.size:
        raise BudgetError("no result to fit an AP surface to: at least one split with a score is needed.")
    if not (full > 0).all():
        raise BudgetError("a result has full = 0: a surface is fitted to models that saw masks; leave the others out.")
    if not ((ap >= 0) & (ap <= 100)).all():
        raise BudgetError(f"a score lies outside 0..100: the scores run from {ap.min():g} to {ap.max():g}.")
    if not (weak >= 0).all():
        raise BudgetError(f"a result has weak = {weak.min():g}: give 0 or more images.")
