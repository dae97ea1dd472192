"""Build a model by its name: what each name means stands in `splitlab.families`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module

import torch

from splitlab.errors import SettingsError
from splitlab.families import MODELS, family_of
from splitlab.models.contract import SegmentationModel


def build_model(name: str, class_count: int, image_size: int, tensors: Collection[str] = ()) -> SegmentationModel:
    """Build a model with random weights.

    Args:
        name: one of `MODELS`.
        class_count: classes to tell apart.
        image_size: side of the images, pixels.
        tensors: names of those that it is filled with next, which tell variants of one model apart; empty for a random
            start.

    Raises:
        SettingsError: there is no model of this name, or it cannot take the image size.
    """
    if name not in MODELS:
        raise SettingsError(f"There is no model '{name}'. Choose one of {', '.join(MODELS)}.")
    if image_size % SegmentationModel.stride:
        raise SettingsError(
            f"image_size {image_size} must be a multiple of {SegmentationModel.stride}, such as 224 or 640."
        )
    # By the module's name, because some families take seconds to import.
    model: SegmentationModel = import_module(family_of(name).module).build(name, class_count, image_size, tensors)
    return model


def build_for_training(
    name: str, class_count: int, image_size: int, seed: int, tensors: Collection[str] = ()
) -> SegmentationModel:
    """Build a model as a run starts it: random weights by seed, the backbone pretrained where weights ship.

    `tensors` are the names of those that it is filled with next, where it is.
    """
    with _seeded(seed):
        model = build_model(name, class_count, image_size, tensors)
    model.load_shipped_weights()
    return model


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
