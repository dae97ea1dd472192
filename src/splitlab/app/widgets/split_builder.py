"""Build a split of a data set, see what it costs and what is in it, and keep it by a name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.widgets.links import linked_count
from splitlab.app.widgets.text import as_plain, split_chip
from splitlab.budget.cost import PRESETS, mask_hours
from splitlab.data.dataset import Dataset, ImageId, count_images, left_out_in_words
from splitlab.data.saved_splits import save_split, saved_splits, split_by_labels
from splitlab.data.split import Split, draw_paper_split, draw_split, draw_stratified
from splitlab.figures.labels import class_counts_chart
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_KEEPING = "Keeping splits by a name"
_RANDOM, _STRATIFIED, _PAPER, _LABELS = "at random", "classes in proportion", "as the paper drew it", "by its labels"
_EXPLAINED = {
    _RANDOM: "By seed; with one seed a smaller F lies in a larger one, and a smaller W in a larger one of the same F.",
    _STRATIFIED: "By seed; each class has as large a share of F and of W as of all images.",
    _PAPER: "The images that the paper's authors drew for YOLOv5; for DETR they drew others.",
    _LABELS: "Images that have masks are F, images that have boxes only are W.",
}


def build_split(name: str, dataset: Dataset, workspace: Workspace) -> None:
    """Show the controls of a split, the split, and where to go with it."""
    controls, picture = st.columns([1, 1.4], gap="large")
    with controls:
        split = _choose(name, dataset)
        prices = PRESETS[st.selectbox("Labelling prices", list(PRESETS), key="prices", bind="query-params")]
        images = count_images(dataset).to_draw
        split_chip(len(split.full), len(split.weak), prices, scale_hours=mask_hours(float(images), prices))
        st.caption(f"Expected labelling cost; the whole width is masks on all {images:,} labelled images.")
        _keep(name, split, workspace)
    full, weak = _objects(dataset, split.full), _objects(dataset, split.weak)
    chart = class_counts_chart(full, weak, f"Objects in the split {split.name}", ("in F", "in W"))
    picture.plotly_chart(chart, key="split_chart", config={"displayModeBar": False})


def kept_split_key(name: str) -> str:
    """Return the key of Train's control, and in its link, for the kept splits of a data set."""
    return f"split_{name}"


def _choose(name: str, dataset: Dataset) -> Split:
    ways = [_RANDOM, _STRATIFIED, *([_PAPER] if dataset.paper_pools else []), _LABELS]
    way = st.selectbox("Draw", ways, key="way", bind="query-params")
    st.caption(_EXPLAINED[way])
    if way == _LABELS:
        return split_by_labels(dataset)
    counts = count_images(dataset)
    images = counts.to_draw
    most = len(dataset.paper_pools[0]) if way == _PAPER else counts.masks
    if left_out := left_out_in_words(counts, dataset):
        st.caption(as_plain(left_out))
    left, middle, right = st.columns(3)
    full = linked_count("|F|, masks", 0, most, min(30, most, max(images // 4, 1)), f"full_{name}_{way}", left)
    key, left_over = f"weak_{name}_{way}", images - full
    if st.session_state.get(key, 0) > left_over:
        st.session_state[key] = left_over
    weak = linked_count("|W|, boxes", 0, left_over, min(150, left_over), key, middle)
    if way == _PAPER:
        return draw_paper_split(dataset, full, weak)
    seed = linked_count("Seed", 0, 10_000, 0, "seed", right)
    return (draw_split if way == _RANDOM else draw_stratified)(dataset, full, weak, seed)


def _keep(name: str, split: Split, workspace: Workspace) -> None:
    folder = workspace.splits / name
    if may_change(_KEEPING):
        _name_and_keep(folder, split)
    kept = saved_splits(folder, split.source)
    if kept:
        shown = ", ".join(f"**{known}** ({its.name})" for known, its in kept.items())
        st.caption(f"Kept so far: {shown}")
    left, right = st.columns(2, vertical_alignment="center")
    left.download_button(
        "Split as JSON",
        json.dumps(split.to_json()),
        f"{name}-{split.name.replace('/', '-')}.json",
        "application/json",
        icon=":material/download:",
        width="stretch",
    )
    _lead_to_train(name, next((known for known, its in kept.items() if its == split), None), right)


def _lead_to_train(name: str, kept_as: str | None, place: DeltaGenerator) -> None:
    # Train draws splits of its own: only one that was kept can be asked for, by its name.
    label = "Train on this data set" if kept_as is None else "Train on it"
    asked = {"data": name} if kept_as is None else {"data": name, kept_split_key(name): kept_as}
    place.page_link("pages/train.py", label=label, icon=":material/arrow_forward:", query_params=asked)


def _name_and_keep(folder: Path, split: Split) -> None:
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    label = left.text_input("Name it", split.name.replace("/", "-"), key=f"name_{split.hash[:8]}", max_chars=60)
    if right.button("Keep", icon=":material/bookmark_add:", width="stretch", help="Train offers it by this name."):
        Hosting.here().require_writable(_KEEPING)
        save_split(folder, label.strip(), split)
        st.toast(f"Kept as '{label.strip()}'.")


def _objects(dataset: Dataset, image_ids: tuple[ImageId, ...]) -> Counter[str]:
    counts = Counter(dict.fromkeys(dataset.class_names, 0))
    for image in dataset.select(image_ids):
        counts.update(dataset.class_names[label.class_index] for label in image.targets)
    return counts
