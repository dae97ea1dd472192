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


def run_as_left(page: st.Page) -> None:
    """Run a page; one that is come to from another page, by a link that says less than it did, is as it was left."""
    kept = _kept_links()
    asked, before = _link(), kept.get(page.url_path, {})
    comes_anew = st.session_state.get(_SHOWN) != page.url_path
    st.session_state[_SHOWN] = page.url_path
    if comes_anew:
        _forget(asked)
    if comes_anew and asked != before and _says_less(asked, before):
        _say(before)
        st.rerun()
    try:
        page.run()
    finally:
        kept[page.url_path] = _link()


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
