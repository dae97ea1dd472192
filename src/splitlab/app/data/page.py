"""Data: what a dataset holds, how F and W see it, and a split to train on."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from splitlab.app.data.adding import ADDING, is_adding, offer_adding, select_next, show_adding, show_problems
from splitlab.app.data.label_reading import show_notes, show_reading
from splitlab.app.data.pictures import choose_samples, show_both_ways, show_legend
from splitlab.app.data.to_label import show_unlabelled
from splitlab.app.data.val_part import show_val_part
from splitlab.app.hosting import may_change
from splitlab.app.navigation import errors_shown, page_head, show_message
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.split_builder import build_split
from splitlab.app.widgets.text import as_plain
from splitlab.data.check import check_dataset
from splitlab.data.dataset import Dataset, TrainVal, count_images
from splitlab.data.open_dataset import dataset_names
from splitlab.figures.labels import class_counts_chart
from splitlab.workspace import Workspace

_DATA = "data"
_SAMPLES = 4


def show_page() -> None:
    """Show the page."""
    if is_adding():
        page_head("Add a dataset", "An export of a labelling tool, or photos alone. Nothing is kept before you say so.")
        with errors_shown():
            show_adding(Workspace.here())
        return
    page_head(
        "Data",
        "The images that splits are drawn from. A model learns masks from the images in **F**, and boxes only from "
        "those in **W**. Look at the labels, then build a split.",
    )
    show_message()
    workspace = Workspace.here()
    with errors_shown():
        choice, add = st.columns(2, vertical_alignment="bottom", gap="large")
        select_next(_DATA)
        name = choice.selectbox("Dataset", dataset_names(workspace.data), key=_DATA, bind="query-params")
        with add:
            if may_change(ADDING):
                offer_adding(add, name)
        _show_dataset(name, read_dataset(name, workspace), workspace)


def _show_dataset(name: str, data: TrainVal, workspace: Workspace) -> None:
    _show_numbers(data)
    with errors_shown():
        show_val_part(name, data, workspace)
    show_notes(data)
    if any(image.objects for image in data.train.images):
        _show_samples(data.train)
    with errors_shown():
        show_unlabelled(name, data.train, workspace)
    with errors_shown():
        show_reading(name, data, workspace)
    counts = count_images(data.train)
    if counts.to_draw or not counts.unlabelled:
        st.subheader("Build a split", anchor=False)
        with errors_shown():
            build_split(name, data.train, workspace)
    if data.train.class_names:
        with st.expander("Objects of each class"):
            _show_class_counts(data)
    with st.expander("Check the files"), errors_shown():
        _check_files(data)
    if data.train.licence:
        st.caption(f"Licence, according to its source: {as_plain(data.train.licence)}")


def _show_numbers(data: TrainVal) -> None:
    """Show the size of the dataset in one row."""
    train, counts = data.train, count_images(data.train)
    numbers = {
        "Training images": f"{len(train.images):,}",
        "with masks": f"{counts.masks:,}",
        "boxes only": f"{counts.boxes:,}",
        "Objects": f"{sum(len(image.targets) for image in train.images):,}",
        "Classes": f"{len(train.class_names):,}",
        "Val images": f"{len(data.val.images):,}",
    }
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value)
    others = {
        "half-masked": counts.half_masked,
        "background": counts.background,
        "not labelled": counts.unlabelled,
        "labels broken": counts.broken,
    }
    sentences = [f"Format: {data.format}."]
    if listed := ", ".join(f"{number:,} {kind}" for kind, number in others.items() if number):
        in_weak = " and ".join(kind for kind in ("half-masked", "background") if others[kind])
        used = f"Splits use {in_weak} images in W only, and no others of these" if in_weak else "No split uses them"
        sentences.append(f"Other training images: {listed}. {used}.")
    st.caption(as_plain(" ".join(sentences)))


def _show_samples(dataset: Dataset) -> None:
    page = st.session_state.get("samples", 0)
    samples = choose_samples(dataset, page, _SAMPLES)
    show_both_ways(samples, _SAMPLES)
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        show_legend(dataset, samples)
    if right.button("Other images", icon=":material/shuffle:", width="stretch"):
        st.session_state["samples"] = page + 1
        st.rerun()


def _show_class_counts(data: TrainVal) -> None:
    subsets = {"Training": data.train, "Validation": data.val}
    for column, (title, subset) in zip(st.columns(2), subsets.items(), strict=True):
        counts = _count_objects(subset, masks=True), _count_objects(subset, masks=False)
        chart = class_counts_chart(*counts, f"{title} images", ("with masks", "boxes only"))
        about = f"Objects of each class in the {title.lower()} images"
        column.plotly_chart(chart, key=f"counts_{title}", config={"displayModeBar": False}, alt=about)


def _count_objects(dataset: Dataset, *, masks: bool) -> Counter[str]:
    """Count the objects of each class that have a mask, or that have none."""
    labels = (label for image in dataset.images for label in image.targets if (label.mask is not None) == masks)
    counts = Counter(dict.fromkeys(dataset.class_names, 0))
    counts.update(dataset.class_names[label.class_index] for label in labels)
    return counts


def _check_files(data: TrainVal) -> None:
    """Check every photo and label on request, and list the problems."""
    st.caption("Opens every photo and every mask. This takes minutes for large datasets.")
    if st.button("Check the files", icon=":material/fact_check:"):
        with progress_bar("Checking") as progress:
            found = check_dataset(data, progress)
        show_problems(found.problems)
