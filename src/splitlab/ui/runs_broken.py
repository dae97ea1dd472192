"""Run folders that are no whole run, named quietly with the way out."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from splitlab.ui.plain_text import as_plain

MOST_SHOWN = 20


def show_broken(broken: Mapping[str, str]) -> None:
    """Show what is wrong with each broken folder, folded away; nothing where none is."""
    if not broken:
        return
    folders = "1 run folder is broken" if len(broken) == 1 else f"{len(broken):,} run folders are broken"
    with st.expander(folders, icon=":material/warning:"):
        for sentence in list(broken.values())[:MOST_SHOWN]:
            st.caption(as_plain(sentence))
        if len(broken) > MOST_SHOWN:
            st.caption(f"and {len(broken) - MOST_SHOWN:,} more")
