"""Build models by name, load checkpoints, and transfer weights to other classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitlab.checkpoints.checkpoint import Card, read_card, read_weights
from splitlab.checkpoints.weights import Weights
from splitlab.errors import CheckpointError, SettingsError, SplitLabError
from splitlab.families import MODELS, family_of
from splitlab.models.contract import SegmentationModel

_Array = NDArray[np.generic]


def build_model(name: str, class_count: int, image_size: int, tensors: Collection[str] = ()) -> SegmentationModel:
    """Build a model with random weights.

    Args:
        name: one of `MODELS`.
        class_count: number of classes.
        image_size: side of the images, pixels.
        tensors: names of the tensors that will be loaded next, which distinguish variants of a model; empty for a
            random start.

    Raises:
        SettingsError: the model does not exist or cannot take the image size.
    """
    if name not in MODELS:
        raise SettingsError(f"There is no model '{name}'. Choose one of {', '.join(MODELS)}.")
    if image_size % SegmentationModel.stride:
        raise SettingsError(
            f"image_size {image_size} must be a multiple of {SegmentationModel.stride}, such as 224 or 640."
        )
    # Imported by name because some families take seconds to import.
    model: SegmentationModel = import_module(family_of(name).module).build(name, class_count, image_size, tensors)
    return model


def build_for_training(
    name: str, class_count: int, image_size: int, seed: int, tensors: Collection[str] = ()
) -> SegmentationModel:
    """Build a model as a training run starts it: random weights by seed, and the shipped backbone where there is one.

    `tensors` are the names of the tensors that will be loaded next, if any.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(name, class_count, image_size, tensors)
    model.load_shipped_weights()
    return model


def load_model(folder: Path) -> tuple[SegmentationModel, Card]:
    """Build a checkpoint's model with its weights, in evaluation mode on the CPU.

    It cuts masks, refines boxes and leaves classes unused as the card says.

    Raises:
        CheckpointError: the checkpoint is incomplete, or its weights do not fit the model on its card.
    """
    card, weights = read_card(folder), read_weights(folder)
    try:
        model = build_model(card.model, len(card.class_names), card.image_size, weights)
    except SplitLabError as error:
        raise CheckpointError(f"{folder}: the model on its card cannot be built. {error}") from error
    tensors = {name: torch.from_numpy(tensor) for name, tensor in weights.items()}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder}: its weights do not fit {card.model} with {len(card.class_names)} classes. Card and weights "
            "come from different models."
        ) from error
    model.cuts_masks, model.refines_boxes = card.cuts_masks, card.refines_boxes
    model.unused_classes = card.unused_classes
    return model.eval(), card


def weights_of(model: SegmentationModel) -> Weights:
    """Return a model's state dict as arrays for `save_checkpoint`."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.state_dict().items()}


def transfer_classes(model: SegmentationModel, weights: Weights, own: Sequence[str], theirs: Sequence[str]) -> Weights:
    """Convert a checkpoint's weights for a model with other classes.

    In the tensors of `class_rows`, classes known to both by name keep the checkpoint's rows; other classes keep the
    model's own. All other rows, such as a YOLO's boxes and mask coefficients, are the checkpoint's. Tensors of another
    model size are left unchanged; they fit nowhere.
    """
    state, here, there = model.state_dict(), model.class_rows(len(own)), model.class_rows(len(theirs))
    shared = [(own.index(name), theirs.index(name)) for name in own if name in theirs]
    transferred = dict(weights)
    for name in here:
        if name in weights and _fits(state[name], weights[name], here[name], there[name]):
            transferred[name] = _joined(state[name], weights[name], here[name], there[name], shared)
    return transferred


def new_classes_in_words(own: Sequence[str], theirs: Sequence[str]) -> str:
    """Name the classes that start from random weights, as a sentence; empty if the checkpoint knows all of them."""
    new = [name for name in own if name not in theirs]
    return f" Class rows start from random weights for {', '.join(new)}." if new else ""


def _fits(own: Tensor, theirs: _Array, here: Tensor, there: Tensor) -> bool:
    same_width = tuple(own.shape[1:]) == theirs.shape[1:]
    return same_width and len(own) - here.numel() == len(theirs) - there.numel() >= 0


def _joined(own: Tensor, theirs: _Array, here: Tensor, there: Tensor, shared: Sequence[tuple[int, int]]) -> _Array:
    joined: _Array = own.detach().cpu().numpy().copy()
    joined[np.setdiff1d(np.arange(len(own)), here)] = theirs[np.setdiff1d(np.arange(len(theirs)), there)]
    for ours, foreign in shared:
        joined[here[ours].numpy()] = theirs[there[foreign].numpy()]
    return joined
