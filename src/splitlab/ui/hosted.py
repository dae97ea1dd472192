"""What a read-only server leaves out of its pages, and the sentence in its place."""

from __future__ import annotations

import streamlit as st

from splitlab.hosting import Hosting

TRAINING = "Training"


def may_change(what: str) -> bool:
    """Say whether visitors may change things here; where not, tell them that `what` is off."""
    hosting = Hosting.here()
    if hosting.read_only:
        st.caption(f":material/lock: {hosting.off(what)}")
    return not hosting.read_only


def upload_limit(megabytes: int) -> int:
    """Return how large a file may be uploaded, in MB, where `megabytes` are enough."""
    return min(megabytes, Hosting.here().upload_megabytes)
