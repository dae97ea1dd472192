"""Controls whose link says names that stay, where the control itself shows labels.

Streamlit's own `bind="query-params"` writes what a control shows, so a label that is worded anew breaks every link.
Here the link is read and written by hand: read where it is new, written whenever the page is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_READ, _WRITTEN = "link read: {}", "link written: {}"


def asked_by_link(key: str, known: Container[str]) -> list[str]:
    """Return the names that the link asks for; nothing where it says nothing new, or nothing that is known.

    A link says nothing new that this page wrote itself, or that stood there when the page was drawn last: a click
    may come before the browser has taken over what the page wrote.

    Args:
        key: of the control and in the link.
        known: names that can be asked for.
    """
    asked = st.query_params.get_all(key)
    seen = st.session_state.get(_READ.format(key)), st.session_state.get(_WRITTEN.format(key))
    st.session_state[_READ.format(key)] = asked
    if key in st.session_state and asked in seen:
        return []
    return [name for name in asked if name in known]


def write_link(key: str, names: Sequence[str]) -> None:
    """Let the link say what is chosen."""
    st.session_state[_WRITTEN.format(key)] = list(names)
    if st.query_params.get_all(key) == list(names):
        return
    if names:
        st.query_params[key] = list(names)
    else:
        del st.query_params[key]


def linked_selectbox(
    label: str,
    names: Sequence[str],
    key: str,
    at_first: str,
    place: DeltaGenerator,
    shown: Callable[[str], str] = str,
    tip: str | None = None,
) -> str:
    """Show a control of one choice whose link always says the choice, also where it is the first one.

    What comes first may be another tomorrow, or on another machine; the link then still says what was meant.

    Args:
        label: of the control.
        names: what can be chosen, as the link says it.
        key: of the control and in the link.
        at_first: chosen where neither link nor control say anything that is there.
        place: where it is drawn.
        shown: how a name is shown.
        tip: what a question mark beside the label tells.
    """
    if asked := asked_by_link(key, names):
        st.session_state[key] = asked[0]
    if st.session_state.get(key) not in names:
        st.session_state[key] = at_first
    chosen = place.selectbox(label, names, format_func=shown, key=key, help=tip)
    write_link(key, [chosen])
    return chosen
