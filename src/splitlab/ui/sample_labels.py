"""Some photos of a data set, each as F sees it and as W sees it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.errors import SplitLabError
from splitlab.figures.label_pictures import class_legend_html
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.ui.datasets import label_pictures
from splitlab.ui.plain_text import as_plain

COLUMNS = 4


def show_samples(dataset: Dataset) -> None:
    """Show a row of photos with their masks, and under it the same photos with their boxes alone."""
    page = st.session_state.get("samples", 0)
    chosen = _choose(dataset, page)
    pictures = [_pictures(labels) for labels in chosen]
    for place, (hue, text) in enumerate(
        ((FULL_HUE, "<b>F</b> sees masks"), (WEAK_HUE, "<b>W</b> sees the same images as boxes"))
    ):
        st.html(f'<span style="border-left:.35rem solid {hue};padding-left:.5rem">{text}</span>')
        for column, pair in zip(st.columns(COLUMNS), pictures, strict=False):
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


def _choose(dataset: Dataset, page: int) -> list[ImageLabels]:
    """Take images with masks first: they can be shown both ways."""
    full = [image for image in dataset.images if image.can_be_full and image.targets]
    pool = full or [image for image in dataset.images if image.objects] or list(dataset.images)
    order = np.random.default_rng(page).permutation(len(pool))[:COLUMNS]
    return [pool[index] for index in order]


def _pictures(labels: ImageLabels) -> tuple[np.ndarray, np.ndarray] | str:
    try:
        return label_pictures(labels)
    except SplitLabError as error:
        return str(error)  # one broken photo is no reason to show none
