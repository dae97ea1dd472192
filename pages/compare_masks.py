"""Compare masks: one photo, any number of checkpoints, side by side; with the truth where there is one."""

import streamlit as st

from splitlab.ui.checkpoint_upload import offer_checkpoints
from splitlab.ui.compare_choices import DATA_IMAGES, PHOTOS
from splitlab.ui.compare_on_data import compare_on_data
from splitlab.ui.compare_on_photos import compare_on_photos
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.models import checkpoint_choices
from splitlab.ui.page import answered, page_head
from splitlab.workspace import Workspace

page_head(
    "Compare masks",
    "The same photo seen by models trained on different splits: more boxes should teach names, more masks outlines.",
)

workspace = Workspace.here()
choices = checkpoint_choices(workspace)
if not choices:
    st.info("There are no checkpoints yet. Train a model on the Train page; it appears here when it is done.")
    offer_checkpoints([], workspace)
    st.stop()

look_at = linked_choice("Look at", [PHOTOS, DATA_IMAGES], PHOTOS, "look_at", label_visibility="collapsed")
with answered():
    if look_at == DATA_IMAGES:
        compare_on_data(choices, workspace)
    else:
        compare_on_photos(choices, workspace)
