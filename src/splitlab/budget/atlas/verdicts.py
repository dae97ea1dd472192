"""Every claim that is checked on a measured grid, in one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from splitlab.budget.atlas.advice import BUDGETS, advice_was_good
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

CHECKS: tuple[Callable[[Grid], Claim], ...] = (
    extremes_lose,
    few_masks_compete,
    more_boxes_help,
    more_masks_help,
    equal_scores_look_alike,
    more_boxes_name_better,
    more_masks_draw_better,
    middle_is_balanced,
    law_holds,
    surface_predicts,
    *(partial(advice_was_good, hours) for hours in BUDGETS),
)


def measured_claims(grid: Grid) -> list[Claim]:
    """Check Observations 1 to 7, the law, the surface and the planner's advice on a measured grid.

    Where planned runs are missing no verdict is given: the finding says how many, and what it looks like so far. The
    same where too few splits have two seeds, for then nobody knows what a difference means.
    """
    if not all(grid.scores(score).knows_noise for score in (grid.metric, CONFUSION, MASK_IOU)):
        return [_unknown_noise(grid)]
    return [_so_far(check(grid), grid) for check in CHECKS]


def _so_far(claim: Claim, grid: Grid) -> Claim:
    if not grid.missing:
        return claim
    seen = "" if claim.verdict == "not measured yet" else f" So far: {claim.verdict}."
    finding = f"{_missing(grid)}{seen} {claim.finding}"
    return replace(claim, verdict="not measured yet", finding=finding)


def _unknown_noise(grid: Grid) -> Claim:
    return Claim(
        key="noise",
        section="here",
        statement="Two trainings that differ by their seed alone lie close together.",
        verdict="not measured yet",
        finding=f"{NOISE_UNKNOWN} {_missing(grid)}",
        rows=grid.rows,
    )


def _missing(grid: Grid) -> str:
    return f"{len(grid.missing)} of the {len(grid.rows) + len(grid.missing)} planned runs are missing."
