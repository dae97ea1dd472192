"""The pages and their places in the side bar."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit import config

from splitlab.errors import SettingsError
from splitlab.hosting import Hosting
from splitlab.ui.kept_links import enter_as_left, run_and_keep_link
from splitlab.ui.plain_text import as_plain
from splitlab.ui.upload_room import bound_uploads

_ENTERED = "entered by app.py"
# A file of ours: for an icon by name the browser asks a font server of Google.
_ICON = Path(__file__).with_name("icon.svg")


def run_app() -> None:
    """Show the page that the link asks for."""
    _dress_tab()
    try:
        hosting = Hosting.here()
    except SettingsError as error:
        st.error(as_plain(str(error)))
        st.stop()
    # The limit of one uploader is kept by the browser alone; this one by the server.
    config.set_option("server.maxUploadSize", hosting.upload_megabytes)
    bound_uploads()
    page = pages()
    enter_as_left(page)
    # After the link was read, which may hold any name.
    st.session_state[_ENTERED] = True
    run_and_keep_link(page)


def pages() -> st.Page:
    """Register the pages with Streamlit; return the one that the link asks for."""
    return st.navigation(
        {
            "": [st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)],
            "Plan": [
                st.Page("pages/plan.py", title="Plan a budget", icon=":material/savings:"),
                st.Page("pages/cost_against_ap.py", title="Cost against AP", icon=":material/scatter_plot:"),
                st.Page("pages/equiscore.py", title="Equiscore", icon=":material/ssid_chart:"),
            ],
            "Look": [
                st.Page("pages/compare_masks.py", title="Compare masks", icon=":material/compare:"),
                st.Page("pages/errors.py", title="Errors by split", icon=":material/bug_report:"),
            ],
            "Make": [
                st.Page("pages/data.py", title="Data", icon=":material/photo_library:"),
                st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
                st.Page("pages/runs.py", title="Runs", icon=":material/list_alt:"),
            ],
            "Learn": [
                st.Page("pages/lessons.py", title="Lessons", icon=":material/school:"),
                st.Page("pages/few_shot.py", title="Few-shot", icon=":material/filter_3:"),
                st.Page("pages/paper.py", title="About the paper", icon=":material/description:"),
            ],
        }
    )


def enter_by_app() -> None:
    """Begin again through app.py where Streamlit ran a page by itself.

    A server whose very first visitor follows a link to a page takes `pages/` for the pages of its old multipage
    mode, and only learns of `st.navigation` when that has been called once.
    """
    if _ENTERED not in st.session_state:
        # First: the browser takes an icon by name, the page's own, for a tab that has none.
        _dress_tab()
        pages()
        st.rerun()


def _dress_tab() -> None:
    st.set_page_config(page_title="SplitLab", page_icon=str(_ICON), layout="wide")
