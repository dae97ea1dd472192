"""What was measured here, as rows of the results table: finished runs, and the checkpoints that ship."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from splitlab.budget.annotation_cost import PRESETS, VOC2012, cost_hours
from splitlab.budget.results import MEASURED, METRICS, ResultRow, results_table
from splitlab.errors import CheckpointError
from splitlab.runs.checkpoint import Card, list_checkpoints, read_card
from splitlab.runs.store import list_runs


def measured_results(checkpoints: Path, runs: Path) -> pd.DataFrame:
    """Return one row for each scored checkpoint of the two folders; those that cannot be read are passed over."""
    folders = [*list_checkpoints(checkpoints), *(summary.path / "weights" for summary in list_runs(runs))]
    rows: dict[str, ResultRow] = {}
    for folder in folders:
        try:
            card = read_card(folder)
        except CheckpointError:
            continue
        if card.scores:
            # A run that was published as a checkpoint is one model.
            rows.setdefault(f"{card.name} {card.split_hash}", _row(card))
    return results_table(rows.values())


def _known(scores: dict[str, Any]) -> dict[str, Any]:
    return {metric: math.nan if scores.get(metric) is None else scores[metric] for metric in METRICS}


def _row(card: Card) -> ResultRow:
    prices = PRESETS.get(card.dataset, VOC2012)
    scores: dict[str, Any] = card.scores["mask"]
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
        note=f"One run, seed {card.seed}. Cost by {prices.name} prices.",
    )
