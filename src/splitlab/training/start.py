"""Set up a training run: its data, its model, its start weights, its batches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splitlab.checkpoints.checkpoint import WEIGHTS_NAME, read_card, read_weights
from splitlab.data.classes import masks_of_classes, names_in, of_classes, of_classes_with_background
from splitlab.data.dataset import ImageLabels, TrainVal
from splitlab.data.fit_for_training import with_scorable_val
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import CheckpointError, SettingsError
from splitlab.families import family_of
from splitlab.models.contract import SegmentationModel
from splitlab.models.foreign.reader import fitting, start_from
from splitlab.models.registry import build_for_training, build_model, new_classes_in_words, transfer_classes
from splitlab.runs.settings import AUTO
from splitlab.runs.spec import PRETRAINED, RunSpec
from splitlab.training.anchors import AnchorFit, box_sizes, fit_anchors
from splitlab.training.mixed_batches import BatchSettings, MixedBatches
from splitlab.training.schedule import Stage
from splitlab.workspace import Workspace

_Note = dict[str, Any]


def open_run_data(spec: RunSpec, data_dir: Path) -> TrainVal:
    """Open the dataset of a training run, restricted by `as_run_sees`; val without images whose labels are unreadable.

    Raises:
        DataError: the dataset does not exist, its files are broken, or it lacks one of the classes.
    """
    data = spec.data
    found = with_scorable_val(open_dataset(data.source, data_dir))
    return as_run_sees(found, data.classes, data.mask_classes, data.background)


def as_run_sees(data: TrainVal, classes: str, mask_classes: str, background: bool = False) -> TrainVal:
    """Restrict a dataset by the run settings `classes`, `mask_classes` and `background`.

    Only `classes` are kept, and only masks of `mask_classes`; empty lists change nothing. With `background`, train also
    keeps images without any of the classes.
    """
    view = of_classes_with_background if background else of_classes
    seen = view(data, names_in(classes)) if classes else data
    return masks_of_classes(seen, names_in(mask_classes)) if mask_classes else seen


def starting_model(
    spec: RunSpec, class_names: Sequence[str], images: Sequence[ImageLabels]
) -> tuple[SegmentationModel, _Note]:
    """Build the model at step 0, with anchors fitted to the boxes of `images`, those of F and W.

    Returns:
        The model, and a note of what the spec does not show: `images_of_f` per batch, the `anchors` if they were
        checked, and `start_from`: how many tensors were copied, and which classes start from random weights.

    Raises:
        CheckpointError: the checkpoint is incomplete, or none of its tensors fits.
    """
    weights = read_weights(Path(spec.start_from)) if spec.start_from not in ("", PRETRAINED) else {}
    model = built_model(spec, class_names, weights)
    note: _Note = {} if spec.mask_stage.steps else {"images_of_f": spec.images_of_f}
    if spec.start_from == PRETRAINED:
        note["start_from"] = model.start_pretrained(spec.model, Workspace.here().root / "pretrained")
    elif spec.start_from:
        card = read_card(Path(spec.start_from))
        report = start_from(model, transfer_classes(model, weights, class_names, card.class_names))
        model.take_scales(weights, report.copied, spec.image_size / card.image_size)
        new = new_classes_in_words(class_names, card.class_names)
        note["start_from"] = f"Starts with {report}, from {card.name}.{new}"
    if spec.anchors == AUTO and model.standard_anchors:
        # YOLOv5 uses the published pixels at every image size; unfitted anchors are scaled here to small images.
        published = np.array(model.standard_anchors, np.float64)
        own = model.anchor_sizes.double().numpy() if spec.start_from else published
        fit = fit_anchors(box_sizes(images, spec.image_size), own)
        if not (fit.are_standard and spec.start_from):
            model.set_anchor_sizes(torch.tensor(fit.anchors))
        note["anchors"] = asdict(fit)
    return model, note


def built_model(spec: RunSpec, class_names: Sequence[str], tensors: Collection[str]) -> SegmentationModel:
    """Build a run's model without start weights; enough for a resumed run, whose state holds all `tensors`."""
    model = build_for_training(spec.model, len(class_names), spec.image_size, spec.seed, tensors)
    model.set_loss_factors(spec.class_factor, spec.mask_factor)
    model.refines_boxes = spec.refine_boxes
    return model


def check_start(spec: RunSpec, class_count: int) -> None:
    """Raise if a run cannot start from the weights in its spec.

    Raises:
        SettingsError: the model does not exist, or has no downloadable weights.
        CheckpointError: there is no checkpoint, it is incomplete, or none of its tensors fits.
    """
    if spec.start_from == PRETRAINED and not family_of(spec.model).has_downloads:
        raise SettingsError(
            f"There are no downloadable weights for {spec.model}. Import a file (splitlab checkpoint import) and start "
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


# Cached because all runs of a sweep start from one file.
@lru_cache(maxsize=16)
def _check_weights(folder: Path, _stamp: tuple[int, int], name: str, class_count: int, image_size: int) -> None:
    weights = read_weights(folder)
    with torch.device("meta"):
        model = build_model(name, class_count, image_size, weights)
    try:
        fitting(model, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{folder} cannot start {name}: {error}") from error


def lines_of(note: _Note) -> list[str]:
    """Describe a note in one line per item."""
    lines = [note["start_from"]] if "start_from" in note else []
    return [*lines, f"{AnchorFit(**note['anchors'])}."] if "anchors" in note else lines


def batches_of(stage: Stage, full: Sequence[ImageLabels], weak: Sequence[ImageLabels]) -> MixedBatches:
    """Make a stage's batches from F and W of the run: mixed, mask images only, or box images including F's."""
    spec = stage.spec
    settings = BatchSettings(
        image_size=spec.image_size,
        batch_size=spec.batch_size,
        f_size=spec.mask_images,
        steps=spec.steps,
        seed=spec.seed,
        augmentation=spec.augmentation,
        with_difficult=family_of(spec.model).learns_difficult,
    )
    if not spec.data.full:
        return MixedBatches([], [*full, *weak], settings)
    return MixedBatches(full, weak if spec.data.weak else [], settings)
