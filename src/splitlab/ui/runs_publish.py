"""A chosen run as a checkpoint: its card, what it will take, and a name for it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from splitlab.hosting import Hosting
from splitlab.runs.card_in_words import megabytes
from splitlab.runs.checkpoint import CARD_NAME, read_card
from splitlab.runs.checkpoint_names import MOST_LETTERS, proposed_name
from splitlab.runs.publish import publish
from splitlab.runs.store import RunSummary
from splitlab.ui.checkpoint_card import facts_in, show_card
from splitlab.ui.hosted import may_change
from splitlab.ui.page import answered
from splitlab.ui.plain_text import as_plain
from splitlab.workspace import Workspace

PUBLISHING = "Publishing checkpoints"


def show_publish(workspace: Workspace, runs: Sequence[RunSummary]) -> None:
    """Show the card of a run that has weights, and publish it under a name."""
    ready = {run.name: run for run in runs if (run.path / "weights" / CARD_NAME).is_file()}
    if not ready:
        st.caption("A run can be published when it is done; none of these is.")
        return
    form, card = st.columns(2, gap="large")
    with form, answered():
        name = st.selectbox("Run", list(ready), key="run_to_publish") if len(ready) > 1 else next(iter(ready))
        weights = ready[name].path / "weights"
        files = facts_in(weights, (weights / CARD_NAME).stat().st_mtime_ns)
        with card, st.container(border=True):
            show_card(read_card(weights), files)
        if not may_change(PUBLISHING):
            return
        called = st.text_input("Name of the checkpoint", proposed_name(name), MOST_LETTERS, key=f"publish_{name}")
        size = megabytes(sum(facts.bytes for facts in files.values()))
        st.caption(f"A copy in half precision, about {size}. It stays when the run is deleted.")
        if st.button("Publish", type="primary", icon=":material/publish:"):
            Hosting.here().require_writable(PUBLISHING)
            folder = publish(ready[name].path, called.strip(), workspace.imported)
            st.success(f"'{as_plain(folder.name)}' is among the checkpoints: {as_plain(str(folder))}")
            st.page_link("pages/compare_masks.py", label="See its masks beside others", icon=":material/compare:")
