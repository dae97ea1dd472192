"""What every page has in common: a title, one sentence, the link to this view, and answers to faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from splitlab.errors import SplitLabError
from splitlab.ui.navigation import enter_by_app
from splitlab.ui.plain_text import as_plain

_LEFT_TO_SAY = "left to say"


def page_head(title: str, sentence: str) -> None:
    """Write the title, and the one sentence that says what the page shows."""
    enter_by_app()
    st.title(title, anchor=False)
    st.markdown(sentence)


def draw_anew(sentence: str) -> None:
    """Draw the page again, with what has come since its lists were drawn; `say_what_was_done` then says the sentence.

    Args:
        sentence: Markdown.
    """
    st.session_state[_LEFT_TO_SAY] = sentence
    st.rerun()


def say_what_was_done() -> None:
    """Say, once, the sentence that `draw_anew` was given."""
    if _LEFT_TO_SAY in st.session_state:
        st.success(st.session_state.pop(_LEFT_TO_SAY))


@contextmanager
def answered() -> Iterator[None]:
    """Show a fault that the user can mend as one sentence in its place, and leave the rest of the page alone."""
    try:
        yield
    except SplitLabError as error:
        st.error(as_plain(str(error)))
