"""What a training run starts from: its data, its model, its start weights, its batches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splitlab.checkpoints.checkpoint import WEIGHTS_NAME, Card, read_card, read_weights
from splitlab.checkpoints.weights import Weights
from splitlab.data.classes import masks_of_classes, names_in, of_classes, of_classes_with_background
from splitlab.data.dataset import ImageLabels, TrainVal
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import CheckpointError, SettingsError
from splitlab.families import family_of
from splitlab.models.contract import SegmentationModel
from splitlab.models.foreign.reader import fitting, start_from
from splitlab.models.registry import build_for_training, build_model, new_classes_in_words, turned_to_classes
from splitlab.runs.settings import AUTO
from splitlab.runs.spec import PRETRAINED, RunSpec
from splitlab.training.anchors import AnchorFit, box_sizes, fit_anchors
from splitlab.training.mixed_batches import BatchSettings, MixedBatches
from splitlab.training.schedule import Stage
from splitlab.workspace import Workspace


def open_run_data(spec: RunSpec, data_dir: Path) -> TrainVal:
    """Read the data set of a run: its classes alone, and in train the masks of its mask classes alone.

    Where the run says `background`, train keeps the images that show none of the classes.

    Raises:
        DataError: there is no such data set, its files are broken, or it lacks one of the classes.
    """
    return as_run_sees(
        open_dataset(spec.data.source, data_dir), spec.data.classes, spec.data.mask_classes, spec.data.background
    )


def as_run_sees(data: TrainVal, classes: str, mask_classes: str, background: bool = False) -> TrainVal:
    """Restrict a data set as the settings `classes`, `mask_classes` and `background` of a run say.

    Empty lists of classes change nothing.

    Raises:
        DataError: it lacks one of the classes.
    """
    view = of_classes_with_background if background else of_classes
    seen = view(data, names_in(classes)) if classes else data
    return masks_of_classes(seen, names_in(mask_classes)) if mask_classes else seen


_Note = dict[str, Any]


def starting_model(
    spec: RunSpec, class_names: Sequence[str], images: Sequence[ImageLabels]
) -> tuple[SegmentationModel, _Note]:
    """Build the model at step 0, and note what cannot be seen from the spec.

    Args:
        spec: the run's settings.
        class_names: of the data set.
        images: of F and W, whose boxes the anchors are fitted to.

    Returns:
        The model, and a note of `images_of_f` in each batch, of the `anchors` where they were looked at, and of
        `start_from`: how many tensors the checkpoint gave, and for which classes the head's rows start anew.

    Raises:
        CheckpointError: the checkpoint to start from is not whole, or nothing of it fits.
    """
    weights = read_weights(Path(spec.start_from)) if spec.start_from not in ("", PRETRAINED) else {}
    model = built_model(spec, class_names, weights)
    note: _Note = {} if spec.mask_stage.steps else {"images_of_f": spec.images_of_f}
    if spec.start_from == PRETRAINED:
        note["start_from"] = model.start_pretrained(spec.model, Workspace.here().root / "pretrained")
    elif spec.start_from:
        card = read_card(Path(spec.start_from))
        note["start_from"] = _start_from_checkpoint(model, weights, class_names, card, spec.image_size)
    if spec.anchors == AUTO and model.standard_anchors:
        # YOLOv5 takes its own as pixels of whatever size it trains at; unfitted ones are scaled here to small images.
        published = np.array(model.standard_anchors, np.float64)
        own = model.anchor_sizes.double().numpy() if spec.start_from else published
        fit = fit_anchors(box_sizes(images, spec.image_size), own)
        if not (fit.are_standard and spec.start_from):
            model.set_anchor_sizes(torch.tensor(fit.anchors))
        note["anchors"] = fit.to_json()
    return model, note


def built_model(spec: RunSpec, class_names: Sequence[str], tensors: Collection[str]) -> SegmentationModel:
    """Build a run's model; enough for a run that goes on, whose saved state holds all that was ever learnt or fitted.

    Args:
        spec: the run's settings.
        class_names: of the data set.
        tensors: names of those that it is filled with next.
    """
    model = build_for_training(spec.model, len(class_names), spec.image_size, spec.seed, tensors)
    model.set_loss_factors(spec.class_factor, spec.mask_factor)
    model.refines_boxes = spec.refine_boxes
    return model


def check_start(spec: RunSpec, class_count: int) -> None:
    """Raise where a run cannot start from what its spec names.

    Args:
        spec: the run's settings.
        class_count: of the data set.

    Raises:
        SettingsError: there are no weights to download for its model, or there is no such model.
        CheckpointError: the folder holds no checkpoint, it is not whole, or nothing of it fits.
    """
    if spec.start_from == PRETRAINED and not family_of(spec.model).has_downloads:
        raise SettingsError(
            f"There are no weights to download for {spec.model}. Import a file (splitlab checkpoint import) and start "
            "from it."
        )
    if spec.start_from not in ("", PRETRAINED):
        folder = Path(spec.start_from)
        read_card(folder)
        _check_weights(folder, _version(folder / WEIGHTS_NAME), spec.model, class_count, spec.image_size)


def _version(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


# The runs of a sweep start from one file, which is read once.
@lru_cache(maxsize=16)
def _check_weights(folder: Path, _stamp: tuple[int, int], name: str, class_count: int, image_size: int) -> None:
    weights = read_weights(folder)
    with torch.device("meta"):
        model = build_model(name, class_count, image_size, weights)
    try:
        fitting(model, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{folder}, to start {name} from: {error}") from error


def _start_from_checkpoint(
    model: SegmentationModel, weights: Weights, class_names: Sequence[str], card: Card, image_size: int
) -> str:
    report = start_from(model, turned_to_classes(model, weights, class_names, card.class_names))
    model.take_scales(weights, report.copied, image_size / card.image_size)
    return f"Starts with {report}, from {card.name}.{new_classes_in_words(class_names, card.class_names)}"


def lines_of(note: _Note) -> list[str]:
    """Say a note in words, a line for each thing."""
    lines = [note["start_from"]] if "start_from" in note else []
    return [*lines, f"{AnchorFit(**note['anchors'])}."] if "anchors" in note else lines


def batches_of(stage: Stage, full: Sequence[ImageLabels], weak: Sequence[ImageLabels]) -> MixedBatches:
    """Make a stage's batches: mixed, or of mask images alone, or of box images, to which F lends its boxes.

    Args:
        stage: its spec says which sets it learns from.
        full: the run's F, with masks.
        weak: its W.
    """
    settings = _batch_settings(stage.spec)
    if not stage.spec.data.full:
        return MixedBatches([], [*full, *weak], settings)
    return MixedBatches(full, weak if stage.spec.data.weak else [], settings)


def _batch_settings(spec: RunSpec) -> BatchSettings:
    return BatchSettings(
        image_size=spec.image_size,
        batch_size=spec.batch_size,
        f_size=spec.mask_images,
        steps=spec.steps,
        seed=spec.seed,
        augmentation=spec.augmentation,
        with_difficult=family_of(spec.model).learns_difficult,
    )
