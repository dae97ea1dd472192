"""Pictures of a dataset: samples with their labels as F and as W see them, and thumbnails of photos without labels."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from splitlab.app.widgets.sources import label_pictures
from splitlab.app.widgets.text import as_plain
from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.data.images import ImageArray, load_reduced
from splitlab.errors import SplitLabError
from splitlab.figures.labels import class_legend_html
from splitlab.figures.palette import FULL_HUE, WEAK_HUE

_ROW = '<span style="border-left:.35rem solid {};padding-left:.5rem">{}</span>'
_FULL_ROW = (FULL_HUE, "<b>F</b> sees masks")
_WEAK_ROW = (WEAK_HUE, "<b>W</b> sees the same images as boxes")
_ONLY_BOXES_ROW = (WEAK_HUE, "<b>W</b> sees boxes")
_THUMBNAIL_SIDE, _SMALL_SIDE = 320, 96


def choose_samples(dataset: Dataset, page: int, number: int) -> list[ImageLabels]:
    """Choose images at random by `page`: with masks if there are any, because they can be shown both ways."""
    full = [image for image in dataset.images if image.can_be_full and image.targets]
    pool = full or [image for image in dataset.images if image.objects] or list(dataset.images)
    order = np.random.default_rng(page).permutation(len(pool))[:number]
    return [pool[index] for index in order]


def show_both_ways(samples: Sequence[ImageLabels], columns: int) -> None:
    """Show a row of photos with their masks, and below the same photos with boxes only; without masks only the boxes.

    Photos without labels are shown as they are.
    """
    pictures = [_pictures(labels) for labels in samples]
    if not any(labels.objects for labels in samples):
        _show_row([pair if isinstance(pair, str) else pair[1] for pair in pictures], columns)
        return
    has_masks = any(label.mask is not None for labels in samples for label in labels.objects)
    rows = ((0, _FULL_ROW), (1, _WEAK_ROW)) if has_masks else ((1, _ONLY_BOXES_ROW),)
    for place, (hue, text) in rows:
        st.html(_ROW.format(hue, text))
        _show_row([pair if isinstance(pair, str) else pair[place] for pair in pictures], columns)


def show_legend(dataset: Dataset, samples: Sequence[ImageLabels]) -> None:
    """Show the classes in the samples with their colours."""
    classes = sorted({label.class_index for labels in samples for label in labels.targets})
    st.html(class_legend_html(dataset.class_names, classes))


def show_thumbnails(images: Sequence[ImageLabels], columns: int) -> None:
    """Show a row of photos without their labels, cut to squares."""
    _show_row([_thumbnail(image.path) for image in images], columns)


def small_picture_link(path: Path) -> str | None:
    """Return a thumbnail as a `data:` link for a table, or None if the photo cannot be read."""
    try:
        pixels, _ = load_reduced(path, _SMALL_SIDE)
    except SplitLabError:
        return None
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"


def _show_row(pictures: Sequence[ImageArray | str], columns: int) -> None:
    for column, picture in zip(st.columns(columns), pictures, strict=False):
        if isinstance(picture, str):
            column.caption(as_plain(picture))
        else:
            column.image(picture, width="stretch")


def _pictures(labels: ImageLabels) -> tuple[ImageArray, ImageArray] | str:
    try:
        return label_pictures(labels)
    except SplitLabError as error:
        return str(error)  # one broken photo must not hide the others


@st.cache_data(show_spinner=False, max_entries=64, ttl=600)
def _thumbnail(path: Path) -> ImageArray | str:
    try:
        pixels, _ = load_reduced(path, _THUMBNAIL_SIDE)
    except SplitLabError as error:
        return str(error)
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]
