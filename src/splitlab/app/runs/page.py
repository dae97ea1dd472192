"""Runs: all training runs in one table, with curves, settings, notes and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from splitlab.app.hosting import may_change
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.runs.actions import show_actions, show_publish, show_settings
from splitlab.app.runs.notes import show_notes
from splitlab.app.runs.rows import RunsListing, choose_filter, filtered, newest_begun, runs_listing
from splitlab.app.runs.table import (
    REFRESH_SECONDS,
    chosen_runs,
    live_table,
    show_broken,
    wait_for_runs,
    write_chosen_to_link,
)
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.text import as_plain
from splitlab.errors import RunError
from splitlab.figures.training import MOST_RUNS, Event, keep_places, overlaid_curves
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.store import RunSummary
from splitlab.workspace import Workspace

_ALT = "Losses, AP and speed of the ticked runs against steps"
_PLACES = "places of runs"
_CURVES, _SETTINGS, _NOTES, _PUBLISH = "Curves", "Settings", "Notes and tags", "Publish"


def show_page() -> None:
    """Show the page."""
    page_head(
        "Runs",
        "Every training run of this workspace. Tick some to compare their curves and settings.",
    )
    workspace = Workspace.here()
    listing = runs_listing(workspace.runs)
    now = listing.now()
    if not now.runs:
        st.info("No runs yet. Start one on the Train page, or many with `splitlab sweep`: each gets a row here.")
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        show_broken(now.broken)
        wait_for_runs(listing)
        st.stop()
    with errors_shown():
        chosen = chosen_runs(now.runs)
        write_chosen_to_link()
        wanted = choose_filter(workspace, listing)
        live_table(workspace, listing, wanted, chosen)
        if may_change("Changing runs"):
            show_actions(workspace, listing, [now.runs[name] for name in chosen])
    with errors_shown():
        runs = [now.runs[name] for name in chosen or newest_begun(filtered(now.rows, wanted))]
        _show_view(workspace, listing, runs, is_chosen=bool(chosen))
    show_broken(now.broken)


def _show_view(workspace: Workspace, listing: RunsListing, runs: Sequence[RunSummary], *, is_chosen: bool) -> None:
    """Show curves, settings, notes or the publish form of the runs: the chosen ones, or else the newest."""
    views = [_CURVES, _SETTINGS, _NOTES, _PUBLISH]
    view = linked_choice("Look at", views, _CURVES, "runs_view", label_visibility="collapsed")
    if not runs:
        st.caption("Tick a run in the table.")
        return
    if not is_chosen:
        st.caption(f"Nothing is ticked: these are the newest {len(runs)} in the table that have started.")
    if view == _CURVES:
        _show_curves(runs)
    elif view == _SETTINGS:
        show_settings(runs)
    elif view == _NOTES:
        show_notes(listing, runs, sorted({tag for run in listing.now().runs.values() for tag in run.notes.tags}))
    else:
        show_publish(workspace, runs)


def _show_curves(runs: Sequence[RunSummary]) -> None:
    """Draw the first eight of the runs in one chart, and again regularly while one of them trains."""
    trains = any(run.status.state == State.RUNNING for run in runs)
    st.fragment(_draw_curves, run_every=REFRESH_SECONDS if trains else None)(runs)


def _draw_curves(runs: Sequence[RunSummary]) -> None:
    with errors_shown():
        drawn = runs[:MOST_RUNS]
        if len(runs) > MOST_RUNS:
            st.caption(f"Only the first {MOST_RUNS} of {len(runs):,} are drawn, to keep the lines distinguishable.")
        places = keep_places([run.name for run in drawn], st.session_state.get(_PLACES, {}))
        st.session_state[_PLACES] = places
        for run in drawn:
            if run.status.state == State.FAILED:
                st.caption(f":red[:material/error:] {as_plain(run.name)} failed: {as_plain(run.status.message)}")
        curves = _events_of(drawn)
        if any(event["kind"] != "start" for events in curves.values() for event in events):
            st.plotly_chart(overlaid_curves(curves, places), key="runs_curves", config={"displaylogo": False}, alt=_ALT)
        else:
            st.caption("No curves yet: they start after the first ten steps.")


def _events_of(runs: Sequence[RunSummary]) -> Mapping[str, list[Event]]:
    found = {}
    for run in runs:
        try:
            found[run.name] = _events(run.path, *_stamp(run.path))
        except RunError as error:
            st.caption(f":material/warning: {as_plain(str(error))}")
    return found


def _stamp(run: Path) -> tuple[int, int]:
    try:
        stat = (run / "events.jsonl").stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


@st.cache_data(show_spinner=False, max_entries=4 * MOST_RUNS)
def _events(run: Path, written: int, size: int) -> list[Event]:
    return [{**event, "kind": str(event.get("kind"))} for event in RunFolder(run).events()]
