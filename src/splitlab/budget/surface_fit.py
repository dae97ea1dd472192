"""Fit the AP surface to results: least squares, with a weak prior on the shape."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from splitlab.budget.ap_surface import ApSurface, Floats
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.surface_prior import PARAMETERS_HIGH, PARAMETERS_LOW, PRIOR_MEAN, PRIOR_NOISE, PRIOR_SD
from splitlab.errors import BudgetError


def fit_surface(full: ArrayLike, weak: ArrayLike, ap: ArrayLike) -> FittedSurface:
    """Fit the AP surface to the scores of trained splits; one result is enough, with a shape borrowed from the prior.

    Args:
        full: |F| of each result, images, shape (N,).
        weak: |W| of each result, images, shape (N,).
        ap: Mask AP of each result, 0..100, shape (N,); results without a score (NaN) are left out.

    Raises:
        BudgetError: If no score is left, a score lies outside 0..100, or an |F| is not above 0.
    """
    masks, boxes, scores = (np.asarray(column, dtype=np.float64) for column in (full, weak, ap))
    known = ~np.isnan(scores)
    masks, boxes, scores = masks[known], boxes[known], scores[known]
    _check(masks, boxes, scores)

    def distances(parameters: Floats) -> Floats:
        surface = ApSurface.from_vector(parameters)
        return np.concatenate([(surface.ap(masks, boxes) - scores) / PRIOR_NOISE, (parameters - PRIOR_MEAN) / PRIOR_SD])

    def slopes(parameters: Floats) -> Floats:
        surface = ApSurface.from_vector(parameters)
        return np.vstack([surface.slopes(masks, boxes) / PRIOR_NOISE, np.diag(1 / PRIOR_SD)])

    fit = least_squares(distances, PRIOR_MEAN, jac=slopes, bounds=(PARAMETERS_LOW, PARAMETERS_HIGH))
    return FittedSurface(ApSurface.from_vector(fit.x), masks, boxes, scores)


def _check(full: Floats, weak: Floats, ap: Floats) -> None:
    if not ap.size:
        raise BudgetError("no result to fit an AP surface to: at least one split with a score is needed.")
    if not (full > 0).all():
        raise BudgetError("a result has full = 0: a surface is fitted to models that saw masks; leave the others out.")
    if not ((ap >= 0) & (ap <= 100)).all():
        raise BudgetError(f"a score lies outside 0..100: the scores run from {ap.min():g} to {ap.max():g}.")
    if not (weak >= 0).all():
        raise BudgetError(f"a result has weak = {weak.min():g}: give 0 or more images.")
