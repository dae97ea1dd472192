"""How ambiguous labels of a dataset are read, and warnings about them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.text import as_plain
from splitlab.data.dataset import count_images
from splitlab.data.fit_for_training import notes_on
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.open_dataset import EMBEDDED, dataset_folder
from splitlab.data.reading import Crowds, HalfMasked, Reading, WithoutLabels, load_reading, save_reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import StrEnum
    from pathlib import Path

    from splitlab.data.dataset import TrainVal
    from splitlab.workspace import Workspace

_READING = "Changing how labels are read"
_LABELS: dict[type[StrEnum], str] = {
    Crowds: "Labels with iscrowd 1 are",
    WithoutLabels: "Images without labels are",
    HalfMasked: "Half-masked images may be in",
    Outside: "Photos outside the folder are",
}
_SHOWN = {HalfMasked.WEAK: "W only", HalfMasked.FULL: "F too: the mask loss skips objects without masks"}


def show_notes(data: TrainVal) -> None:
    """Show what was left out of a dataset, and warnings about its labels."""
    for note in data.notes:
        st.caption(as_plain(note))
    for note in notes_on(data):
        st.warning(as_plain(note))


def show_reading(name: str, data: TrainVal, workspace: Workspace) -> None:
    """Show how ambiguous labels are read: of the choices those that this dataset needs.

    Raises:
        DataError: the file that keeps the choice is broken, or cannot be written.
    """
    if name == EMBEDDED:
        return
    folder = dataset_folder(name, workspace.data)
    reading = load_reading(folder)
    asked = _asked(data, reading)
    if not asked:
        return
    unlabelled = count_images(data.train).unlabelled
    with st.expander("How labels are read"):
        if unlabelled:
            st.caption(
                f"{unlabelled:,} training images have no labels. No split uses them, unless they are background: "
                "images that were checked and show no object."
            )
        if may_change(_READING):
            _choose(name, reading, asked, folder)


def _asked(data: TrainVal, reading: Reading) -> list[StrEnum]:
    """Return the current choices that matter for a dataset."""
    counts, usual = count_images(data.train), Reading()
    has_crowds = any(label.is_crowd for image in data.train.images for label in image.objects)
    needed = (
        (reading.crowds, has_crowds or reading.crowds != usual.crowds),
        (reading.without_labels, counts.unlabelled or reading.without_labels != usual.without_labels),
        (reading.half_masked, counts.half_masked or reading.half_masked != usual.half_masked),
        # A visitor could upload labels that name any file of the server: only the command line asks to follow them.
        (reading.outside, reading.outside != usual.outside),
    )
    return [choice for choice, is_needed in needed if is_needed]


def _choose(name: str, reading: Reading, asked: Sequence[StrEnum], folder: Path) -> None:
    chosen = {field.name: getattr(reading, field.name) for field in fields(Reading)}
    for column, now in zip(st.columns(len(asked)), asked, strict=True):
        kind = type(now)
        field = next(field for field, value in chosen.items() if value is now)
        options = list(kind)
        found = column.radio(
            _LABELS[kind], options, options.index(now), lambda one: _SHOWN.get(one, one), key=f"{field}_{name}"
        )
        chosen[field] = found or now
    then = Reading(**chosen)
    if st.button("Apply", disabled=then == reading, icon=":material/rule:", key="read_as"):
        Hosting.here().require_writable(_READING)
        save_reading(folder, then)
        read_dataset.clear()
        st.rerun()
