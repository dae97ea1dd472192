"""How mixed training works: one fused batch, and what each part of the loss sees of its images, by the real code."""

from __future__ import annotations

import streamlit as st

from splitlab.data.dataset import Dataset
from splitlab.data.scenes.make_embedded import EmbeddedSettings, make_embedded
from splitlab.data.scenes.scene import SceneSettings
from splitlab.data.splits.draw_split import draw_split
from splitlab.experiments.fused_batch import BatchLook, Scramble, changes_between
from splitlab.figures.mixed_batch_chart import mixed_batch_chart
from splitlab.figures.mixed_batch_in_words import what_changed, what_divides, who_feeds_what
from splitlab.runs.spec import RunSpec
from splitlab.ui.datasets import read_dataset
from splitlab.ui.lessons.lesson import show_chart
from splitlab.ui.letters import letter_colour
from splitlab.ui.linked_controls import linked_choice, linked_count
from splitlab.workspace import Workspace

BATCH_SIZES = (4, 6, 8, 12)
FIRST_SIZE, FIRST_F_SIZE, MOST_STEPS = 6, 2, 1000
# A batch whose creatures stand whole and alone.
FIRST_NUMBER = 109
IMAGE_SIZE = 160
FULL, WEAK = 10, 50
# The embedded scenes, few enough to be drawn at once, with creatures that can be seen from the last row of a class and
# no coral that looks like them.
SCENES = ".lesson-scenes"
SCENE_SETTINGS = EmbeddedSettings(FULL + WEAK, 1, SceneSettings(smallest=0.4, largest=0.7, weed_before=1, reef=0))
SIZE, F_SIZE, NUMBER, SCRAMBLE = "batch_size", "f_size", "batch", "scramble"


def show_fused_batch() -> None:
    """Show a fused batch, which of its images feeds which part of the loss, and what scrambled masks change.

    Raises:
        SplitLabError: the data set cannot be made or read.
    """
    first, second, third, last = st.columns([1, 0.9, 0.8, 1.4], gap="medium")
    with first:
        size = _choose_size()
    with second:
        f_size = _choose_f_size(size)
    number = linked_count("Another batch", 1, MOST_STEPS, FIRST_NUMBER, NUMBER, third)
    with last:
        scramble = _choose_scramble()
    spec, step = _spec(size, f_size), number - 1
    dataset = _scenes(Workspace.here())
    before = _look(spec, dataset.source_hash, step, Scramble.NOTHING, dataset)
    look = _look(spec, dataset.source_hash, step, scramble, dataset)
    if scramble is Scramble.NOTHING:
        st.markdown(f"{who_feeds_what(look)} {what_divides(look)}")
    else:
        st.markdown(what_changed(scramble, look.scrambled, changes_between(before, look)))
    show_chart(mixed_batch_chart(look, before, letter_colour()), "mixed_batch")
    st.caption(_small_print(spec))


def _scenes(workspace: Workspace) -> Dataset:
    make_embedded(workspace.data / SCENES, settings=SCENE_SETTINGS)
    return read_dataset(SCENES, workspace).train


def _choose_size() -> int:
    return int(linked_choice("Batch size", BATCH_SIZES, FIRST_SIZE, SIZE))


def _choose_f_size(size: int) -> int:
    if st.session_state.get(F_SIZE, FIRST_F_SIZE) >= size:
        st.session_state[F_SIZE] = size - 1
    return int(st.slider("f_size: images of F", 1, size - 1, FIRST_F_SIZE, key=F_SIZE, bind="query-params"))


def _choose_scramble() -> Scramble:
    return Scramble(linked_choice("Scramble masks", list(Scramble), Scramble.NOTHING, SCRAMBLE))


def _spec(size: int, f_size: int) -> RunSpec:
    """Return a run of the recipe quick, in small; single images are easier to read than mosaics."""
    return RunSpec.of(
        SCENES, FULL, WEAK, image_size=IMAGE_SIZE, steps=MOST_STEPS, batch_size=size, f_size=f_size,
        mosaic=0.0,
    )  # fmt: skip


@st.cache_resource(show_spinner="Computing the loss", max_entries=64)
def _look(spec: RunSpec, source: str, step: int, scramble: Scramble, _dataset: Dataset) -> BatchLook:
    from splitlab.experiments.batch_loss import look_at_batch

    return look_at_batch(
        spec, draw_split(_dataset, spec.data.full, spec.data.weak, spec.seed), _dataset, step, scramble
    )


def _small_print(spec: RunSpec) -> str:
    return (
        f"{spec.model} as a run starts it, on drawn scenes at {spec.image_size} px. A cell: the image's share of the "
        "gradient that the part of the loss sends to the model's answers; 0 is exactly zero. Framed: changed. "
        "Bars: the loss per image; the line across the mask's: what it would be if the batch size divided it."
    )
