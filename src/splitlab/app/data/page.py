"""Data: what a dataset holds, how F and W see it, and a split to train on."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from splitlab.app.hosting import Hosting, may_change, upload_limit
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.sources import label_pictures, read_dataset
from splitlab.app.widgets.split_builder import build_split
from splitlab.app.widgets.text import as_plain
from splitlab.app.widgets.uploads import name_upload
from splitlab.data.check import check_dataset
from splitlab.data.dataset import Dataset, ImageLabels, TrainVal, count_images, count_kinds
from splitlab.data.fit_for_training import notes_on
from splitlab.data.import_dataset import import_archive, proposed_name
from splitlab.data.open_dataset import EMBEDDED, dataset_folder, dataset_names
from splitlab.data.reading import Crowds, Reading, WithoutLabels, load_reading, save_reading
from splitlab.errors import SplitLabError
from splitlab.figures.labels import class_counts_chart, class_legend_html
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_UPLOAD_MEGABYTES = 500
_MOST_LETTERS = 60
_ADDING, _READING = "Adding datasets", "Changing how labels are read"
_SAMPLES = 4


def show_page() -> None:
    """Show the page."""
    page_head(
        "Data",
        "The images that splits are drawn from. A model learns masks from the images in **F**, and boxes only from "
        "those in **W**. Look at the labels, then build a split.",
    )
    workspace = Workspace.here()
    with errors_shown():
        choice, add = st.columns(2, vertical_alignment="bottom", gap="large")
        with add:
            _offer_upload(workspace)
        name = choice.selectbox("Dataset", dataset_names(workspace.data), key="data", bind="query-params")
        data = read_dataset(name, workspace)
        _show_numbers(data)
        with errors_shown():
            _show_reading(name, data, workspace)
        _show_samples(data.train)
        st.subheader("Build a split", anchor=False)
        with errors_shown():
            build_split(name, data.train, workspace)
        with st.expander("Objects of each class"):
            _show_class_counts(data)
        with st.expander("Check the files"), errors_shown():
            _check_files(data)
        if data.train.licence:
            st.caption(f"Licence, according to its source: {as_plain(data.train.licence)}")


def _offer_upload(workspace: Workspace) -> None:
    if may_change(_ADDING):
        with st.popover("Add a dataset", icon=":material/upload:", width="stretch"), errors_shown():
            _upload_dataset(workspace)


def _upload_dataset(workspace: Workspace) -> None:
    """Show the uploader, and import what was uploaded."""
    file = st.file_uploader(
        "A zip or tar of a dataset: COCO, YOLO, VOC2012, Cityscapes or Oxford-IIIT Pet",
        type=["zip", "tar", "gz"],
        max_upload_size=upload_limit(_UPLOAD_MEGABYTES),
        key="archive",
    )
    st.caption(
        "COCO: images/, instances_train.json, instances_val.json. YOLO: data.yaml, images/, labels/. "
        f"Put larger datasets as a folder into {as_plain(str(workspace.data))}."
    )
    st.caption("On the command line: `splitlab data get pets`, `splitlab data get voc2012`.")
    if file is None:
        return
    name = name_upload(file, proposed_name(file.name), "archive_name", _MOST_LETTERS)
    if st.button("Add dataset", type="primary", icon=":material/add:", width="stretch"):
        Hosting.here().require_writable(_ADDING)
        with st.spinner("Unpacking and reading"):
            data = import_archive(file, name, workspace.data)
        st.success(
            f"Added '{as_plain(name)}' with {len(data.train.images):,} training images. Choose it from the list."
        )
        for note in notes_on(data):
            st.warning(as_plain(note))


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
        "Format": data.format,
    }
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value)
    others = {"background": counts.background, "not labelled": counts.unlabelled, "labels broken": counts.broken}
    if listed := ", ".join(f"{number:,} {kind}" for kind, number in others.items() if number):
        st.caption(f"Other training images: {listed}. Splits use background images in W only, and no others of these.")


def _show_reading(name: str, data: TrainVal, workspace: Workspace) -> None:
    """Show warnings about the labels, and how ambiguous ones are read."""
    for note in notes_on(data):
        st.warning(as_plain(note))
    if name == EMBEDDED:
        return
    folder = dataset_folder(name, workspace.data)
    reading = load_reading(folder)
    has_crowds = any(label.is_crowd for image in data.train.images for label in image.objects)
    unlabelled = count_images(data.train).unlabelled
    if not has_crowds and not unlabelled and reading == Reading():
        return
    with st.expander("How labels are read", expanded=bool(unlabelled)):
        if unlabelled:
            st.caption(
                f"{unlabelled:,} training images have no labels. No split uses them, unless they are background: "
                "images that were checked and show no object."
            )
        if may_change(_READING):
            _choose_reading(name, reading, folder)


def _choose_reading(name: str, reading: Reading, folder: Path) -> None:
    left, right = st.columns(2)
    crowds = left.radio(
        "Labels with iscrowd 1 are", list(Crowds), list(Crowds).index(reading.crowds), key=f"crowds_{name}"
    )
    without = right.radio(
        "Images without labels are",
        list(WithoutLabels),
        list(WithoutLabels).index(reading.without_labels),
        key=f"without_{name}",
    )
    chosen = Reading(Crowds(crowds or reading.crowds), WithoutLabels(without or reading.without_labels))
    if st.button("Apply", disabled=chosen == reading, icon=":material/rule:", key="read_as"):
        Hosting.here().require_writable(_READING)
        save_reading(folder, chosen)
        read_dataset.clear()
        st.rerun()


def _show_samples(dataset: Dataset) -> None:
    """Show a row of photos with their masks, and below the same photos with their boxes only."""
    page = st.session_state.get("samples", 0)
    chosen = _choose_images(dataset, page)
    pictures = [_pictures(labels) for labels in chosen]
    rows = ((FULL_HUE, "<b>F</b> sees masks"), (WEAK_HUE, "<b>W</b> sees the same images as boxes"))
    for place, (hue, text) in enumerate(rows):
        st.html(f'<span style="border-left:.35rem solid {hue};padding-left:.5rem">{text}</span>')
        for column, pair in zip(st.columns(_SAMPLES), pictures, strict=False):
            if isinstance(pair, str):
                column.caption(as_plain(pair))
            else:
                column.image(pair[place], width="stretch")
    classes = sorted({label.class_index for labels in chosen for label in labels.targets})
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.html(class_legend_html(dataset.class_names, classes))
    if right.button("Other images", icon=":material/shuffle:", width="stretch"):
        st.session_state["samples"] = page + 1
        st.rerun()


def _choose_images(dataset: Dataset, page: int) -> list[ImageLabels]:
    """Choose images with masks if there are any, because they can be shown both ways."""
    full = [image for image in dataset.images if image.can_be_full and image.targets]
    pool = full or [image for image in dataset.images if image.objects] or list(dataset.images)
    order = np.random.default_rng(page).permutation(len(pool))[:_SAMPLES]
    return [pool[index] for index in order]


def _pictures(labels: ImageLabels) -> tuple[np.ndarray, np.ndarray] | str:
    try:
        return label_pictures(labels)
    except SplitLabError as error:
        return str(error)  # one broken photo must not hide the others


def _show_class_counts(data: TrainVal) -> None:
    subsets = {"Training": data.train, "Validation": data.val}
    for column, (title, subset) in zip(st.columns(2), subsets.items(), strict=True):
        counts = _count_objects(subset, masks=True), _count_objects(subset, masks=False)
        chart = class_counts_chart(*counts, f"{title} images", ("with masks", "boxes only"))
        column.plotly_chart(chart, key=f"counts_{title}", config={"displayModeBar": False})


def _count_objects(dataset: Dataset, *, masks: bool) -> Counter[str]:
    """Count the objects of each class that have a mask, or that have none."""
    labels = (label for image in dataset.images for label in image.targets if (label.mask is not None) == masks)
    counts = Counter(dict.fromkeys(dataset.class_names, 0))
    counts.update(dataset.class_names[label.class_index] for label in labels)
    return counts


def _check_files(data: TrainVal) -> None:
    """Check every photo and label on request, and list the problems."""
    st.caption("Opens every photo and every mask. This takes minutes for large datasets.")
    if not st.button("Check the files", icon=":material/fact_check:"):
        return
    bar = st.progress(0.0, "Checking")
    found = check_dataset(data, partial(_show_progress, bar))
    bar.empty()
    if not found.problems:
        st.success("Every photo opens, and every label fits its photo.")
        return
    kinds = ", ".join(f"{number:,} x {kind}" for kind, number in count_kinds(found.problems).items())
    st.warning(f"{len(found.problems):,} found: {kinds}.")
    st.dataframe([asdict(problem) for problem in found.problems], hide_index=True)


def _show_progress(bar: DeltaGenerator, what: str, done: int, total: int) -> None:
    bar.progress(done / max(total, 1), f"{what}: {done:,}")
