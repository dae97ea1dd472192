"""The model that a run starts with: random or copied weights, YOLOv5's own or fitted anchors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from splitlab.data.dataset import ImageLabels
from splitlab.models.contract import SegmentationModel
from splitlab.models.foreign_start_weights import start_from
from splitlab.models.registry import build_for_training
from splitlab.models.yolov5_seg import YOLOv5Seg
from splitlab.runs.checkpoint import read_card, read_weights
from splitlab.runs.spec import AUTO, RunSpec
from splitlab.training.anchors import AnchorFit, box_sizes, fit_anchors

Note = dict[str, Any]


def starting_model(spec: RunSpec, class_count: int, images: Sequence[ImageLabels]) -> tuple[SegmentationModel, Note]:
    """Build the model at step 0, and note what cannot be seen from the spec.

    Args:
        spec: the run's settings.
        class_count: classes of the data set.
        images: of F and W, whose boxes the anchors are fitted to.

    Returns:
        The model, and a note of `f_size`, of the `anchors` where they were looked at, and of `start_from`: how many
        tensors the checkpoint gave.

    Raises:
        CheckpointError: the checkpoint to start from is not whole, or nothing of it fits.
    """
    folder = Path(spec.start_from)
    weights = read_weights(folder) if spec.start_from else {}
    model = build_for_training(spec.model, class_count, spec.image_size, spec.seed, weights)
    note: Note = {"f_size": spec.mask_images}
    if spec.start_from:
        note["start_from"] = f"{start_from(model, weights)}, from {read_card(folder).name}"
    if spec.anchors == AUTO and isinstance(model, YOLOv5Seg):
        fit = anchors_for(model, images, spec.image_size)
        if not fit.are_standard:
            model.set_anchor_sizes(torch.tensor(fit.anchors))
        note["anchors"] = fit.to_json()
    return model, note


def lines_of(note: Note) -> list[str]:
    """Say a note in words, a line for each thing."""
    lines = [f"Starts with {note['start_from']}."] if "start_from" in note else []
    return [*lines, f"{AnchorFit(**note['anchors'])}."] if "anchors" in note else lines


def anchors_for(model: YOLOv5Seg, images: Sequence[ImageLabels], image_size: int) -> AnchorFit:
    """Fit anchors to the boxes of images, where the model's own serve badly."""
    return fit_anchors(box_sizes(images, image_size), model.anchor_sizes.double().numpy())
