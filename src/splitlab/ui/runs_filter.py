"""The controls that say which runs are wanted, as the link does too; and those runs as a file."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from splitlab.runs.queue import waiting_runs
from splitlab.runs.run_folder import State
from splitlab.ui.runs_listing import RunsListing
from splitlab.ui.runs_rows import Filter, filtered, rows_as_csv, with_places
from splitlab.workspace import Workspace

_KEYS = {"run_text": "", "run_data": [], "run_state": [], "run_tag": []}


def choose_filter(workspace: Workspace, listing: RunsListing) -> Filter:
    """Show a line of controls; return what they ask for."""
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
        data.multiselect("Data set", datasets, key="run_data", placeholder="any", bind="query-params"),
        state.multiselect("State", states, key="run_state", placeholder="any", bind="query-params"),
        tag.multiselect("Tags", tags, key="run_tag", placeholder="any", bind="query-params"),
        text,
    )
    # Not beside the live table: what is drawn anew each second gives its file another address each second.
    file.download_button(
        "CSV",
        lambda: rows_as_csv(with_places(filtered(listing.now().rows, wanted), waiting_runs(workspace))),
        "splitlab-runs.csv",
        "text/csv",
        icon=":material/download:",
        help="The runs of the table, with their steps and notes.",
        on_click="ignore",
        width="stretch",
    )
    return wanted


def forget_filter() -> None:
    """Ask for all runs again; for a button's click."""
    for key, nothing in _KEYS.items():
        st.session_state[key] = nothing


def _with_asked(key: str, there_are: Iterable[str]) -> list[str]:
    """Return what there is, and what is asked for by control or link: a choice that is not offered drops itself."""
    return sorted({*there_are, *st.session_state.get(key, []), *st.query_params.get_all(key)})
