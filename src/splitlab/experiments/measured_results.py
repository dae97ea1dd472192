"""What was measured here, as rows of the results table: finished runs, and the checkpoints that ship."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.budget.results import COLUMN_TYPES, MEASURED, METRICS, ResultRow, results_table
from splitlab.experiments.atlas.measured_tables import atlas_results
from splitlab.runs.checkpoint import Card
from splitlab.runs.scores import scored_on
from splitlab.runs.store import cards_of_runs, trained_models
from splitlab.workspace import Workspace

_OF_THE_MACHINE = ("splitlab", "precision", "device", "compiled", "tracker")
_OF_THE_SPLIT = ("images_of_f",)


def all_measured(workspace: Workspace) -> pd.DataFrame:
    """Return what was measured on this machine, and behind it the rows of the atlas, which come with the package.

    Raises:
        BudgetError: a table of the atlas is broken.
    """
    own = measured_results(workspace.checkpoint_folders, workspace.runs)
    return pd.concat([own, atlas_results(workspace.measured)], ignore_index=True).astype(dict(COLUMN_TYPES))


def measured_results(checkpoints: Sequence[Path], runs: Path) -> pd.DataFrame:
    """Return one row for each scored checkpoint of these folders and runs; see `trained_models`."""
    cards = (card for _, card in trained_models(checkpoints, runs).values())
    return results_table(_row(card) for card in cards if card.scores)


def run_results(runs: Path, names: Collection[str]) -> pd.DataFrame:
    """Return one row for each of these runs that is scored, whether it was published as a checkpoint or not.

    Args:
        runs: the folder of all runs.
        names: of the run folders.
    """
    named = ((folder.parent.name, card) for folder, card in cards_of_runs(runs))
    return results_table(_row(replace(card, name=name)) for name, card in named if name in names and card.scores)


def settings_of(card: Card) -> str:
    """Say in a few words how a model was trained, and with a few digits all of it but the seed and the machine."""
    told = {name: value for name, value in card.trained_by.items() if name not in _OF_THE_MACHINE + _OF_THE_SPLIT}
    if isinstance(told.get("anchors"), dict):
        # Anchors are fitted to the split's boxes, and so to the seed's.
        told["anchors"] = "auto"
    everything = [card.image_size, card.steps, told]
    digits = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode()).hexdigest()[:6]
    recipe = told.get("recipe", "settings unknown")
    return f"{recipe}, {card.steps} steps, {card.image_size} px ({digits})"


def _known(scores: dict[str, Any]) -> dict[str, Any]:
    return {metric: math.nan if scores.get(metric) is None else scores[metric] for metric in METRICS}


def _row(card: Card) -> ResultRow:
    prices = prices_for(card.dataset)
    scores: dict[str, Any] = card.scores["mask"]
    of_masks = card.trained_by.get("mask_classes")
    boxes_in_f = f" In F only {of_masks} have masks; the cost counts those of all." if of_masks else ""
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
        note=f"One run, seed {card.seed}. Cost by {prices.name} prices.{boxes_in_f}",
    )
