"""Photos without labels: how many there are, what some show, and a plan of which to label."""

from __future__ import annotations

import csv
import io
import math
from itertools import zip_longest
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.data.pictures import show_thumbnails, small_picture_link
from splitlab.app.widgets.links import linked_count
from splitlab.app.widgets.progress import progress_bar
from splitlab.data.dataset import LabelState, count_images
from splitlab.data.open_dataset import EMBEDDED, INDEX, dataset_folder
from splitlab.data.selection.labelling_plan import LabellingPlan, plan_as_csv, plan_labelling, random_order
from splitlab.data.selection.near_duplicates import find_near_duplicates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamlit.delta_generator import DeltaGenerator

    from splitlab.data.dataset import Dataset, ImageLabels
    from splitlab.workspace import Workspace

_PLAN = "labelling plan"
_SHOWN, _PICTURES, _FIRST_MASKS, _FIRST_BOXES = 6, 8, 50, 200
_ROW_PIXELS, _TABLE_PIXELS = 56, 320


def show_unlabelled(name: str, dataset: Dataset, workspace: Workspace) -> None:
    """Show photos without labels, and plan which of them to label; nothing if there are none.

    Raises:
        SplitError: the numbers exceed the photos.
        DataError: a photo is missing.
    """
    pool = [image.image_id for image in dataset.images if image.state == LabelState.NONE]
    if not pool or name == EMBEDDED:
        return
    st.subheader(f"{len(pool):,} photos without labels", anchor=False)
    show_thumbnails(dataset.select(random_order(pool, 0)[:_SHOWN]), _SHOWN)
    masks_at, boxes_at, seed_at, button, link = st.columns([1, 1, 1, 1.6, 1.6], vertical_alignment="bottom")
    first = min(_FIRST_MASKS, math.ceil(len(pool) / 5))
    masks = linked_count("Draw masks on", 0, len(pool), first, f"label_masks_{name}", masks_at)
    left = min(_FIRST_BOXES, len(pool) - first)
    boxes = linked_count("Draw boxes on", 0, len(pool), left, f"label_boxes_{name}", boxes_at)
    seed = linked_count("Seed", 0, 10_000, 0, f"label_seed_{name}", seed_at)
    counts = count_images(dataset)
    link.page_link(
        "pages/plan.py",
        label="How many of each?",
        icon=":material/savings:",
        query_params={
            "images": str(len(dataset.images)),
            "have_full": str(counts.masks),
            "have_weak": str(counts.half_masked + counts.boxes),
        },
    )
    asked = (name, dataset.source_hash, masks, boxes, seed)
    root = dataset_folder(name, workspace.data)
    if button.button("Plan what to label", icon=":material/checklist:", width="stretch"):
        with progress_bar("Looking for near-duplicates") as progress:
            groups = find_near_duplicates(dataset.images, root, workspace.data / INDEX, progress)
        st.session_state[_PLAN] = (asked, plan_labelling(dataset, masks, boxes, seed, groups))
    planned, plan = st.session_state.get(_PLAN, (None, None))
    if planned == asked and plan is not None:
        _show_plan(name, plan, dataset, root)


def _show_plan(name: str, plan: LabellingPlan, dataset: Dataset, root: Path) -> None:
    near = f" ({len(plan.near_duplicates):,} near-duplicates of chosen ones)" if plan.near_duplicates else ""
    st.markdown(
        f"Draw masks on **{len(plan.masks):,}** photos and boxes on **{len(plan.boxes):,}**, in this order; leave "
        f"{len(plan.leave):,}{near}."
    )
    table = plan_as_csv(plan, dataset, root)
    rows = list(csv.DictReader(io.StringIO(table)))
    half = len(plan.masks), len(plan.masks) + len(plan.boxes)
    for column, ids, listed in zip(
        st.columns(2), (plan.masks, plan.boxes), (rows[: half[0]], rows[half[0] : half[1]]), strict=True
    ):
        if listed:
            _show_list(dataset.select(ids), listed, column)
    st.download_button(
        "Download CSV",
        # A file name that is not UTF-8 keeps its bytes.
        table.encode(errors="surrogateescape"),
        f"{name}-labelling-plan.csv",
        "text/csv",
        icon=":material/download:",
    )


def _show_list(images: Sequence[ImageLabels], rows: Sequence[dict[str, str]], place: DeltaGenerator) -> None:
    """Show what to do with photos as a table; the first ones with pictures."""
    pictures = [small_picture_link(image.path) for image in images[:_PICTURES]]
    shown = [{"photo": link, **row} for link, row in zip_longest(pictures, rows)]
    picture = st.column_config.ImageColumn("", width="small")
    place.dataframe(
        shown, hide_index=True, column_config={"photo": picture}, row_height=_ROW_PIXELS, height=_TABLE_PIXELS
    )
