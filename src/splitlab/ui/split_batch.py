"""The fused batches that a run will see, as pictures: made when somebody opens them, not before."""

from __future__ import annotations

import streamlit as st

from splitlab.data.dataset import Dataset
from splitlab.data.splits.draw_split import draw_split
from splitlab.data.splits.split import Split
from splitlab.experiments.fused_batch import BatchImage
from splitlab.figures.batch_pictures import batch_sheet
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.runs.spec import RunSpec
from splitlab.ui.linked_controls import linked_count
from splitlab.ui.page import answered

OPEN, STEP = "fused_batch", "batch_step"
MOST_IMAGES = 32


def offer_batch(spec: RunSpec, dataset: Dataset, split: Split | None) -> None:
    """Show, folded, a fused batch of a run.

    Args:
        spec: the run's settings.
        dataset: its training images.
        split: its F and W; drawn by the spec where left out, as a run does.
    """
    folded = st.expander(
        "A fused batch of this split", icon=":material/grid_view:", key=OPEN, on_change="rerun", bind="query-params"
    )
    if folded.open:
        with folded, answered():
            _show(spec, dataset, split or draw_split(dataset, spec.data.full, spec.data.weak, spec.seed))


def _show(spec: RunSpec, dataset: Dataset, split: Split) -> None:
    if spec.mask_stage.steps:
        st.markdown(f"{spec.model} learns boxes of F and W first, then masks of F: no batch of it mixes the two.")
        return
    if spec.batch_size > MOST_IMAGES:
        st.markdown(f"Batches of up to {MOST_IMAGES} images are shown; this one has {spec.batch_size}.")
        return
    step = linked_count("Step", 1, spec.steps, 1, f"{STEP}_{spec.steps}")
    images = _images(spec, split.hash, step - 1, split, dataset)
    full = sum(image.has_mask for image in images)
    st.html(_counts_html(full, len(images) - full))
    st.image(batch_sheet(images), width="stretch")
    st.caption("As the model gets them. The mask loss reads the images of F alone, and is divided by their number.")


@st.cache_resource(show_spinner="Making the batch", max_entries=8)
def _images(spec: RunSpec, split_hash: str, step: int, _split: Split, _dataset: Dataset) -> tuple[BatchImage, ...]:
    from splitlab.experiments.batch_loss import batch_images

    return batch_images(spec, _split, _dataset, step)


def _counts_html(full: int, weak: int) -> str:
    return "".join(
        f'<span style="border-left:.35rem solid {hue};padding-left:.5rem;margin-right:1.2rem">{text}</span>'
        for hue, text in ((FULL_HUE, f"<b>{full}</b> of F: masks"), (WEAK_HUE, f"<b>{weak}</b> of W: boxes"))
    )
