"""The colour of the page's letters, for charts that put letters on colours of their own."""

from __future__ import annotations

import streamlit as st


def letter_colour() -> str:
    """Return it as "#rrggbb", by the theme that the visitor sees."""
    return str(st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor"))
