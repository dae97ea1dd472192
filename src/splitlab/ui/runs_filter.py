"""The controls that say which runs are wanted; the link says it too."""

from __future__ import annotations

import streamlit as st

from splitlab.runs.run_folder import State
from splitlab.ui.runs_listing import Listing
from splitlab.ui.runs_rows import Filter

_KEYS = {"run_text": "", "run_data": [], "run_state": [], "run_tag": []}


def choose_filter(listing: Listing) -> Filter:
    """Show a line of controls; return what they ask for."""
    words, data, state, tag = st.columns([1.5, 1, 1, 1])
    text = words.text_input(
        "Find",
        key="run_text",
        bind="query-params",
        max_chars=200,
        placeholder="name, data, model, tag or note",
        icon=":material/search:",
    )
    rows = listing.rows
    known = {
        "data": sorted(rows["data"].unique()),
        "state": [state.value for state in State if (rows["state"] == state.value).any()],
        "tag": sorted({tag for run in listing.runs.values() for tag in run.notes.tags}),
    }
    return Filter(
        data.multiselect("Data set", known["data"], key="run_data", placeholder="any", bind="query-params"),
        state.multiselect("State", known["state"], key="run_state", placeholder="any", bind="query-params"),
        tag.multiselect("Tags", known["tag"], key="run_tag", placeholder="any", bind="query-params"),
        text,
    )


def forget_filter() -> None:
    """Ask for all runs again; for a button's click."""
    for key, nothing in _KEYS.items():
        st.session_state[key] = nothing
