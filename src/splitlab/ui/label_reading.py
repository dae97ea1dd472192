"""How the labels of a data set are read, and the choices where its files leave it open."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from splitlab.data.dataset import TrainVal
from splitlab.data.fit_for_training import notes_on
from splitlab.data.image_counts import count_images
from splitlab.data.open_dataset import EMBEDDED, dataset_folder
from splitlab.data.reading import Crowds, Reading, WithoutLabels, load_reading, save_reading
from splitlab.hosting import Hosting
from splitlab.ui.datasets import read_dataset
from splitlab.ui.hosted import may_change
from splitlab.ui.plain_text import as_plain
from splitlab.workspace import Workspace

READING = "Saying how labels are read"


def show_reading(name: str, data: TrainVal, workspace: Workspace) -> None:
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
        if may_change(READING):
            _choose(name, reading, folder)


def _choose(name: str, reading: Reading, folder: Path) -> None:
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
        Hosting.here().require_writable(READING)
        save_reading(folder, chosen)
        read_dataset.clear()
        st.rerun()
