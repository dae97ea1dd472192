"""The settings of the chosen runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from splitlab.runs.store import RunSummary

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

# A table of more columns is not read but exported.
MOST_COLUMNS = 20
# Seen on light and on dark, under text of either.
_MARK = "background-color: rgba(128, 128, 255, 0.22); font-weight: 600"


def show_settings(runs: Sequence[RunSummary]) -> None:
    """Show the settings that differ, or all of them, with those marked that differ from the first run's."""
    shown = runs[:MOST_COLUMNS]
    if len(runs) > MOST_COLUMNS:
        st.caption(f"The first {MOST_COLUMNS} of {len(runs):,} stand here.")
    every = st.toggle("All settings", key="runs_all_settings", bind="query-params")
    table = settings_table({run.name: run.spec.to_json() for run in shown})
    rows = table if every or len(shown) == 1 else differing(table)
    if rows.empty:
        st.caption("All their settings are the same.")
        return
    st.dataframe(marked(rows), key="runs_settings", height="content", column_config={"_index": {"width": 150}})
    if len(shown) > 1:
        same = len(table) - len(differing(table))
        st.caption(f"Marked: other than in the first run. {same} of {len(table)} settings are the same in all.")


def settings_table(settings: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each setting and a column for each run, as texts; empty where a run does not have it."""
    names = dict.fromkeys(name for of_run in settings.values() for name in of_run)
    columns = {run: [_text(of_run.get(name, "")) for name in names] for run, of_run in settings.items()}
    return pd.DataFrame(columns, index=pd.Index(list(names), name="setting"))


def differing(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in which not all runs are the same."""
    return table[table.ne(table.iloc[:, 0], axis=0).any(axis=1)]


def marked(table: pd.DataFrame) -> Styler:
    """Mark the cells that differ from the first column."""
    marks = table.ne(table.iloc[:, 0], axis=0).replace({True: _MARK, False: ""})
    return table.style.apply(lambda _: marks, axis=None)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"
