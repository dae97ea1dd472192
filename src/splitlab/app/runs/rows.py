"""The rows of the table of runs: listing them, filtering them, and the filter's controls."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from splitlab.budget.cost import cost_hours, prices_for
from splitlab.errors import RunError
from splitlab.queue.queue import Entry, waiting_runs
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.store import RunSummary, list_runs
from splitlab.workspace import Workspace

_COLUMNS = (
    "run", "state", "place", "data", "full", "weak", "model", "seed", "step", "steps", "ap50", "ap70", "cost_hours",
    "tags", "note", "when", "message",
)  # fmt: skip
_NEWEST = 3
_FRESH_SECONDS = 1.0
# _Listing ten thousand folders takes a second or two; at most this share of the time goes into it.
_BUSY_SHARE = 0.1
# A listing that takes longer is made in the background, while the page shows the previous one.
_QUICK_SECONDS = 0.3
_KEYS = {"run_text": "", "run_data": [], "run_state": [], "run_tag": []}


@dataclass(frozen=True)
class Filter:
    """Which runs are shown; an empty field allows all.

    Attributes:
        data: Datasets; a run uses one of them.
        states: States; a run is in one of them.
        tags: Tags; a run has all of them.
        text: Words that are all in its name, dataset, model, tags or note, ignoring case.
    """

    data: Sequence[str] = ()
    states: Sequence[str] = ()
    tags: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True)
class _Listing:
    """All runs at one moment: by name, as rows, and what is wrong with broken folders."""

    runs: dict[str, RunSummary]
    rows: pd.DataFrame
    broken: dict[str, str]


class RunsListing:
    """The latest listing of a folder of runs, shared by all visitors."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._listing = _Listing({}, _run_rows([]), {})
        self._seconds = 0.0
        self._due = 0.0

    def now(self) -> _Listing:
        """Return the current runs, or those of a moment ago if listing them takes long."""
        if time.monotonic() > self._due:
            if self._seconds < _QUICK_SECONDS:
                self._retake_if_due()
            elif not self._lock.locked():
                threading.Thread(target=self._retake_if_due, daemon=True, name="list runs").start()
        return self._listing

    def with_runs(self, names: Iterable[str]) -> _Listing:
        """Return the runs like `now`, but list them again if one of these names is a new run."""
        now = self.now()
        unknown = {name for name in names if name not in now.runs and name not in now.broken}
        if unknown and not unknown.isdisjoint(_names_in(self._folder)):
            self.retake()
        return self._listing

    def retake(self) -> None:
        """List the runs again, after a change."""
        with self._lock:
            self._take()

    def _retake_if_due(self) -> None:
        with self._lock:
            # If several visitors come at the same moment, the first one lists for all.
            if time.monotonic() > self._due:
                self._take()

    def _take(self) -> None:
        start = time.monotonic()
        runs = {run.name: run for run in list_runs(self._folder)}
        self._listing = _Listing(runs, _run_rows(list(runs.values())), _broken_runs(self._folder, runs))
        end = time.monotonic()
        self._seconds = end - start
        self._due = end + max(_FRESH_SECONDS, self._seconds / _BUSY_SHARE)


@st.cache_resource(show_spinner=False, max_entries=8)
def runs_listing(folder: Path) -> RunsListing:
    """Return the listing of a folder of runs."""
    return RunsListing(folder)


def choose_filter(workspace: Workspace, listing: RunsListing) -> Filter:
    """Show the filter's controls in one line."""
    now = listing.now()
    words, data, state, tag, file = st.columns([1.5, 1, 1, 1, 0.6], vertical_alignment="bottom")
    text = words.text_input(
        "Find",
        key="run_text",
        bind="query-params",
        max_chars=200,
        placeholder="name, data, model, tag or note",
        icon=":material/search:",
    )
    datasets = _with_asked("run_data", now.rows["data"])
    states = [state.value for state in State]
    tags = _with_asked("run_tag", (tag for run in now.runs.values() for tag in run.notes.tags))
    wanted = Filter(
        data.multiselect("Dataset", datasets, key="run_data", placeholder="any", bind="query-params"),
        state.multiselect("State", states, key="run_state", placeholder="any", bind="query-params"),
        tag.multiselect("Tags", tags, key="run_tag", placeholder="any", bind="query-params"),
        text,
    )
    # Not in the live table, which is drawn again every second and would change the file's address each time.
    file.download_button(
        "CSV",
        lambda: _rows_as_csv(with_places(filtered(listing.now().rows, wanted), waiting_runs(workspace))),
        "splitlab-runs.csv",
        "text/csv",
        icon=":material/download:",
        help="The runs in the table, with their steps and notes.",
        on_click="ignore",
        width="stretch",
    )
    return wanted


def forget_filter() -> None:
    """Show all runs again; a button's callback."""
    for key, nothing in _KEYS.items():
        st.session_state[key] = nothing


def _with_asked(key: str, there_are: Iterable[str]) -> list[str]:
    """Return the existing options and those that the control or link asks for, which would be dropped otherwise."""
    return sorted({*there_are, *st.session_state.get(key, []), *st.query_params.get_all(key)})


def filtered(rows: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """Return the rows that match, in the same order."""
    keep = pd.Series(data=True, index=rows.index)
    if wanted.data:
        keep &= rows["data"].isin(wanted.data)
    if wanted.states:
        keep &= rows["state"].isin(wanted.states)
    if wanted.tags:
        keep &= rows["tags"].map(set(wanted.tags).issubset)
    if words := wanted.text.lower().split():
        texts = zip(rows["run"], rows["data"], rows["model"], rows["tags"].map(" ".join), rows["note"], strict=True)
        lowered = ("\n".join(text).lower() for text in texts)
        keep &= np.array([all(word in text for word in words) for text in lowered], bool)
    return rows[keep]


def newest_begun(rows: pd.DataFrame) -> list[str]:
    """Return the names of the first three runs that have done a step; they are shown if none is chosen."""
    return list(rows.loc[rows["step"] > 0, "run"].head(_NEWEST))


def with_places(rows: pd.DataFrame, waiting: Sequence[Entry]) -> pd.DataFrame:
    """Fill in each run's place in the queue, from 1; none if it does not wait."""
    places = {entry.run: place for place, entry in enumerate(waiting, start=1)}
    return rows.assign(place=rows["run"].map(places).astype("Int64"))


def _run_rows(runs: Sequence[RunSummary]) -> pd.DataFrame:
    """Return a row for each run: training ones by name, so that they keep their places, then the newest first."""
    ordered = sorted(runs, key=lambda run: run.name)
    ordered.sort(key=lambda run: (run.status.state != State.RUNNING, -_age_key(run)))
    return pd.DataFrame([_row(run) for run in ordered], columns=list(_COLUMNS))


def _rows_as_csv(rows: pd.DataFrame) -> bytes:
    """Return rows as CSV, with tags joined by semicolons."""
    return rows.assign(tags=rows["tags"].map("; ".join)).to_csv(index=False).encode()


def _age_key(run: RunSummary) -> float:
    # The heartbeat of a training run changes every second; its row would move each time.
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


def _broken_runs(folder: Path, listed: Container[str]) -> dict[str, str]:
    """Return what is wrong with each run folder that is not listed, and what to do."""
    broken = {}
    for name in sorted(_names_in(folder)):
        run = RunFolder(folder / name)
        if name not in listed and run.spec_path.is_file():
            try:
                run.spec()
                run.status()
            except RunError as error:
                broken[name] = str(error)
    return broken


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:  # faster than ten thousand Path objects
            return [entry.name for entry in found]
    except OSError:
        return []
