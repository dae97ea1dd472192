"""The live table of runs, and which of them are chosen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from splitlab.app.hosting import Hosting
from splitlab.app.navigation import errors_shown
from splitlab.app.runs.rows import Filter, RunsListing, filtered, forget_filter, newest_begun, with_places
from splitlab.app.widgets.links import asked_by_link, write_link
from splitlab.app.widgets.live_run import STARTING_SECONDS
from splitlab.app.widgets.text import as_plain
from splitlab.queue.queue import Entry, waiting_runs
from splitlab.queue.worker import ensure_worker, worker_is_alive
from splitlab.runs.run_folder import State
from splitlab.workspace import Workspace

_TABLE, _LINK = "runs_table", "chosen"
_SHOWN = "runs shown"
_ASKED = "worker asked for {}"
# Browsers and mail programs cut longer links.
_MOST_IN_LINK = 40
_MOST_BROKEN = 20
REFRESH_SECONDS, _IDLE_SECONDS = 2, 15
_MOST_HEIGHT, _ROW_HEIGHT = 420, 35
_COLOURS = {
    State.RUNNING: "blue",
    State.WAITING: "gray",
    State.DONE: "green",
    State.CANCELLED: "gray",
    State.INTERRUPTED: "orange",
    State.FAILED: "red",
}
# The most important first: narrow windows show only the first ten.
_COLUMNS = [
    "run", "state", "place", "step", "ap50", "ap70", "data", "full", "weak", "cost_hours", "model", "seed", "tags",
    "when", "message",
]  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """What the rest of the page depends on: the shown runs' states, the waiting ones, and whether any is active."""

    states: list[tuple[str, State]]
    waiting: list[str]
    active: bool
    runs: bool


def chosen_runs(known: Container[str]) -> list[str]:
    """Return the names of the chosen runs that still exist, in the order they were chosen."""
    if asked := asked_by_link(_LINK, known):
        st.session_state[_LINK] = asked
        st.session_state.pop(_TABLE, None)
    chosen = _with_ticks(st.session_state.get(_LINK, []), st.session_state.get(_SHOWN, []), _ticked_rows())
    st.session_state[_LINK] = [name for name in chosen if name in known]
    return list(st.session_state[_LINK])


def write_chosen_to_link() -> None:
    """Write the chosen runs to the link, at most 40."""
    write_link(_LINK, st.session_state[_LINK][:_MOST_IN_LINK])


def choose_none() -> None:
    """Untick all; a button's callback."""
    st.session_state[_LINK] = []
    st.session_state[_TABLE] = _ticks([])


def live_table(workspace: Workspace, listing: RunsListing, wanted: Filter, chosen: Sequence[str]) -> None:
    """Show the runs that match a filter, and draw the table again regularly.

    If the chosen runs or their states change, the whole page is drawn again.
    """
    seen = _see(workspace, listing, wanted, chosen)
    st.fragment(_show, run_every=REFRESH_SECONDS if seen.active else _IDLE_SECONDS)(workspace, listing, wanted, seen)


def wait_for_runs(listing: RunsListing) -> None:
    """Draw the page again once there is a run."""
    st.fragment(_rerun_if_any, run_every=_IDLE_SECONDS)(listing)


def show_broken(broken: Mapping[str, str]) -> None:
    """Show, folded away, what is wrong with each broken folder, if there are any."""
    if not broken:
        return
    folders = "1 run folder is broken" if len(broken) == 1 else f"{len(broken):,} run folders are broken"
    with st.expander(folders, icon=":material/warning:"):
        for sentence in list(broken.values())[:_MOST_BROKEN]:
            st.caption(as_plain(sentence))
        if len(broken) > _MOST_BROKEN:
            st.caption(f"and {len(broken) - _MOST_BROKEN:,} more")


def _rerun_if_any(listing: RunsListing) -> None:
    if listing.now().runs:
        st.rerun()


def _see(workspace: Workspace, listing: RunsListing, wanted: Filter, chosen: Sequence[str]) -> _Seen:
    now, waiting = listing.now(), [entry.run for entry in waiting_runs(workspace)]
    active = bool(waiting) or any(run.status.state == State.RUNNING for run in now.runs.values())
    looked_at = chosen or newest_begun(filtered(now.rows, wanted))
    return _Seen(
        [(name, now.runs[name].status.state) for name in looked_at if name in now.runs],
        [name for name in waiting if name in set(chosen)],
        active,
        bool(now.runs),
    )


