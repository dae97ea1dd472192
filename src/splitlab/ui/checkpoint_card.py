"""A checkpoint's card on the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from splitlab.runs.card_in_words import card_in_words
from splitlab.runs.checkpoint import Card
from splitlab.runs.checkpoint_files import FileFacts, facts_of
from splitlab.ui.plain_text import as_plain


def show_card(card: Card, files: dict[str, FileFacts]) -> None:
    """Show what a checkpoint is; `files` may be empty where nobody has counted them yet."""
    lines = [f"**{as_plain(card.name)}**"]
    lines += [f"{what}: {as_plain(text)}" for what, text in card_in_words(card, files).items()]
    st.caption("  \n".join(lines))


@st.cache_data(show_spinner=False, max_entries=64)
def facts_in(folder: Path, version: int) -> dict[str, FileFacts]:
    """Return size and checksum of a checkpoint's files, counted once for all visitors.

    Args:
        folder: the checkpoint.
        version: another number once its weights have been written anew.
    """
    return facts_of(folder)
