"""Controls whose values are part of the page's address."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

Option = TypeVar("Option")


def linked_choice(
    label: str, options: Sequence[Option], default: Option, key: str, place: DeltaGenerator | None = None, **look: Any
) -> Option:
    """Show options of which exactly one is chosen.

    Args:
        label: of the control.
        options: what can be chosen.
        default: chosen at first, and where the link names none of the options.
        key: of the control and in the link.
        place: where it is drawn; where the page is, if left out.
        **look: more of `st.segmented_control`'s settings, such as `format_func`.
    """
    _leave_out_empty(key)
    chosen = (place or st).segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", **look
    )
    return default if chosen is None else chosen


def linked_count(
    label: str, least: int, most: int, start: int, key: str, place: DeltaGenerator | None = None, **look: Any
) -> int:
    """Show a field for a whole number.

    To Streamlit it is a number with decimals: a whole one would end the page where the link says "inf".

    Args:
        label: of the control.
        least: the smallest number that can be given.
        most: the largest one.
        start: given at first, and where the link says no number from `least` to `most`.
        key: of the control and in the link.
        place: where it is drawn; where the page is, if left out.
        **look: more of `st.number_input`'s settings, such as `help`.
    """
    number = (place or st).number_input(
        label, float(least), float(most), float(start), 1.0, "%.0f", key=key, bind="query-params", **look
    )
    return int(number)


def _leave_out_empty(key: str) -> None:
    """Draw the page anew without a parameter that is there and empty, which would leave nothing chosen."""
    if key in st.query_params and not any(st.query_params.get_all(key)):
        # Streamlit keeps it where the page was drawn before, as when somebody goes back to such a link.
        with suppress(StreamlitAPIException):
            del st.query_params[key]
            st.rerun()


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
