"""Controls whose values are in the page's link."""

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
    """Show buttons of which exactly one is chosen.

    Args:
        label: Label of the control.
        options: What can be chosen.
        default: Chosen at first, and if the link contains none of the options.
        key: Key of the control, and name in the link.
        place: Where it is drawn; the current container by default.
        **look: Further settings of `st.segmented_control`, such as `format_func`.
    """
    _leave_out_empty(key)
    chosen = (place or st).segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", **look
    )
    return default if chosen is None else chosen


def linked_count(
    label: str, least: int, most: int, start: int, key: str, place: DeltaGenerator | None = None, **look: Any
) -> int:
    """Show a field for a whole number from `least` to `most`.

    Other parameters are those of `linked_choice`.
    """
    # For Streamlit it is a float: with an int, a link with "inf" would raise an exception.
    number = (place or st).number_input(
        label, float(least), float(most), float(start), 1.0, "%.0f", key=key, bind="query-params", **look
    )
    return int(number)


def _leave_out_empty(key: str) -> None:
    """Remove an empty parameter from the link, which would leave nothing chosen, and draw the page again."""
    if key in st.query_params and not any(st.query_params.get_all(key)):
        # Streamlit keeps it if the page was drawn before, such as after going back to such a link.
        with suppress(StreamlitAPIException):
            del st.query_params[key]
            st.rerun()


_READ, _WRITTEN = "link read: {}", "link written: {}"


def asked_by_link(key: str, known: Container[str]) -> list[str]:
    """Return the known names that the link newly asks for.

    A link that this page wrote itself, or that was the same when the page was drawn last, asks for nothing new: a click
    may come before the browser has taken over what the page wrote.
    """
    asked = st.query_params.get_all(key)
    seen = st.session_state.get(_READ.format(key)), st.session_state.get(_WRITTEN.format(key))
    st.session_state[_READ.format(key)] = asked
    if key in st.session_state and asked in seen:
        return []
    return [name for name in asked if name in known]


def write_link(key: str, names: Sequence[str]) -> None:
    """Write the chosen names to the link."""
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
    """Show a list of which one is chosen; the link always contains the choice, even if it is the default.

    The default may differ tomorrow or on another machine; the link then still has the same meaning.

    Args:
        label: Label of the control.
        names: What can be chosen, as in the link.
        key: Key of the control, and name in the link.
        at_first: Chosen if neither the link nor the control name a known option.
        place: Where it is drawn.
        shown: Returns how a name is shown.
        tip: Help text.
    """
    if asked := asked_by_link(key, names):
        st.session_state[key] = asked[0]
    if st.session_state.get(key) not in names:
        st.session_state[key] = at_first
    chosen = place.selectbox(label, names, format_func=shown, key=key, help=tip)
    write_link(key, [chosen])
    return chosen


def linked_option(
    label: str,
    names: Sequence[str],
    start: str,
    key: str,
    place: DeltaGenerator | None = None,
    shown: Callable[[str], str] = str,
    **look: Any,
) -> str:
    """Show a list of which one is chosen; the link contains it unless it is `start`.

    Streamlit does not own the parameter, so that another page with the same control can be opened with it.

    Args:
        label: Label of the control.
        names: What can be chosen, as in the link.
        start: Chosen if neither the link nor the control name a known option.
        key: Key of the control, and name in the link.
        place: Where it is drawn; the current container by default.
        shown: Returns how a name is shown.
        **look: Further settings of `st.selectbox`, such as `on_change`.
    """
    if asked := _newly_asked(key, names):
        st.session_state[key] = asked[0]
    if st.session_state.get(key) not in names:
        st.session_state[key] = start
    chosen: str = (place or st).selectbox(label, names, format_func=shown, key=key, **look)
    write_link(key, [] if chosen == start else [chosen])
    return chosen


def linked_number(
    label: str, least: float, most: float, start: float, key: str, place: DeltaGenerator | None = None, **look: Any
) -> float:
    """Show a field for a number from `least` to `most`; the link contains it unless it is `start`.

    Other parameters are those of `linked_option`, and `look` those of `st.number_input`.
    """
    if asked := _newly_asked(key, _Numbers(least, most)):
        st.session_state[key] = float(asked[0])
    st.session_state.setdefault(key, start)
    number = float((place or st).number_input(label, least, most, format="%g", key=key, **look))
    write_link(key, [] if number == start else [f"{number:.10g}"])
    return number


def _newly_asked(key: str, known: Container[str]) -> list[str]:
    """Return what the link newly asks for; if it no longer contains the parameter, forget the control's value."""
    seen = st.session_state.get(_READ.format(key)), st.session_state.get(_WRITTEN.format(key))
    if not st.query_params.get_all(key) and [] not in seen and None not in seen:
        st.session_state.pop(key, None)
    return asked_by_link(key, known)


class _Numbers:
    """The texts of numbers in a range."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def __contains__(self, text: object) -> bool:
        try:
            return self._least <= float(str(text)) <= self._most
        except ValueError:
            return False
