"""Progress of long work as a bar; while it is drawn, Streamlit's Stop and every click on the page end the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from splitlab.io import Progress

_STEPS = 100


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """Show a bar that says `what` until the first progress, and remove it at the end."""
    bar, last = st.progress(0.0, what), ("", -1)

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        step = _STEPS * done // max(total, 1)
        # A message to the browser for each of 10,000 photos would take longer than the photos.
        if (what, step) != last:
            last = (what, step)
            bar.progress(min(step / _STEPS, 1.0), f"{what.capitalize()}: {step}%")

    yield show
    bar.empty()
