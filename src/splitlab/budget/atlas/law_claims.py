"""The law and the forecasts of the budget room, held against a measured grid."""

from __future__ import annotations

import math

from splitlab.budget.atlas.advice import HONEST
from splitlab.budget.atlas.grid import Grid, named
from splitlab.budget.atlas.measured_law import MeasuredLaw, measured_law
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.equiscore import TAU_HIGH, TAU_LOW
from splitlab.budget.leave_one_out import leave_one_out
from splitlab.budget.results import SHORT_METRICS
from splitlab.budget.surface_fit import fit_surface
from splitlab.errors import BudgetError

NEAR_ONE = 0.5
"""The law is shown where the exponent lies within so much of 1 with its whole interval."""


def law_holds(grid: Grid) -> Claim:
    """Check Eq. 5 to 7: at equal score |W| falls as 1 / |F|, with one k."""
    statement = (
        "Models of equal score lie on |W| = k phi0^2 / |F|. (Here: fitted as |W| = a |F|^-b, b is 1, and surely "
        f"between {1 - NEAR_ONE:g} and {1 + NEAR_ONE:g}; and the law is nearer to them than one |W| for all |F|.)"
    )
    try:
        fitted = measured_law(grid)
    except BudgetError as error:
        told = str(error)
        return Claim("equiscore", "4.5", statement, "not measured yet", told[0].upper() + told[1:], grid.runs)
    return Claim("equiscore", "4.5", statement, _verdict(fitted), _law_in_words(fitted, grid), grid.runs)


def surface_predicts(grid: Grid) -> Claim:
    """Check the AP surface: every split left out in turn and predicted from the others."""
    statement = (
        "The AP surface, fitted to all other splits, predicts a split: nine in ten lie inside their 90 % interval. "
        f"(Here: at least {HONEST:.0%} do, and its mean error is below that of the other splits' mean score.)"
    )
    known = grid.rows[grid.rows[grid.metric].notna()]
    if len(named(known.drop_duplicates(["full", "weak"]))) < ENOUGH_TO_LEAVE_OUT:
        return Claim("surface", "here", statement, "not measured yet", f"{len(known)} runs are too few.", grid.runs)
    left = leave_one_out(fit_surface(known["full"], known["weak"], known[grid.metric]))
    return Claim(
        key="surface",
        section="here",
        statement=statement,
        verdict="holds" if left.coverage >= HONEST and left.mean_error < left.mean_error_of_mean else "does not hold",
        finding=f"{len(left.rows)} runs left out by split: mean error {left.mean_error:.2f} "
        f"{SHORT_METRICS[grid.metric]}, worst {left.worst_error:.2f}; {left.coverage:.0%} inside. The mean of the "
        f"other runs has a mean error of {left.mean_error_of_mean:.2f}.",
        rows=known,
    )


ENOUGH_TO_LEAVE_OUT = 6


def _verdict(fitted: MeasuredLaw) -> Verdict:
    exponent = fitted.exponent
    if not exponent.low <= 1 <= exponent.high:
        return "does not hold"
    is_near = exponent.low >= 1 - NEAR_ONE and exponent.high <= 1 + NEAR_ONE
    return "holds" if is_near and fitted.off < fitted.off_of_one_weak else "not shown"


def _law_in_words(fitted: MeasuredLaw, grid: Grid) -> str:
    points = ", ".join(
        f"{full}/{weak:.0f}" for full, weak in zip(fitted.points["full"], fitted.points["weak"], strict=True)
    )
    outside = [str(full) for full in fitted.points["full"] if not TAU_LOW <= full / fitted.law.phi0 <= TAU_HIGH]
    k, exponent, phi0 = fitted.k, fitted.exponent, fitted.law.phi0
    # Only k phi0^2 shows in a curve, so phi0 is said for the paper's k of 1.
    low, value, high = (math.sqrt(end) * phi0 for end in (k.low, k.value, k.high))
    told = (
        f"{SHORT_METRICS[grid.metric]} {fitted.level:.1f} is reached at {points}. With phi0 = {phi0:.0f}, the largest "
        f"|F|, k = {k.value:.2f} ({k.low:.2f} to {k.high:.2f}); with k = 1, phi0 = {value:.0f} ({low:.0f} to "
        f"{high:.0f}). b = {exponent.value:.2f} ({exponent.low:.2f} to {exponent.high:.2f}); 95 % intervals."
    )
    told += (
        f" Left out one by one, the points' |W| are off the law by a factor of {fitted.off:.2f} on average, and off "
        f"one |W| for all |F| by {fitted.off_of_one_weak:.2f}."
    )
    if fitted.whole_draws < 1:
        told += f" In {1 - fitted.whole_draws:.0%} of the draws too few lines reached that score: they are left out."
    if outside:
        told += f" |F| = {', '.join(outside)} lies outside the range of Remark 2."
    return told
