"""Text of users without Markdown, the colour of text, and a button for tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    import pandas as pd

_ORDINARY = re.compile(r"[\w .,/-]+")
_NUMBER = re.compile(r"\d[\d,.]*(?:/[\d,]+)?(?<![,.])")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#$~:|!])")


def as_plain(text: str) -> str:
    """Escape everything in a text that Markdown would interpret."""
    return _MARKUP.sub(r"\\\1", text.replace("\n", " "))


def as_label(name: str) -> str:
    """Escape Markdown in an option of pills; ordinary names stay the same, because links contain what pills show."""
    return name if _ORDINARY.fullmatch(name) else as_plain(name)


def with_bold_numbers(text: str) -> str:
    """Make the numbers and splits in a sentence bold; the sentence must not contain Markdown."""
    return _NUMBER.sub(r"**\g<0>**", text)


def letter_colour() -> str:
    """Return the text colour of the visitor's theme as "#rrggbb"."""
    return str(st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor"))


def offer_csv(table: pd.DataFrame, file_name: str) -> None:
    """Show a button that downloads a table as CSV."""
    st.download_button("Download CSV", table.to_csv(index=False), file_name, "text/csv", icon=":material/download:")
