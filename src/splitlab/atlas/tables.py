"""Measured results and verdicts, as the app and the command line show them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from splitlab.atlas.advice import BUDGETS, advice_was_good, intervals_hold, read_advice
from splitlab.atlas.grid import SAME_AP, Grid, measured_grid, named, verdict_metric
from splitlab.atlas.law import law_holds, measured_law, surface_predicts
from splitlab.atlas.mask_observations import (
    equal_scores_look_alike,
    middle_is_balanced,
    more_boxes_locate_better,
    more_boxes_name_better,
    more_masks_draw_better,
)
from splitlab.atlas.noise import NOISE_UNKNOWN
from splitlab.atlas.object_scores import MASK_IOU, MISCLASSIFIED
from splitlab.atlas.plans import Atlas, atlas_names, read_atlas
from splitlab.atlas.records import record_of_row
from splitlab.atlas.rows import MeasuredRow, newest, of_newest_images, read_rows
from splitlab.atlas.score_observations import extremes_lose, few_masks_compete, more_boxes_help, more_masks_help
from splitlab.budget.claims.claim import Claim
from splitlab.budget.cost import cost_hours, prices_for
from splitlab.budget.law import PaperCurve
from splitlab.budget.published import MAIN_METRIC
from splitlab.budget.results import COLUMN_TYPES, MEASURED, METRICS, ResultRow, results_table
from splitlab.checkpoints.checkpoint import Card
from splitlab.checkpoints.scores import scored_on
from splitlab.errors import BudgetError
from splitlab.runs.spec import SETTINGS
from splitlab.runs.store import cards_of_runs, trained_models
from splitlab.workspace import Workspace

_Check = Callable[[Grid], Claim]

_OF_MASKS: tuple[_Check, ...] = (
    equal_scores_look_alike,
    more_boxes_name_better,
    more_boxes_locate_better,
    more_masks_draw_better,
    middle_is_balanced,
)
_CHECKS: tuple[_Check, ...] = (
    extremes_lose,
    few_masks_compete,
    more_boxes_help,
    more_masks_help,
    *_OF_MASKS,
    law_holds,
    surface_predicts,
    *(partial(advice_was_good, hours) for hours in BUDGETS),
    intervals_hold,
)

_MASKS_UNKNOWN = (
    "Observations 4 to 7 are left out: fewer than two splits have found objects with the same two seeds, so the noise "
    "of mask scores is unknown."
)


def _measured_claims(grid: Grid) -> list[Claim]:
    """Check Observations 1 to 7, the law, the surface and the planner's recommendations on a measured grid.

    While planned runs are missing, the verdict is "not measured yet" and the finding says what it would be so far. If
    too few splits have two seeds to estimate the noise, one claim says so in place of the affected ones.
    """
    if not grid.scores(grid.metric).knows_noise:
        return [_unknown_noise(NOISE_UNKNOWN, grid)]
    knows_masks = all(grid.scores(score).knows_noise for score in (MISCLASSIFIED, MASK_IOU))
    claims = [_so_far(check(grid), grid) for check in _CHECKS if knows_masks or check not in _OF_MASKS]
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
        statement="Two training runs that differ by their seed alone have similar scores.",
        verdict="not measured yet",
        finding=f"{why} {_missing(grid)}",
        rows=grid.rows,
    )


def _missing(grid: Grid) -> str:
    return f"{len(grid.missing)} of the {len(grid.rows) + len(grid.missing)} planned runs are missing."


TEST_PART = ", test part"
"""Suffix of a dataset's name in charts, since scores on different parts are not comparable."""


def main_metric(dataset: str) -> str:
    """Return the default column of AP for a dataset: the paper's, else that of the atlas's verdicts."""
    return MAIN_METRIC.get(dataset) or verdict_metric(dataset.removesuffix(TEST_PART))


def _grid_of(atlas: Atlas, metric: str) -> Grid | None:
    """Return the measured grid of an atlas; None if nothing was measured."""
    rows = read_rows(atlas.table)
    if not rows:
        return None
    found = {row.key: record_of_row(atlas.table, row) for row in rows}
    return measured_grid(
        rows,
        atlas.planned(newest(rows).train_images),
        metric,
        read_advice(atlas.advice, metric),
        {key: record for key, record in found.items() if record is not None},
    )


def atlas_claims(name: str, metric: str, workspace: Workspace) -> list[Claim]:
    """Return an atlas's verdicts on the paper's observations, the law and the planner; empty if it has no rows.

    Raises:
        SplitLabError: If there is no such atlas or metric, or its table or a plan is invalid.
    """
    grid = _grid_of(read_atlas(name, workspace.measured, workspace.data), metric)
    return _measured_claims(grid) if grid else []


def _atlas_results(measured: Path) -> pd.DataFrame:
    """Return the rows of all atlases as a results table, each with its newest data and test part only."""
    tables = [read_rows(path) for path in sorted(measured.glob("[!.]*.csv"))]
    return results_table(_result(row) for rows in filter(None, tables) for row in of_newest_images(rows))


