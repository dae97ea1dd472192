"""Build a split of a dataset, see what it costs and contains, and save it under a name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.widgets.links import linked_count
from splitlab.app.widgets.prices import choose_prices
from splitlab.app.widgets.split_chip import split_chip
from splitlab.app.widgets.text import as_plain
from splitlab.budget.cost import cost_hours, mask_hours
from splitlab.data.dataset import Dataset, ImageId, count_images, left_out_in_words
from splitlab.data.fit_for_training import refuse_undrawable
from splitlab.data.saved_splits import save_split, saved_splits, split_by_labels
from splitlab.data.split import Split, draw_paper_split, draw_split, draw_stratified
from splitlab.figures.labels import class_counts_chart
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_SAVING = "Saving splits"
_RANDOM, _STRATIFIED, _PAPER, _LABELS = "at random", "classes in proportion", "as the paper drew it", "by its labels"
_EXPLAINED = {
    _RANDOM: "By seed. With the same seed, a larger F contains a smaller one, and so does W for the same F.",
    _STRATIFIED: "By seed. Each class has the same share of F, of W and of all images.",
    _PAPER: "The images that the paper's authors drew for YOLOv5; for DETR they drew others.",
    _LABELS: "Images that have masks are F, images that have boxes only are W.",
}


def build_split(name: str, dataset: Dataset, workspace: Workspace) -> None:
    """Show the controls of a split, the split, and what can be done with it.

    Raises:
        SplitError: no image has labels, or the split that was asked for cannot be drawn.
    """
    refuse_undrawable(dataset)
    controls, picture = st.columns([1, 1.4], gap="large")
    with controls:
        split = _choose(name, dataset)
        show_cost(len(split.full), len(split.weak), dataset)
        _offer_to_save(name, split, workspace)
    full, weak = _objects(dataset, split.full), _objects(dataset, split.weak)
    chart = class_counts_chart(full, weak, f"Objects in the split {split.name}", ("in F", "in W"))
    picture.plotly_chart(
        chart,
        key="split_chart",
        config={"displayModeBar": False},
        alt=f"Objects of each class in the split {split.name}",
    )


def choose_sizes(
    key: str, most_full: int, images: int, first: tuple[int, int], places: tuple[DeltaGenerator, DeltaGenerator]
) -> tuple[int, int]:
    """Choose |F| and |W| of a dataset; a larger F leaves fewer images for W.

    Args:
        key: Ending of the controls' keys, which are also in the link.
        most_full: Number of images that can be in F.
        images: Number of images that can be drawn.
        first: |F| and |W| to begin with.
        places: Where the two controls are drawn.
    """
    full = linked_count("|F|, masks", 0, most_full, first[0], f"full_{key}", places[0])
    weak_key, left_over = f"weak_{key}", images - full
    if st.session_state.get(weak_key, 0) > left_over:
        st.session_state[weak_key] = left_over
    return full, linked_count("|W|, boxes", 0, left_over, min(first[1], left_over), weak_key, places[1])


def show_cost(full: int, weak: int, dataset: Dataset) -> None:
    """Choose label prices, and show what the labels of a split cost, compared with masks on all images."""
    images = count_images(dataset).to_draw
    objects = sum(len(image.targets) for image in dataset.images)
    prices = choose_prices(dataset.name, objects / images if images else None)
    split_chip(full, weak, prices.per_image, scale_hours=mask_hours(float(images), prices.per_image))
    money = prices.money(cost_hours(float(full), float(weak), prices.per_image))
    st.caption(f"Expected labelling cost{money}. The whole width stands for masks on all {images:,} labelled images.")


def kept_split_key(name: str) -> str:
    """Return the key of Train's control, also used in its link, for the saved splits of a dataset."""
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
    first = min(30, most, max(images // 4, 1)), 150
    full, weak = choose_sizes(f"{name}_{way}", most, images, first, (left, middle))
    if way == _PAPER:
        return draw_paper_split(dataset, full, weak)
    seed = linked_count("Seed", 0, 10_000, 0, "seed", right)
    return (draw_split if way == _RANDOM else draw_stratified)(dataset, full, weak, seed)


def _offer_to_save(name: str, split: Split, workspace: Workspace) -> None:
    folder = workspace.splits / name
    if may_change(_SAVING):
        _name_and_save(folder, split)
    saved = saved_splits(folder, split.source)
    if saved:
        st.caption("Saved so far: " + ", ".join(f"**{label}** ({its.name})" for label, its in saved.items()))
    st.download_button(
        "Split as JSON",
        json.dumps(split.to_json()),
        f"{name}-{split.name.replace('/', '-')}.json",
        "application/json",
        icon=":material/download:",
        width="stretch",
    )
    saved_as = next((label for label, its in saved.items() if its == split), None)
    # Train draws its own splits: only a saved one can be asked for, by its name.
    st.page_link(
        "pages/train.py",
        label="Train on this dataset" if saved_as is None else "Train on this split",
        icon=":material/arrow_forward:",
        query_params={"data": name} | ({} if saved_as is None else {kept_split_key(name): saved_as}),
    )


def _name_and_save(folder: Path, split: Split) -> None:
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    label = left.text_input("Name", split.name.replace("/", "-"), key=f"name_{split.hash[:8]}", max_chars=60).strip()
    if right.button("Save", icon=":material/bookmark_add:", width="stretch", help="Train then lists it by this name."):
        Hosting.here().require_writable(_SAVING)
        save_split(folder, label, split)
        st.toast(f"Saved as '{label}'.")


def _objects(dataset: Dataset, image_ids: tuple[ImageId, ...]) -> Counter[str]:
    counts = Counter(dict.fromkeys(dataset.class_names, 0))
    for image in dataset.select(image_ids):
        counts.update(dataset.class_names[label.class_index] for label in image.targets)
    return counts
