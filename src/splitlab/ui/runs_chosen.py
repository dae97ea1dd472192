"""Which runs are ticked: kept by name, because rows move, and said by the link.

A table tells the ticked rows by their numbers. They are read by the order that was drawn, and set anew whenever the
order is another. Runs that a filter hides stay chosen.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import streamlit as st

from splitlab.ui.named_links import asked_by_link, write_link

TABLE, LINK = "runs_table", "chosen"
_SHOWN = "runs shown"
# Longer links are cut by browsers and mail programs.
MOST_IN_LINK = 40


def chosen_runs(known: Container[str]) -> list[str]:
    """Return the names of the chosen runs that are still there, those chosen first in front."""
    if asked := asked_by_link(LINK, known):
        st.session_state[LINK] = asked
        st.session_state.pop(TABLE, None)
    chosen = _with_ticks(st.session_state.get(LINK, []), st.session_state.get(_SHOWN, []), _ticked_rows())
    st.session_state[LINK] = [name for name in chosen if name in known]
    return list(st.session_state[LINK])


def say_in_link() -> None:
    """Let the link say what is chosen, up to 40 runs."""
    write_link(LINK, st.session_state[LINK][:MOST_IN_LINK])


def tick(shown: Sequence[str]) -> None:
    """Tick the chosen runs in the table that is about to be drawn with these rows."""
    place = {name: row for row, name in enumerate(shown)}
    rows = sorted(place[name] for name in st.session_state[LINK] if name in place)
    if rows != (_ticked_rows() or []):
        st.session_state[TABLE] = _ticks(rows)
    st.session_state[_SHOWN] = list(shown)


def choose_none() -> None:
    """Untick all; for a button's click."""
    st.session_state[LINK] = []
    st.session_state[TABLE] = _ticks([])


def _ticked_rows() -> list[int] | None:
    """Return the numbers of the ticked rows; None where no table was drawn yet."""
    state = st.session_state.get(TABLE)
    return sorted(state["selection"]["rows"]) if state else None


def _ticks(rows: list[int]) -> dict[str, Any]:
    return {"selection": {"rows": rows, "columns": [], "cells": []}}


def _with_ticks(chosen: Sequence[str], shown: Sequence[str], rows: Sequence[int] | None) -> list[str]:
    if rows is None:
        return list(chosen)
    ticked = dict.fromkeys(shown[row] for row in rows if row < len(shown))
    unticked = set(shown) - set(ticked)
    return list(dict.fromkeys([*(name for name in chosen if name not in unticked), *ticked]))