def train_images(measured: Path) -> dict[str, int]:
    """Return the number of images that F and W are drawn from, by dataset as named in the results table."""
    tables = [read_rows(path) for path in sorted(measured.glob("[!.]*.csv"))]
    return {row.dataset + TEST_PART: row.train_images for row in map(newest, filter(None, tables))}


def measured_curves(workspace: Workspace) -> tuple[PaperCurve, ...]:
    """Return the equiscore curve of each atlas that has one, with the splits within 1 AP of its score."""
    atlases = [read_atlas(name, workspace.measured, workspace.data) for name in atlas_names(workspace.measured)]
    grids = [grid for atlas in atlases if (grid := _grid_of(atlas, verdict_metric(atlas.name))) is not None]
    return tuple(curve for grid in grids if (curve := _curve(grid)) is not None)


def _curve(grid: Grid) -> PaperCurve | None:
    try:
        fitted = measured_law(grid)
    except BudgetError:
        return None  # too few lines reach a score, or too few splits have two seeds
    first, splits = grid.rows.iloc[0], grid.splits
    near = splits[(splits[grid.metric] - fitted.level).abs() <= SAME_AP]
    return PaperCurve(
        panel=str(first["dataset"]),
        dataset=str(first["dataset"]) + TEST_PART,
        method=str(first["model"]),
        metric=grid.metric,
        score=round(fitted.level, 1),
        law=fitted.law,
        splits=tuple(sorted(named(near))),
    )


def _result(row: MeasuredRow) -> ResultRow:
    prices = prices_for(row.dataset)
    return ResultRow(
        source=MEASURED,
        dataset=row.dataset + TEST_PART,
        method=row.model,
        full=row.full,
        weak=row.weak,
        cost_hours=cost_hours(row.full, row.weak, prices),
        **{metric: getattr(row, metric) for metric in METRICS},
        seed=row.seed,
        run=f"atlas-{row.spec_hash}",
        settings=row.settings,
        scored_on=f"test part of {row.dataset}, {row.test_images:,} images",
        note=f"One run, seed {row.seed}, scored on {row.test_images} test images that no choice was based on. "
        f"Cost at {prices.name} prices.",
    )


_OF_THE_MACHINE = ("splitlab", "precision", "device", "compiled", "tracker")
_OF_THE_SPLIT = ("images_of_f",)
# Newer settings, left out at their defaults: older checkpoints were trained alike.
_YOUNGER = ("weak_masks",)


def all_measured(workspace: Workspace) -> pd.DataFrame:
    """Return what was measured on this machine, followed by the rows of the atlas, which are part of the package."""
    own = measured_results(workspace.checkpoint_folders, workspace.runs)
    return pd.concat([own, _atlas_results(workspace.measured)], ignore_index=True).astype(dict(COLUMN_TYPES))


def measured_results(checkpoints: Sequence[Path], runs: Path) -> pd.DataFrame:
    """Return one row per scored checkpoint of these folders and runs; see `trained_models`."""
    cards = (card for _, card in trained_models(checkpoints, runs).values())
    return results_table(_row(card) for card in cards if card.scores)


def run_results(runs: Path, names: Collection[str]) -> pd.DataFrame:
    """Return one row per scored run of these names, whether it was published as a checkpoint or not."""
    of_runs = ((folder.parent.name, card) for folder, card in cards_of_runs(runs))
    return results_table(_row(replace(card, name=name)) for name, card in of_runs if name in names and card.scores)


def settings_of(card: Card) -> str:
    """Return in short how a model was trained, with a hash of all settings except the seed and the machine."""
    settings = {
        name: value
        for name, value in card.trained_by.items()
        if name not in _OF_THE_MACHINE + _OF_THE_SPLIT and not (name in _YOUNGER and value == SETTINGS[name].default)
    }
    if isinstance(settings.get("anchors"), dict):
        # Anchors are fitted to the boxes of the split, which depend on the seed.
        settings["anchors"] = "auto"
    everything = [card.image_size, card.steps, settings]
    digits = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode()).hexdigest()[:6]
    recipe = settings.get("recipe", "settings unknown")
    return f"{recipe}, {card.steps} steps, {card.image_size} px ({digits})"


def _known(scores: dict[str, Any]) -> dict[str, Any]:
    return {metric: math.nan if scores.get(metric) is None else scores[metric] for metric in METRICS}


def _row(card: Card) -> ResultRow:
    prices = prices_for(card.dataset)
    scores: dict[str, Any] = card.scores["mask"]
    of_masks = card.trained_by.get("mask_classes")
    boxes_in_f = f" In F only {of_masks} have masks; the cost includes masks of all classes." if of_masks else ""
    return ResultRow(
        source=MEASURED,
        dataset=card.dataset,
        method=card.model,
        full=card.full,
        weak=card.weak,
        cost_hours=cost_hours(card.full, card.weak, prices),
        **_known(scores),
        seed=card.seed,
        run=card.name,
        settings=settings_of(card),
        scored_on=scored_on(card.scores, card.dataset),
        note=f"One run, seed {card.seed}. Cost at {prices.name} prices.{boxes_in_f}",
    )
