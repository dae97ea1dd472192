"""Drawn scenes for lessons: one scene with masks and with boxes, and a mixed batch of scenes with its loss."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from splitlab.app.lessons.lesson import show_chart
from splitlab.app.widgets.links import linked_choice, linked_count
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.text import letter_colour
from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.images import ImageArray
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.data.scenes.scene import SceneSettings, draw_scene
from splitlab.data.split import draw_split
from splitlab.figures.batch import mixed_batch_chart, what_changed, what_divides, who_feeds_what
from splitlab.figures.labels import as_full, as_weak
from splitlab.geometry import mask_to_rle, rle_to_xyxy
from splitlab.runs.spec import RunSpec
from splitlab.training.fused_batch import BatchLook, Scramble, changes_between
from splitlab.workspace import Workspace

# Few creatures, so that each can be seen from the last row of a class, and no coral, which looks like one of them.
_ONE_SCENE = SceneSettings(size=384, company=0.75, most_objects=5, smallest=0.2, largest=0.45, weed_before=1, reef=0)
# Seeds of scenes with several creatures that do not overlap.
_SEEDS = (7, 3, 4, 0)
SCENES = len(_SEEDS)

_FULL, _WEAK = 10, 50
_DATASET = ".lesson-scenes"
_BATCH_SCENES = EmbeddedSettings(_FULL + _WEAK, 1, SceneSettings(smallest=0.4, largest=0.7, weed_before=1, reef=0))
_BATCH_SIZES = (4, 6, 8, 12)
_FIRST_SIZE, _FIRST_F_SIZE, _MOST_STEPS = 6, 2, 1000
# A batch in which every creature is whole and none overlap.
_FIRST_NUMBER = 109


class _ScenePictures(NamedTuple):
    """One scene with its masks (as F) and with its boxes (as W), (384, 384, 3) uint8 RGB."""

    as_full: ImageArray
    as_weak: ImageArray


@st.cache_data(show_spinner=False)
def scene_pictures(number: int) -> _ScenePictures:
    """Draw a scene by its number, 1 to `SCENES`."""
    photo, drawn = draw_scene(np.random.default_rng(_SEEDS[number - 1]), _ONE_SCENE)
    objects = tuple(_label(class_index, mask) for class_index, mask in drawn)
    labels = ImageLabels(f"scene {number}", Path(f"scene-{number}"), photo.shape[1], photo.shape[0], objects)
    return _ScenePictures(as_full(photo, labels), as_weak(photo, labels))


def _label(class_index: int, mask: np.ndarray) -> ObjectLabel:
    rle = mask_to_rle(mask)
    left, top, right, bottom = (float(side) for side in rle_to_xyxy(rle))
    return ObjectLabel(class_index, (left, top, right, bottom), rle)


def show_mixed_batch() -> None:
    """Show a mixed batch, which of its images feed which part of the loss, and what scrambled masks change."""
    spec, step, scramble = _choose_batch()
    make_embedded(Workspace.here().data / _DATASET, settings=_BATCH_SCENES)
    dataset = read_dataset(_DATASET, Workspace.here()).train
    before = _look(spec, dataset.source_hash, step, Scramble.NOTHING, dataset)
    look = _look(spec, dataset.source_hash, step, scramble, dataset)
    if scramble is Scramble.NOTHING:
        st.markdown(f"{who_feeds_what(look)} {what_divides(look)}")
    else:
        st.markdown(what_changed(scramble, look.scrambled, changes_between(before, look)))
    show_chart(mixed_batch_chart(look, before, letter_colour()), "mixed_batch")
    st.caption(
        f"{spec.model} at the start of a run, on drawn scenes at {spec.image_size} px. Each cell is the image's share "
        "of the gradient that a part of the loss sends to the model's outputs; 0 is exactly zero. Framed: changed. "
        "Bars: the loss per image. The line across the mask's bar is what it would be if divided by the batch size."
    )


def _choose_batch() -> tuple[RunSpec, int, Scramble]:
    """Choose a batch; return a small run of the recipe quick, the step, and what to scramble."""
    first, second, third, last = st.columns([1, 0.9, 0.8, 1.4], gap="medium")
    size = linked_choice("Batch size", _BATCH_SIZES, _FIRST_SIZE, "batch_size", first)
    if st.session_state.get("f_size", _FIRST_F_SIZE) >= size:
        st.session_state["f_size"] = size - 1
    f_size = second.slider("f_size: images of F", 1, size - 1, _FIRST_F_SIZE, key="f_size", bind="query-params")
    number = linked_count("Another batch", 1, _MOST_STEPS, _FIRST_NUMBER, "batch", third)
    scramble = Scramble(linked_choice("Scramble masks", list(Scramble), Scramble.NOTHING, "scramble", last))
    # Without mosaics: single images are easier to read.
    settings = {"image_size": 160, "steps": _MOST_STEPS, "batch_size": size, "f_size": f_size, "mosaic": 0.0}
    return RunSpec.of(_DATASET, _FULL, _WEAK, **settings), number - 1, scramble


@st.cache_resource(show_spinner="Computing the loss", max_entries=64)
def _look(spec: RunSpec, source: str, step: int, scramble: Scramble, _dataset: Dataset) -> BatchLook:
    from splitlab.training.batch_loss import look_at_batch

    split = draw_split(_dataset, spec.data.full, spec.data.weak, spec.seed)
    return look_at_batch(spec, split, _dataset, step, scramble)
