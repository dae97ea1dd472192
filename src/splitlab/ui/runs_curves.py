"""The curves of the chosen runs, one over the other, while they train and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from splitlab.errors import RunError
from splitlab.figures.overlaid_curves import MOST_RUNS, keep_places, overlaid_curves
from splitlab.figures.training_curves import Event
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.store import RunSummary
from splitlab.ui.page import answered
from splitlab.ui.plain_text import as_plain
from splitlab.ui.runs_table import REFRESH_SECONDS

_PLACES = "places of runs"


def show_curves(runs: Sequence[RunSummary]) -> None:
    """Draw the first eight of the runs over each other; again and again while one of them trains."""
    trains = any(run.status.state == State.RUNNING for run in runs)
    st.fragment(_show, run_every=REFRESH_SECONDS if trains else None)(runs)


def _show(runs: Sequence[RunSummary]) -> None:
    with answered():
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
