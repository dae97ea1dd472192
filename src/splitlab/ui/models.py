"""Checkpoints as the pages use them: listed by their cards, loaded once, shared between users."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.data.open_dataset import EMBEDDED
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.families import family_of
from splitlab.geometry import FloatArray
from splitlab.hosting import Hosting
from splitlab.runs.checkpoint import CARD_NAME, WEIGHTS_NAME, Card
from splitlab.runs.store import trained_models
from splitlab.ui.photos import Photo
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from splitlab.evaluation.prototype_masks import TakenApart
    from splitlab.models.contract import SegmentationModel

LEAST_SCORE, HIGHEST_SCORE = 0.05, 0.95


@dataclass(frozen=True)
class Choice:
    """A checkpoint that can be picked."""

    folder: Path
    card: Card

    @property
    def version(self) -> int:
        """Another number once its weights or its card, which says how masks are made, have been written anew."""
        files = (self.folder / WEIGHTS_NAME, self.folder / CARD_NAME)
        return max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)

    @property
    def label(self) -> str:
        """Data set, split and run, such as "pets 30/330 (second-try)"; without the run where its name says no more."""
        data_and_split = f"{self.card.dataset} {self.card.split_name}"
        says_more = self.card.name != data_and_split.replace(" ", "-").replace("/", "-")
        return f"{data_and_split} ({self.card.name})" if says_more else data_and_split


def checkpoint_choices(workspace: Workspace) -> dict[str, Choice]:
    """List the checkpoints that ship, were imported or come from runs, by name; broken ones are passed over."""
    models = trained_models(workspace.checkpoint_folders, workspace.runs)
    found = {name: Choice(*model) for name, model in models.items() if model[1].finds_objects}
    return dict(sorted(found.items(), key=lambda item: _rank(item[1].card)))


def _rank(card: Card) -> tuple[bool, str, bool, int, int]:
    # Models of drawn scenes come last: they find nothing in the photos that a page begins with.
    return card.dataset == EMBEDDED, card.dataset, family_of(card.model).two_stages, card.full, card.weak


def detect_objects(choice: Choice, photo: Photo) -> ImageDetections:
    """Find what a checkpoint sees in a photo, from LEAST_SCORE upwards, best first.

    Raises:
        CheckpointError: its files are broken.
    """
    return _detect(str(choice.folder), choice.version, photo.key, photo)


def look_of(choice: Choice, photo: Photo) -> list[FloatArray] | None:
    """Return where a checkpoint looked for each object of `detect_objects`; None where its kind cannot tell.

    Raises:
        CheckpointError: its files are broken.
    """
    return _look(str(choice.folder), choice.version, photo.key, photo)


def take_apart_with(choice: Choice, photo: Photo) -> TakenApart | None:
    """Take apart the mask of the best object that a YOLO checkpoint sees; None where it sees none.

    Raises:
        CheckpointError: its files are broken.
    """
    return _take_apart(str(choice.folder), choice.version, photo.key, photo)


@dataclass(frozen=True)
class _Loaded:
    model: SegmentationModel
    card: Card
    lock: Lock


@st.cache_resource(show_spinner=False, max_entries=Hosting.here().models_in_memory)
def _load(folder: str, version: int) -> _Loaded:
    from splitlab.models.load import load_model

    model, card = load_model(Path(folder))
    return _Loaded(model, card, Lock())


@st.cache_resource(show_spinner=False, max_entries=512)
def _detect(folder: str, version: int, photo_key: str, _photo: Photo) -> ImageDetections:
    from splitlab.evaluation.predict import predict
    from splitlab.models.contract import DetectSettings

    loaded = _load(folder, version)
    settings = DetectSettings(min_score=LEAST_SCORE, best_class_only=True)
    with loaded.lock:
        return predict(loaded.model, [_photo.pixels], loaded.card.image_size, settings)[0]


@st.cache_resource(show_spinner=False, max_entries=32)
def _look(folder: str, version: int, photo_key: str, _photo: Photo) -> list[FloatArray] | None:
    from splitlab.evaluation.attention import attention_over
    from splitlab.models.contract import DetectSettings

    loaded = _load(folder, version)
    settings = DetectSettings(min_score=LEAST_SCORE, best_class_only=True)
    with loaded.lock:
        return attention_over(loaded.model, _photo.pixels, loaded.card.image_size, settings)


@st.cache_resource(show_spinner=False, max_entries=32)
def _take_apart(folder: str, version: int, photo_key: str, _photo: Photo) -> TakenApart | None:
    from splitlab.evaluation.prototype_masks import take_apart

    loaded = _load(folder, version)
    with loaded.lock:
        return take_apart(loaded.model, _photo.pixels, loaded.card.image_size)
