"""Data: what a data set holds, how F and W see it, and which split of it to train on."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import streamlit as st

from splitlab.app.hosting import Hosting, may_change, upload_limit
from splitlab.app.navigation import answered, page_head
from splitlab.app.widgets.photos import name_upload
from splitlab.app.widgets.sources import label_pictures, read_dataset
from splitlab.app.widgets.split_builder import build_split
from splitlab.app.widgets.text import as_plain
from splitlab.data.check import check_dataset
from splitlab.data.dataset import Dataset, ImageLabels, TrainVal, count_images, count_kinds
from splitlab.data.fit_for_training import notes_on
from splitlab.data.open_dataset import EMBEDDED, dataset_folder, dataset_names, import_archive, proposed_name
from splitlab.data.reading import Crowds, Reading, WithoutLabels, load_reading, save_reading
from splitlab.errors import SplitLabError
from splitlab.figures.labels import class_counts_chart, class_legend_html
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.workspace import Workspace

_UPLOAD_MEGABYTES = 500
_MOST_LETTERS = 60
_ADDING = "Adding data sets"


def _upload_dataset(workspace: Workspace) -> None:
    """Show the uploader; unpack and keep what can be read.

    Raises:
        SplitLabError: the file cannot be used, or visitors may add nothing.
    """
    file = st.file_uploader(
        "A zip or tar of a data set: COCO, YOLO, VOC2012, Cityscapes or Oxford-IIIT Pet",
        type=["zip", "tar", "gz"],
        max_upload_size=upload_limit(_UPLOAD_MEGABYTES),
        key="archive",
    )
    st.caption(
        "COCO: images/, instances_train.json, instances_val.json. YOLO: data.yaml, images/, labels/. "
        f"Larger ones: put the folder into {as_plain(str(workspace.data))}."
    )
    st.caption("On the command line: `splitlab data get pets`, `splitlab data get voc2012`.")
    if file is None:
        return
    name = name_upload(file, proposed_name(file.name), "archive_name", _MOST_LETTERS)
    if st.button("Add it", type="primary", icon=":material/add:", width="stretch"):
        Hosting.here().require_writable(_ADDING)
        with st.spinner("Unpacking and reading"):
            data = import_archive(file, name, workspace.data)
        st.success(f"'{as_plain(name)}' is here: {len(data.train.images):,} training images. Choose it by its name.")
        for note in notes_on(data):
            st.warning(as_plain(note))


_READING = "Saying how labels are read"


def _show_reading(name: str, data: TrainVal, workspace: Workspace) -> None:
    """Warn of labels that cannot be read or teach nothing; where files leave it open, let people say how they are read.

    Raises:
        DataError: the choice cannot be kept.
    """
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
                f"{unlabelled:,} training images have no labels. No split draws them, unless they are background: "
                "somebody looked at them, and they show no object."
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
    if st.button("Read them so", disabled=chosen == reading, icon=":material/rule:", key="read_as"):
        Hosting.here().require_writable(_READING)
        save_reading(folder, chosen)
        read_dataset.clear()
        st.rerun()


_COLUMNS = 4


def _show_samples(dataset: Dataset) -> None:
    """Show a row of photos with their masks, and under it the same photos with their boxes alone."""
    page = st.session_state.get("samples", 0)
    chosen = _choose_images(dataset, page)
    pictures = [_pictures(labels) for labels in chosen]
    for place, (hue, text) in enumerate(
        ((FULL_HUE, "<b>F</b> sees masks"), (WEAK_HUE, "<b>W</b> sees the same images as boxes"))
    ):
        st.html(f'<span style="border-left:.35rem solid {hue};padding-left:.5rem">{text}</span>')
        for column, pair in zip(st.columns(_COLUMNS), pictures, strict=False):
            if isinstance(pair, str):
                column.caption(as_plain(pair))
            else:
                column.image(pair[place], width="stretch")
    shown = sorted({label.class_index for labels in chosen for label in labels.targets})
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.html(class_legend_html(dataset.class_names, shown))
    if right.button("Other images", icon=":material/shuffle:", width="stretch"):
        st.session_state["samples"] = page + 1
        st.rerun()


def _choose_images(dataset: Dataset, page: int) -> list[ImageLabels]:
    """Take images with masks first: they can be shown both ways."""
    full = [image for image in dataset.images if image.can_be_full and image.targets]
    pool = full or [image for image in dataset.images if image.objects] or list(dataset.images)
    order = np.random.default_rng(page).permutation(len(pool))[:_COLUMNS]
    return [pool[index] for index in order]


def _pictures(labels: ImageLabels) -> tuple[np.ndarray, np.ndarray] | str:
    try:
        return label_pictures(labels)
    except SplitLabError as error:
        return str(error)  # one broken photo is no reason to show none


def _show_numbers(data: TrainVal) -> None:
    """Show how much there is, in one row."""
    train = data.train
    counts = count_images(train)
    objects = sum(len(image.targets) for image in train.images)
    numbers = {
        "Training images": f"{len(train.images):,}",
        "with masks": f"{counts.masks:,}",
        "boxes only": f"{counts.boxes:,}",
        "Objects": f"{objects:,}",
        "Classes": f"{len(train.class_names):,}",
        "Validation images": f"{len(data.val.images):,}",
        "Format": data.format,
    }
    others = {"background": counts.background, "not labelled": counts.unlabelled, "labels broken": counts.broken}
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value)
    shown = ", ".join(f"{number:,} {kind}" for kind, number in others.items() if number)
    if shown:
        st.caption(f"Other training images: {shown}. Splits draw background images into W only, the others not at all.")


def _count_objects(dataset: Dataset, *, masks: bool) -> Counter[str]:
    """Count the objects of each class that have masks, or that have none."""
    labels = (label for image in dataset.images for label in image.targets if (label.mask is not None) == masks)
    counts = Counter(dict.fromkeys(dataset.class_names, 0))
    counts.update(dataset.class_names[label.class_index] for label in labels)
    return counts


def _check_files(data: TrainVal) -> None:
    """Look at every photo and label when asked to, and list what is wrong."""
    st.caption("Opens every photo and every mask; large data sets take minutes.")
    if not st.button("Check the files", icon=":material/fact_check:"):
        return
    bar = st.progress(0.0, "Checking")

    def show_progress(what: str, done: int, total: int) -> None:
        bar.progress(done / max(total, 1), f"{what}: {done:,}")

    found = check_dataset(data, show_progress)
    bar.empty()
    if not found.problems:
        st.success("Every photo opens, every label fits its photo.")
        return
    kinds = ", ".join(f"{number:,} x {kind}" for kind, number in count_kinds(found.problems).items())
    st.warning(f"{len(found.problems):,} found: {kinds}.")
    st.dataframe([asdict(problem) for problem in found.problems], hide_index=True)


def show_page() -> None:
    """Show the page."""
    page_head(
        "Data",
        "The images a split is drawn from: what is labelled, what **F** (masks) and **W** (boxes) each see of it, "
        "and the split you build from them.",
    )
    workspace = Workspace.here()
    with answered():
        choice, add = st.columns([1, 1], vertical_alignment="bottom", gap="large")
        with add:
            if may_change(_ADDING):
                with st.popover("Add a data set", icon=":material/upload:", width="stretch"), answered():
                    _upload_dataset(workspace)
        name = choice.selectbox("Data set", dataset_names(workspace.data), key="data", bind="query-params")
        data = read_dataset(name, workspace)
        _show_numbers(data)
        with answered():
            _show_reading(name, data, workspace)
        _show_samples(data.train)
        st.subheader("Build a split", anchor=False)
        with answered():
            build_split(name, data.train, workspace)
        with st.expander("Objects of each class"):
            subsets = {"Training": data.train, "Validation": data.val}
            for column, (title, subset) in zip(st.columns(2), subsets.items(), strict=True):
                counts = _count_objects(subset, masks=True), _count_objects(subset, masks=False)
                chart = class_counts_chart(*counts, f"{title} images", ("with masks", "boxes only"))
                column.plotly_chart(chart, key=f"counts_{title}", config={"displayModeBar": False})
        with st.expander("Check the files"), answered():
            _check_files(data)
        if data.train.licence:
            st.caption(f"Licence, as its source has it: {as_plain(data.train.licence)}")
