"""Runs: all of them in one table, their curves and settings side by side, and what becomes of them."""

import streamlit as st

from splitlab.ui.hosted import may_change
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.page import answered, page_head
from splitlab.ui.runs_actions import show_actions
from splitlab.ui.runs_broken import show_broken
from splitlab.ui.runs_chosen import chosen_runs, say_in_link
from splitlab.ui.runs_curves import show_curves
from splitlab.ui.runs_filter import choose_filter
from splitlab.ui.runs_listing import runs_listing
from splitlab.ui.runs_notes import show_notes
from splitlab.ui.runs_publish import show_publish
from splitlab.ui.runs_rows import filtered, newest_begun
from splitlab.ui.runs_settings import show_settings
from splitlab.ui.runs_table import live_table, wait_for_runs
from splitlab.workspace import Workspace

CURVES, SETTINGS, NOTES, PUBLISH = "Curves", "Settings", "Notes and tags", "Publish"

page_head(
    "Runs",
    "Every training of this work space. Tick some to lay their curves over each other and their settings side by side.",
)

workspace = Workspace.here()
listing = runs_listing(workspace.runs)
now = listing.now()
if not now.runs:
    st.info("No runs yet. Start one on the Train page, or many with `splitlab sweep`: each gets a row here.")
    st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
    show_broken(now.broken)
    wait_for_runs(listing)
    st.stop()

with answered():
    chosen = chosen_runs(now.runs)
    say_in_link()
    wanted = choose_filter(workspace, listing)
    live_table(workspace, listing, wanted, chosen)
    if may_change("Changing runs"):
        show_actions(workspace, listing, [now.runs[name] for name in chosen])

with answered():
    view = linked_choice(
        "Look at", [CURVES, SETTINGS, NOTES, PUBLISH], CURVES, "runs_view", label_visibility="collapsed"
    )
    runs = [now.runs[name] for name in chosen or newest_begun(filtered(now.rows, wanted))]
    if not runs:
        st.caption("Tick a run in the table.")
    elif not chosen:
        st.caption(f"Nothing is ticked: these are the newest {len(runs)} of the table that have begun.")
    if runs and view == CURVES:
        show_curves(runs)
    elif runs and view == SETTINGS:
        show_settings(runs)
    elif runs and view == NOTES:
        show_notes(listing, runs, sorted({tag for run in now.runs.values() for tag in run.notes.tags}))
    elif runs:
        show_publish(workspace, runs)

show_broken(now.broken)
