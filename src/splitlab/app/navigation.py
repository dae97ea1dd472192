"""The menu of the app, the head of each page, and the links between pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import streamlit as st
from streamlit import config
from streamlit.errors import StreamlitAPIException

from splitlab.app.hosting import Hosting
from splitlab.app.widgets.text import as_plain, letter_colour
from splitlab.app.widgets.uploads import bound_uploads
from splitlab.errors import SettingsError, SplitLabError

_PAGES: dict[str, list[tuple[str, str, str]]] = {
    "": [("project", "My project", "folder_special"), ("home", "Home", "home")],
    "Plan": [
        ("plan", "Plan a budget", "savings"),
        ("cost_against_ap", "Cost against AP", "scatter_plot"),
        ("equiscore", "Equiscore", "ssid_chart"),
        ("stopwatch", "Stopwatch", "timer"),
    ],
    "Look": [("compare_masks", "Compare masks", "compare"), ("errors", "Errors by split", "bug_report")],
    "Make": [
        ("data", "Data", "photo_library"),
        ("assist", "Assisted masks", "auto_fix_high"),
        ("train", "Train", "model_training"),
        ("runs", "Runs", "list_alt"),
    ],
    "Learn": [
        ("lessons", "Lessons", "school"),
        ("few_shot", "Few-shot", "filter_3"),
        ("paper", "About the paper", "description"),
        ("documentation", "Documentation", "menu_book"),
    ],
}
"""Sections of the menu; of each page its file in `pages/`, its title and its Material icon."""
# A file of our own: for a named icon the browser asks a font server of Google.
_ICON = Path(__file__).with_name("icon.svg")
_FRAME = Path(__file__).with_name("frame.css")
_STARTED, _MESSAGE, _LINKS, _LAST_PAGE = "started by app.py", "message", "links of pages", "page shown last"
# Parameters for a place in a page. A link to another place must not be replaced by the last one.
_PLACES = ("lesson", "screen", "print")
# Parameters of the label prices, which are the same on all pages that have them.
_PRICED_PAGES = ("plan", "equiscore", "data", "train")
_OF_PRICES = re.compile(r"prices|own_(?:box|mask|unit|per)|money_hour|objects_[\d.]+")
_PRICES_DRAWN, _PRICES = "prices were drawn", "link of the label prices"

_Link = dict[str, list[str]]


def run_app() -> None:
    """Show the page that the link asks for."""
    _set_up_tab()
    try:
        hosting = Hosting.here()
    except SettingsError as error:
        st.error(as_plain(str(error)))
        st.stop()
    # An uploader's own limit is checked by the browser only; this one by the server.
    config.set_option("server.maxUploadSize", hosting.upload_megabytes)
    bound_uploads()
    page = _register_pages()
    st.set_page_config(page_title=f"{_title_of(page.url_path)} · SplitLab")
    _restore_link(page)
    # Set after the link was read, which may contain any name.
    st.session_state[_STARTED] = True
    try:
        page.run()
    finally:
        _kept_links()[page.url_path] = _current_link()
        if st.session_state.pop(_PRICES_DRAWN, False):
            st.session_state[_PRICES] = _prices_in(_current_link())


def page_head(title: str, sentence: str) -> None:
    """Write the title of a page and one sentence about what it shows."""
    ensure_started_by_app()
    st.title(title, anchor=False)
    st.markdown(sentence)


def ensure_started_by_app() -> None:
    """Start again through app.py if Streamlit ran a page directly.

    If the first visitor of a server follows a link to a page, Streamlit treats `pages/` as a classic multipage app. It
    learns about `st.navigation` when that is called for the first time.
    """
    if _STARTED not in st.session_state:
        # First, or the browser loads the page's named icon.
        _set_up_tab()
        _register_pages()
        st.rerun()


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error that the user can fix as one sentence in its place, and keep the rest of the page."""
    try:
        yield
    except SplitLabError as error:
        st.error(as_plain(str(error)))


def rerun_with_message(sentence: str) -> None:
    """Draw the page again, with updated lists; `show_message` then shows the sentence (Markdown)."""
    st.session_state[_MESSAGE] = sentence
    st.rerun()


def show_message() -> None:
    """Show the sentence given to `rerun_with_message`, once."""
    if _MESSAGE in st.session_state:
        st.success(st.session_state.pop(_MESSAGE))


