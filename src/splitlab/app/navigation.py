"""The menu and links of the app, and the head of each page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import streamlit as st
from streamlit import config
from streamlit.errors import StreamlitAPIException

from splitlab.app.hosting import Hosting
from splitlab.app.widgets.photos import bound_uploads
from splitlab.app.widgets.text import as_plain
from splitlab.errors import SettingsError, SplitLabError

_KEPT, _SHOWN = "links of pages", "page shown last"
# Where in a page a link leads; who goes elsewhere in it does not want to be sent back.
_PLACES = ("lesson", "screen", "print")

_Link = dict[str, list[str]]


def _enter_as_left(page: st.Page) -> None:
    """Let a page that is come to from another one, by a link that says less than it did, be as it was left."""
    if st.session_state.get(_SHOWN) == page.url_path:
        return
    asked, before = _link(), _kept_links().get(page.url_path, {})
    _forget(asked)
    st.session_state[_SHOWN] = page.url_path
    if asked != before and _says_less(asked, before):
        _say(before)
        st.rerun()


def _run_and_keep_link(page: st.Page) -> None:
    """Run a page, and keep what its link then says."""
    try:
        page.run()
    finally:
        _kept_links()[page.url_path] = _link()


def change_kept_link(url_path: str, said: Mapping[str, str]) -> None:
    """Let another page have these parameters when it is come to next; its further ones stay.

    Args:
        url_path: of the page.
        said: parameters by name.
    """
    _kept_links().setdefault(url_path, {}).update({name: [value] for name, value in said.items()})
    _forget(said)


def _forget(names: Iterable[str]) -> None:
    """Let the link decide: a value that it names would lose to the control's last one where it is the first one."""
    for name in names:
        # A link may hold a name that Streamlit keeps for itself.
        with suppress(StreamlitAPIException):
            st.session_state.pop(name, None)


def _says_less(asked: _Link, before: _Link) -> bool:
    same_place = all(asked.get(name) == before.get(name) for name in _PLACES)
    return same_place and asked.items() <= before.items()


def _say(link: _Link) -> None:
    try:
        st.query_params.from_dict(link)
    except StreamlitAPIException:
        # A control of the page before, with the key of one here, still holds its parameter; the others are free.
        for name, values in link.items():
            with suppress(StreamlitAPIException):
                st.query_params[name] = values


def _kept_links() -> dict[str, _Link]:
    links: dict[str, _Link] = st.session_state.setdefault(_KEPT, {})
    return links


def _link() -> _Link:
    return {name: st.query_params.get_all(name) for name in st.query_params}


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
    page = _pages()
    _enter_as_left(page)
    # After the link was read, which may hold any name.
    st.session_state[_ENTERED] = True
    _run_and_keep_link(page)


def _pages() -> st.Page:
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
        _pages()
        st.rerun()


def _dress_tab() -> None:
    st.set_page_config(page_title="SplitLab", page_icon=str(_ICON), layout="wide")


_LEFT_TO_SAY = "left to say"


def page_head(title: str, sentence: str) -> None:
    """Write the title, and the one sentence that says what the page shows."""
    enter_by_app()
    st.title(title, anchor=False)
    st.markdown(sentence)


def draw_anew(sentence: str) -> None:
    """Draw the page again, with what has come since its lists were drawn; `say_what_was_done` then says the sentence.

    Args:
        sentence: Markdown.
    """
    st.session_state[_LEFT_TO_SAY] = sentence
    st.rerun()


def say_what_was_done() -> None:
    """Say, once, the sentence that `draw_anew` was given."""
    if _LEFT_TO_SAY in st.session_state:
        st.success(st.session_state.pop(_LEFT_TO_SAY))


@contextmanager
def answered() -> Iterator[None]:
    """Show a fault that the user can mend as one sentence in its place, and leave the rest of the page alone."""
    try:
        yield
    except SplitLabError as error:
        st.error(as_plain(str(error)))
