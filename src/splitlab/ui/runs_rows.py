"""Runs as rows of the Runs page: made once for each listing, then filtered and numbered by the queue. Pure pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.runs.queue import Entry
from splitlab.runs.run_folder import State
from splitlab.runs.store import RunSummary

COLUMNS = (
    "run",
    "state",
    "place",
    "data",
    "full",
    "weak",
    "model",
    "seed",
    "step",
    "steps",
    "ap50",
    "ap70",
    "cost_hours",
    "tags",
    "note",
    "when",
    "message",
)

NEWEST = 3


@dataclass(frozen=True)
class Filter:
    """What rows are asked for; what is empty asks for nothing.

    Attributes:
        data: data sets, of which a run has one.
        states: states, of which it has one.
        tags: tags, all of which it has.
        text: words that all stand in its name, data set, model, tags or note, in any case.
    """

    data: Sequence[str] = ()
    states: Sequence[str] = ()
    tags: Sequence[str] = ()
    text: str = ""


def run_rows(runs: Sequence[RunSummary]) -> pd.DataFrame:
    """Return a row for each run: those that train first, by name, so that they keep their places; then the newest."""
    ordered = sorted(runs, key=lambda run: run.name)
    ordered.sort(key=lambda run: (run.status.state != State.RUNNING, -_age_key(run)))
    return pd.DataFrame([_row(run) for run in ordered], columns=list(COLUMNS))


def filtered(rows: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """Return the rows that fit, in their order."""
    keep = pd.Series(data=True, index=rows.index)
    if wanted.data:
        keep &= rows["data"].isin(wanted.data)
    if wanted.states:
        keep &= rows["state"].isin(wanted.states)
    if wanted.tags:
        keep &= rows["tags"].map(set(wanted.tags).issubset)
    if words := wanted.text.lower().split():
        texts = zip(rows["run"], rows["data"], rows["model"], rows["tags"].map(" ".join), rows["note"], strict=True)
        said = ("\n".join(text).lower() for text in texts)
        keep &= np.array([all(word in text for word in words) for text in said], bool)
    return rows[keep]


def newest_begun(rows: pd.DataFrame) -> list[str]:
    """Return the names of the first three runs of a table that have done a step: what is shown where none is chosen."""
    return list(rows.loc[rows["step"] > 0, "run"].head(NEWEST))


def with_places(rows: pd.DataFrame, waiting: Sequence[Entry]) -> pd.DataFrame:
    """Write in each run's place in the queue, from 1; none for those that do not wait."""
    places = {entry.run: place for place, entry in enumerate(waiting, start=1)}
    return rows.assign(place=rows["run"].map(places).astype("Int64"))


def rows_as_csv(rows: pd.DataFrame) -> bytes:
    """Return rows as a CSV file: tags joined by semicolons, times in UTC."""
    return rows.assign(tags=rows["tags"].map("; ".join)).to_csv(index=False).encode()


def _age_key(run: RunSummary) -> float:
    # The heartbeat of a run that trains changes every second, and its row would jump.
    return 0.0 if run.status.state == State.RUNNING else run.status.heartbeat


def _row(run: RunSummary) -> tuple[Any, ...]:
    spec, status = run.spec, run.status
    data = Path(spec.data.source).name
    return (
        run.name,
        status.state.value,
        None,
        data,
        spec.data.full,
        spec.data.weak,
        spec.model,
        spec.seed,
        status.step,
        status.steps,
        _score(run.scores, "ap50"),
        _score(run.scores, "ap70"),
        cost_hours(float(spec.data.full), float(spec.data.weak), prices_for(data)),
        list(run.notes.tags),
        run.notes.note,
        _time(status.heartbeat),
        status.message,
    )


def _score(scores: Mapping[str, Any], metric: str) -> float | None:
    mask = scores.get("mask")
    value = mask.get(metric) if isinstance(mask, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _time(heartbeat: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(heartbeat), UTC)
    except (OverflowError, ValueError, OSError):
        return None
