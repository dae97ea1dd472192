"""What was measured here, as rows of the results table: finished runs, and the checkpoints that ship."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.budget.results import MEASURED, METRICS, ResultRow, results_table
from splitlab.runs.checkpoint import Card
from splitlab.runs.store import trained_models


def measured_results(checkpoints: Sequence[Path], runs: Path) -> pd.DataFrame:
    """Return one row for each scored checkpoint of these folders and runs; see `trained_models`."""
    cards = (card for _, card in trained_models(checkpoints, runs).values())
    return results_table(_row(card) for card in cards if card.scores)


def _known(scores: dict[str, Any]) -> dict[str, Any]:
    return {metric: math.nan if scores.get(metric) is None else scores[metric] for metric in METRICS}


def _row(card: Card) -> ResultRow:
    prices = prices_for(card.dataset)
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
