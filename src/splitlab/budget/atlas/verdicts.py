"""Every claim that is checked on a measured grid, in one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from splitlab.budget.atlas.advice import BUDGETS, advice_was_good, intervals_hold
from splitlab.budget.atlas.grid import CONFUSION, MASK_IOU, Grid
from splitlab.budget.atlas.law_claims import law_holds, surface_predicts
from splitlab.budget.atlas.mask_observations import (
    equal_scores_look_alike,
    middle_is_balanced,
    more_boxes_name_better,
    more_masks_draw_better,
)
from splitlab.budget.atlas.noise import NOISE_UNKNOWN
from splitlab.budget.atlas.score_observations import extremes_lose, few_masks_compete, more_boxes_help, more_masks_help
from splitlab.budget.claims.claim import Claim

Check = Callable[[Grid], Claim]

OF_MASKS: tuple[Check, ...] = (
    equal_scores_look_alike,
    more_boxes_name_better,
    more_masks_draw_better,
    middle_is_balanced,
)
CHECKS: tuple[Check, ...] = (
    extremes_lose,
    few_masks_compete,
    more_boxes_help,
    more_masks_help,
    *OF_MASKS,
    law_holds,
    surface_predicts,
    *(partial(advice_was_good, hours) for hours in BUDGETS),
    intervals_hold,
)

_MASKS_UNKNOWN = (
    "Observations 4 to 7 are left out: fewer than two splits have found objects with the same two seeds, so nobody "
    "knows yet what a difference of masks means."
)


def measured_claims(grid: Grid) -> list[Claim]:
    """Check Observations 1 to 7, the law, the surface and the planner's advice on a measured grid.

    Where planned runs are missing no verdict is given: the finding says how many, and what it looks like so far. Where
    too few splits have two seeds nobody knows what a difference means: one claim says so in place of those it is about,
    all of them, or Observations 4 to 7 where only models that found nothing lack masks to compare.
    """
    if not grid.scores(grid.metric).knows_noise:
        return [_unknown_noise(NOISE_UNKNOWN, grid)]
    knows_masks = all(grid.scores(score).knows_noise for score in (CONFUSION, MASK_IOU))
    claims = [_so_far(check(grid), grid) for check in CHECKS if knows_masks or check not in OF_MASKS]
    return claims if knows_masks else [*claims, _unknown_noise(_MASKS_UNKNOWN, grid)]


def _so_far(claim: Claim, grid: Grid) -> Claim:
    if not grid.missing:
        return claim
    seen = "" if claim.verdict == "not measured yet" else f" So far: {claim.verdict}."
    finding = f"{_missing(grid)}{seen} {claim.finding}"
    return replace(claim, verdict="not measured yet", finding=finding)


def _unknown_noise(why: str, grid: Grid) -> Claim:
    return Claim(
        key="noise",
        section="here",
        statement="Two trainings that differ by their seed alone lie close together.",
        verdict="not measured yet",
        finding=f"{why} {_missing(grid)}",
        rows=grid.rows,
    )


def _missing(grid: Grid) -> str:
    return f"{len(grid.missing)} of the {len(grid.rows) + len(grid.missing)} planned runs are missing."
