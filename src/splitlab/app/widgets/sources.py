"""Result tables, datasets, checkpoints and detections, cached for all visitors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import streamlit as st

from splitlab.app.hosting import Hosting
from splitlab.app.widgets.photos import Photo
from splitlab.atlas.tables import all_measured, atlas_claims, measured_curves, train_images
from splitlab.budget.claims import paper_claims
from splitlab.budget.claims.claim import Claim
from splitlab.budget.law import PaperCurve
from splitlab.budget.published import TRAINING_IMAGES, published_results
from splitlab.checkpoints.checkpoint import CARD_NAME, WEIGHTS_NAME, Card
from splitlab.data.dataset import ImageLabels, TrainVal
from splitlab.data.images import ImageArray, load_labelled
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.evaluation.detections import ImageDetections
from splitlab.families import family_of
from splitlab.figures.labels import as_full, as_weak
from splitlab.geometry import FloatArray
from splitlab.runs.store import trained_models
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from splitlab.evaluation.model_internals import TakenApart
    from splitlab.models.contract import SegmentationModel


@st.cache_data(show_spinner=False)
def published() -> pd.DataFrame:
    """Return the paper's results table."""
    return published_results()


@st.cache_data(show_spinner=False, ttl=5)
def measured(workspace: Workspace) -> pd.DataFrame:
    """Return the results measured on this machine and in the atlas; read again after a few seconds."""
    return all_measured(workspace)


@st.cache_data(show_spinner=False, ttl=5)
def atlas_images(workspace: Workspace) -> dict[str, int]:
    """Return the number of training images of the atlas's datasets, by their names in `measured`."""
    return train_images(workspace.measured)


def training_images(workspace: Workspace) -> dict[str, int]:
    """Return the number of training images of the datasets in `published` and of the atlas."""
    return {**TRAINING_IMAGES, **atlas_images(workspace)}


@st.cache_data(show_spinner=False, ttl=60)
def atlas_curves(workspace: Workspace) -> tuple[PaperCurve, ...]:
    """Return the equiscore curves measured in the atlas."""
    return measured_curves(workspace)


@st.cache_resource(show_spinner=False)
def claims_of_paper() -> list[Claim]:
    """Return the paper's claims, checked against its tables."""
    return paper_claims()


@st.cache_resource(show_spinner=False, ttl=60, max_entries=16)
def claims_of_atlas(name: str, metric: str, workspace: Workspace) -> list[Claim]:
    """Return the paper's claims, checked against an atlas; empty if nothing was measured.

    Raises:
        SplitLabError: Its table or a plan is broken.
    """
    return atlas_claims(name, metric, workspace)


# A dataset is never changed, so all callers share one object: copying 10,000 images takes a second.
@st.cache_resource(show_spinner="Reading the dataset", max_entries=4, ttl=60)
def read_dataset(name: str, workspace: Workspace) -> TrainVal:
    """Read a dataset of the workspace.

    Raises:
        DataError: There is no such dataset, or its files are broken.
    """
    return open_dataset(name, workspace.data)


@st.cache_data(show_spinner=False, max_entries=64, ttl=600, hash_funcs={ImageLabels: repr})
def label_pictures(labels: ImageLabels) -> tuple[ImageArray, ImageArray]:
    """Return a photo with its masks, and with its boxes.

    Raises:
        DataError: A mask cannot be read.
        ImageError: The photo cannot be read.
    """
    photo = load_labelled(labels)
    return as_full(photo, labels), as_weak(photo, labels)


LEAST_SCORE, HIGHEST_SCORE = 0.05, 0.95


@dataclass(frozen=True)
class Choice:
    """A checkpoint that can be picked."""

    folder: Path
    card: Card

    @property
    def version(self) -> int:
        """Changes whenever the weights or the card, which says how masks are made, are written again."""
        files = (self.folder / WEIGHTS_NAME, self.folder / CARD_NAME)
        return max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)

    @property
    def label(self) -> str:
        """Dataset, split and name, such as "pets 30/330 (second-try)"; without the name if it adds nothing."""
        data_and_split = f"{self.card.dataset} {self.card.split_name}"
        says_more = self.card.name != data_and_split.replace(" ", "-").replace("/", "-")
        return f"{data_and_split} ({self.card.name})" if says_more else data_and_split


def checkpoint_choices(workspace: Workspace) -> dict[str, Choice]:
    """Return the checkpoints that are included, imported or from runs, by name; broken ones are left out."""
    models = trained_models(workspace.checkpoint_folders, workspace.runs)
    found = {name: Choice(*model) for name, model in models.items() if model[1].finds_objects}
    return dict(sorted(found.items(), key=lambda item: _rank(item[1].card)))


def _rank(card: Card) -> tuple[bool, str, bool, int, int]:
    # Models of drawn scenes come last: they find nothing in the photos that a page starts with.
    return card.dataset == EMBEDDED, card.dataset, family_of(card.model).two_stages, card.full, card.weak


_CACHE_KEYS: dict[str | type[Any], Callable[[Any], object]] = {
    Choice: lambda choice: (str(choice.folder), choice.version),
    Photo: lambda photo: photo.key,
}


@st.cache_resource(show_spinner=False, max_entries=512, hash_funcs=_CACHE_KEYS)
def detect_objects(choice: Choice, photo: Photo) -> ImageDetections:
    """Return a checkpoint's detections in a photo with at least `LEAST_SCORE`, best first.

    Raises:
        CheckpointError: Its files are broken.
    """
    from splitlab.evaluation.predict import predict
    from splitlab.models.contract import DetectSettings

    loaded = _load(choice)
    settings = DetectSettings(min_score=LEAST_SCORE, best_class_only=True)
    with loaded.lock:
        return predict(loaded.model, [photo.pixels], loaded.card.image_size, settings)[0]


@st.cache_resource(show_spinner=False, max_entries=32, hash_funcs=_CACHE_KEYS)
def attention_of(choice: Choice, photo: Photo) -> list[FloatArray] | None:
    """Return the attention (H, W) for each object of `detect_objects`; None for models without attention.

    Raises:
        CheckpointError: Its files are broken.
    """
    from splitlab.evaluation.model_internals import attention_over
    from splitlab.models.contract import DetectSettings

    loaded = _load(choice)
    settings = DetectSettings(min_score=LEAST_SCORE, best_class_only=True)
    with loaded.lock:
        return attention_over(loaded.model, photo.pixels, loaded.card.image_size, settings)


@st.cache_resource(show_spinner=False, max_entries=32, hash_funcs=_CACHE_KEYS)
def take_apart_with(choice: Choice, photo: Photo) -> TakenApart | None:
    """Return how a YOLO checkpoint makes the mask of its best object; None if it finds nothing.

    Raises:
        CheckpointError: Its files are broken.
    """
    from splitlab.evaluation.model_internals import take_apart

    loaded = _load(choice)
    with loaded.lock:
        return take_apart(loaded.model, photo.pixels, loaded.card.image_size)


class _Loaded(NamedTuple):
    model: SegmentationModel
    card: Card
    lock: Lock


@st.cache_resource(show_spinner=False, max_entries=Hosting.here().models_in_memory, hash_funcs=_CACHE_KEYS)
def _load(choice: Choice) -> _Loaded:
    from splitlab.models.registry import load_model

    model, card = load_model(choice.folder)
    return _Loaded(model, card, Lock())