def _show(workspace: Workspace, listing: RunsListing, wanted: Filter, seen: _Seen) -> None:
    with errors_shown():
        now = listing.now()
        if _see(workspace, listing, wanted, chosen_runs(now.runs)) != seen:
            st.rerun()
        waiting = waiting_runs(workspace)
        rows = with_places(filtered(now.rows, wanted), waiting)
        _show_counts(workspace, rows, len(now.rows), waiting)
        if rows.empty:
            st.info("No run matches the filter.")
            st.button("Show all runs", on_click=forget_filter)
            return
        _tick(list(rows["run"]))
        states, done = rows["state"].map(lambda state: [state]), 100 * rows["step"] / rows["steps"].clip(1)
        st.dataframe(
            rows.assign(state=states, step=done),
            key=_TABLE,
            on_select="rerun",
            selection_mode="multi-row",
            hide_index=True,
            height=min(_MOST_HEIGHT, _ROW_HEIGHT * (len(rows) + 1) + 3),
            column_order=_COLUMNS,
            column_config=_column_config(rows),
            placeholder="",
        )


def _show_counts(workspace: Workspace, rows: pd.DataFrame, runs: int, waiting: Sequence[Entry]) -> None:
    """Show how many runs there are, and the state of the workers, in one line of fixed height."""
    with st.container(horizontal=True, vertical_alignment="center", height=42, border=False):
        counts = Counter(rows["state"])
        words = [f"**{len(rows):,}** of {runs:,} runs" if len(rows) < runs else f"**{runs:,}** runs"]
        words += [f"{counts[state]:,} {state}" for state in (State.RUNNING, State.WAITING) if counts[state]]
        st.markdown(" · ".join(words), width="content")
        for kind in dict.fromkeys(entry.device for entry in waiting):
            with errors_shown():
                _show_worker(workspace, kind)


def _show_worker(workspace: Workspace, kind: str) -> None:
    """Show whether a worker trains the waiting runs of a kind of device; offer to start one."""
    if Hosting.here().read_only:
        return
    key = _ASKED.format(kind)
    if worker_is_alive(workspace, kind):
        st.caption(f":material/check: a worker for {kind} is running", width="content")
    elif time.monotonic() - st.session_state.get(key, 0.0) < STARTING_SECONDS:
        st.caption(f":material/hourglass_empty: a worker for {kind} is starting", width="content")
    else:
        st.markdown(f":orange[:material/pause_circle: no worker for {kind} is running]", width="content")
        if st.button("Start a worker", key=f"worker_{kind}", icon=":material/play_arrow:", type="primary"):
            Hosting.here().require_writable("Training")
            ensure_worker(workspace, kind)
            st.session_state[key] = time.monotonic()
            st.rerun()


def _tick(shown: Sequence[str]) -> None:
    """Tick the chosen runs in the table that is about to be drawn with these rows."""
    place = {name: row for row, name in enumerate(shown)}
    rows = sorted(place[name] for name in st.session_state[_LINK] if name in place)
    if rows != (_ticked_rows() or []):
        st.session_state[_TABLE] = _ticks(rows)
    st.session_state[_SHOWN] = list(shown)


def _ticked_rows() -> list[int] | None:
    """Return the numbers of the ticked rows; None if no table was drawn yet."""
    state = st.session_state.get(_TABLE)
    return sorted(state["selection"]["rows"]) if state else None


def _ticks(rows: list[int]) -> dict[str, Any]:
    return {"selection": {"rows": rows, "columns": [], "cells": []}}


def _with_ticks(chosen: Sequence[str], shown: Sequence[str], rows: Sequence[int] | None) -> list[str]:
    """Return the chosen runs after the ticks of the shown ones changed."""
    if rows is None:
        return list(chosen)
    ticked = dict.fromkeys(shown[row] for row in rows if row < len(shown))
    unticked = set(shown) - set(ticked)
    return list(dict.fromkeys([*(name for name in chosen if name not in unticked), *ticked]))


def _column_config(rows: pd.DataFrame) -> dict[str, Any]:
    column = st.column_config
    tags = sorted({tag for tags in rows["tags"] for tag in tags})
    return {
        "run": column.TextColumn(pinned=True, width=200),
        "state": column.MultiselectColumn(
            options=[state.value for state in State], color=[_COLOURS[state] for state in State], width=90
        ),
        "place": column.NumberColumn("queue", help="Place in the queue; 1 is next.", width=50),
        "data": column.TextColumn(width=80),
        "full": column.NumberColumn("F", format="localized", help="|F|, images with masks", width=50),
        "weak": column.NumberColumn("W", format="localized", help="|W|, images with boxes only", width=50),
        "model": column.TextColumn(width=120),
        "seed": column.NumberColumn(width=45),
        "step": column.ProgressColumn("step", help="Share of its steps done", format="%.0f%%", max_value=100, width=80),
        "ap50": column.NumberColumn("AP50", format="%.1f", help="Mask AP50 on the run's val images", width=50),
        "ap70": column.NumberColumn("AP70", format="%.1f", help="Mask AP70 on the run's val images", width=50),
        "cost_hours": column.NumberColumn("hours", format="%.1f", help="Labelling cost of F and W", width=50),
        "tags": column.MultiselectColumn(options=tags, color="gray", width=100),
        "when": column.DatetimeColumn(format="distance", help="Time of its last update", width=130),
        "message": column.TextColumn(help="Its last message, such as why it failed", width=300),
    }
