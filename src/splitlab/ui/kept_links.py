"""Each page as it was left: its link is kept for as long as the visit lasts.

Streamlit takes a page's controls out of the link before it turns to another page, and the browser takes that bare link
for a step of its own: who goes back comes to it, and not to the page as it was. So does who comes by the side bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAPIException

_KEPT, _SHOWN = "links of pages", "page shown last"
# Where in a page a link leads; who goes elsewhere in it does not want to be sent back.
_PLACES = ("lesson", "screen", "print")

Link = dict[str, list[str]]


def enter_as_left(page: st.Page) -> None:
    """Let a page that is come to from another one, by a link that says less than it did, be as it was left."""
    if st.session_state.get(_SHOWN) == page.url_path:
        return
    asked, before = _link(), _kept_links().get(page.url_path, {})
    _forget(asked)
    st.session_state[_SHOWN] = page.url_path
    if asked != before and _says_less(asked, before):
        _say(before)
        st.rerun()


def run_and_keep_link(page: st.Page) -> None:
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


def _says_less(asked: Link, before: Link) -> bool:
    same_place = all(asked.get(name) == before.get(name) for name in _PLACES)
    return same_place and asked.items() <= before.items()


def _say(link: Link) -> None:
    try:
        st.query_params.from_dict(link)
    except StreamlitAPIException:
        # A control of the page before, with the key of one here, still holds its parameter; the others are free.
        for name, values in link.items():
            with suppress(StreamlitAPIException):
                st.query_params[name] = values


def _kept_links() -> dict[str, Link]:
    links: dict[str, Link] = st.session_state.setdefault(_KEPT, {})
    return links


def _link() -> Link:
    return {name: st.query_params.get_all(name) for name in st.query_params}
