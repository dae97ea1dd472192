"""What every page has in common: a title, one sentence, the link to this view, and answers to faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from splitlab.errors import SplitLabError
from splitlab.ui.navigation import enter_by_app
from splitlab.ui.plain_text import as_plain


def page_head(title: str, sentence: str) -> None:
    """Write the title, and the one sentence that says what the page shows."""
    enter_by_app()
    st.title(title, anchor=False)
    st.markdown(sentence)


@contextmanager
def answered() -> Iterator[None]:
    """Show a fault that the user can mend as one sentence in its place, and leave the rest of the page alone."""
    try:
        yield
    except SplitLabError as error:
        st.error(as_plain(str(error)))
