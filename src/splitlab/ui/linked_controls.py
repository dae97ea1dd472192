"""Controls whose value stands in the link, for kinds of controls that Streamlit lets a link break.

A link may say anything. Streamlit itself passes over what a slider, a list of choices or a number with decimals cannot
take; whole numbers and choices of exactly one need more care.
"""

from __future__ import annotations

from collections.abc import Sequence
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
