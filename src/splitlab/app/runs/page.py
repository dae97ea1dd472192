"""Runs: all of them in one table, their curves and settings side by side, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from splitlab.app.hosting import may_change
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.runs.actions import show_actions, show_publish, show_settings
from splitlab.app.runs.notes import show_notes
from splitlab.app.runs.rows import choose_filter, filtered, newest_begun, runs_listing
from splitlab.app.runs.table import REFRESH_SECONDS, chosen_runs, live_table, say_in_link, show_broken, wait_for_runs
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.text import as_plain
from splitlab.errors import RunError
from splitlab.figures.training import MOST_RUNS, Event, keep_places, overlaid_curves
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.store import RunSummary
from splitlab.workspace import Workspace

_PLACES = "places of runs"


def _show_curves(runs: Sequence[RunSummary]) -> None:
    """Draw the first eight of the runs over each other; again and again while one of them trains."""
    trains = any(run.status.state == State.RUNNING for run in runs)
    st.fragment(_show, run_every=REFRESH_SECONDS if trains else None)(runs)


def _show(runs: Sequence[RunSummary]) -> None:
    with errors_shown():
        drawn = runs[:MOST_RUNS]
        if len(runs) > MOST_RUNS:
            st.caption(f"The first {MOST_RUNS} of {len(runs):,} are drawn: more lines cannot be told apart.")
        places = keep_places([run.name for run in drawn], st.session_state.get(_PLACES, {}))
        st.session_state[_PLACES] = places
        for run in drawn:
            if run.status.state == State.FAILED:
                st.caption(f":red[:material/error:] {as_plain(run.name)} failed: {as_plain(run.status.message)}")
        curves = _events_of(drawn)
        if any(event["kind"] != "start" for events in curves.values() for event in events):
            st.plotly_chart(overlaid_curves(curves, places), key="runs_curves", config={"displaylogo": False})
        else:
            st.caption("No steps yet: curves come with the first ten.")


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
        seen = (run / "events.jsonl").stat()
    except OSError:
        return 0, 0
    return seen.st_mtime_ns, seen.st_size


@st.cache_data(show_spinner=False, max_entries=4 * MOST_RUNS)
def _events(run: Path, written: int, size: int) -> list[Event]:
    return [{**event, "kind": str(event.get("kind"))} for event in RunFolder(run).events()]


_CURVES, _SETTINGS, _NOTES, _PUBLISH = "Curves", "Settings", "Notes and tags", "Publish"


def show_page() -> None:
    """Show the page."""
    page_head(
        "Runs",
        "Every training of this workspace. Tick some to lay their curves over each other and their settings side by "
        "side.",
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
        say_in_link()
        wanted = choose_filter(workspace, listing)
        live_table(workspace, listing, wanted, chosen)
        if may_change("Changing runs"):
            show_actions(workspace, listing, [now.runs[name] for name in chosen])
    with errors_shown():
        view = linked_choice(
            "Look at", [_CURVES, _SETTINGS, _NOTES, _PUBLISH], _CURVES, "runs_view", label_visibility="collapsed"
        )
        runs = [now.runs[name] for name in chosen or newest_begun(filtered(now.rows, wanted))]
        if not runs:
            st.caption("Tick a run in the table.")
        elif not chosen:
            st.caption(f"Nothing is ticked: these are the newest {len(runs)} of the table that have begun.")
        if runs and view == _CURVES:
            _show_curves(runs)
        elif runs and view == _SETTINGS:
            show_settings(runs)
        elif runs and view == _NOTES:
            show_notes(listing, runs, sorted({tag for run in now.runs.values() for tag in run.notes.tags}))
        elif runs:
            show_publish(workspace, runs)
    show_broken(now.broken)