def change_kept_link(url_path: str, parameters: Mapping[str, str]) -> None:
    """Set parameters of another page for its next visit, and keep its other ones."""
    _kept_links().setdefault(url_path, {}).update({name: [value] for name, value in parameters.items()})
    _forget(parameters)


def keep_prices_for_all_pages() -> None:
    """Let the other pages start with this page's label prices; for pages that draw their controls."""
    st.session_state[_PRICES_DRAWN] = True


def set_prices_for_all_pages(link: Mapping[str, str]) -> None:
    """Set the label prices that pages start with from now on, by their parameters in links."""
    st.session_state[_PRICES] = {name: [value] for name, value in link.items()}


def _set_up_tab() -> None:
    st.set_page_config(page_title="SplitLab", page_icon=str(_ICON), layout="wide")
    st.logo(_logo(), size="large")
    st.html(_FRAME)


def _logo() -> str:
    """Return the icon with the name beside it, as SVG in the visitor's text colour."""
    name = f'<text x="80" y="46" font-family="sans-serif" font-size="40" fill="{letter_colour()}">SplitLab</text>'
    icon = _ICON.read_text(encoding="utf-8")
    return icon.replace('viewBox="0 0 64 64"', 'viewBox="0 0 250 64"').replace("</svg>", f"{name}</svg>")


def _title_of(url_path: str) -> str:
    # Not the page's own title, which it lacks when Python runs app.py without a server.
    titles = {name: title for pages in _PAGES.values() for name, title, _ in pages}
    return titles.get(url_path, titles["home"])


def _register_pages() -> st.Page:
    """Register the pages with Streamlit, and return the one that the link asks for."""
    return st.navigation(
        {
            section: [
                st.Page(f"pages/{name}.py", title=title, icon=f":material/{icon}:", default=name == "home")
                for name, title, icon in pages
            ]
            for section, pages in _PAGES.items()
        }
    )


def _restore_link(page: st.Page) -> None:
    """Restore a page as it was left, if it is opened from another page by a link that says less."""
    if st.session_state.get(_LAST_PAGE) == page.url_path:
        return
    asked, link = _current_link(), _link_to_show(page.url_path)
    _forget(asked)
    st.session_state[_LAST_PAGE] = page.url_path
    # A link that names no prices leaves them as they are.
    shown = link if _says_less(asked, link) else asked if _prices_in(asked) else asked | _prices_in(link)
    # What the previous page's controls of the same name hold is lost when this page draws its own.
    _forget([str(name) for name in st.session_state if _OF_PRICES.fullmatch(str(name))])
    if asked != shown:
        _write_link(shown)
        st.rerun()


def _link_to_show(url_path: str) -> _Link:
    """Return a page's link as it was left, with the prices that were chosen last on any page."""
    before = _kept_links().get(url_path, {})
    if url_path not in _PRICED_PAGES or _PRICES not in st.session_state:
        return before
    others = {name: values for name, values in before.items() if not _OF_PRICES.fullmatch(name)}
    prices: _Link = st.session_state[_PRICES]
    return others | prices


def _prices_in(link: _Link) -> _Link:
    return {name: values for name, values in link.items() if _OF_PRICES.fullmatch(name)}


def _forget(names: Iterable[str]) -> None:
    """Forget controls, so that their values are read from the link."""
    for name in names:
        # A link may contain a name that Streamlit reserves.
        with suppress(StreamlitAPIException):
            st.session_state.pop(name, None)


def _says_less(asked: _Link, before: _Link) -> bool:
    same_place = all(asked.get(name) == before.get(name) for name in _PLACES)
    return same_place and asked.items() <= before.items()


def _write_link(link: _Link) -> None:
    try:
        st.query_params.from_dict(link)
    except StreamlitAPIException:
        # A control of the previous page with the same key still owns its parameter; the others can be set.
        for name, values in link.items():
            with suppress(StreamlitAPIException):
                st.query_params[name] = values


def _kept_links() -> dict[str, _Link]:
    links: dict[str, _Link] = st.session_state.setdefault(_LINKS, {})
    return links


def _current_link() -> _Link:
    return {name: st.query_params.get_all(name) for name in st.query_params}
