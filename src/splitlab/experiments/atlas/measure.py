"""A finished run on the test part, as a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from splitlab.budget.atlas.measured_row import MeasuredRow
from splitlab.data.dataset import Dataset
from splitlab.data.progress import Progress, no_progress
from splitlab.evaluation.evaluate import evaluate_model
from splitlab.evaluation.object_matches import overlaps_of_dataset
from splitlab.evaluation.scores_of_objects import Estimate, class_confusion_rate, mean_mask_iou, scores_of_objects
from splitlab.experiments.atlas.machine import machine_name
from splitlab.experiments.comparison import MIN_SCORE
from splitlab.experiments.measured_results import settings_of
from splitlab.models.load import load_model
from splitlab.runs.checkpoint import read_card
from splitlab.runs.run_folder import RunFolder


def measure_checkpoint(weights: Path, test: Dataset, progress: Progress = no_progress) -> dict[str, Any]:
    """Measure a stored checkpoint on a test part; return the columns of `MeasuredRow` that say what it reached.

    Raises:
        SplitLabError: the checkpoint is not whole, or a photo cannot be read.
    """
    model, card = load_model(weights)
    total = len(test.images)
    scores, detections = evaluate_model(model, test, card.image_size, lambda done: progress("test", done, total))
    overlaps = [image.above(MIN_SCORE) for image in overlaps_of_dataset(test, detections)]
    objects = scores_of_objects(test, detections, overlaps)
    confusion, mask_iou = class_confusion_rate(objects), mean_mask_iou(objects)
    return {
        **{name: _known(scores["mask"][name]) for name in ("ap50", "ap70", "ap75", "ap50_95")},
        "box_ap50": _known(scores["box"]["ap50"]),
        **_interval("class_confusion", confusion),
        "localised": confusion.objects,
        **_interval("mask_iou", mask_iou),
        "found": mask_iou.objects,
        "objects": len(objects),
        "test_images": total,
    }


def measured_row(
    run: RunFolder, reached: dict[str, Any], name: str, train_images: int, hashes: Mapping[str, Any], version: str
) -> MeasuredRow:
    """Put what a run reached beside what it is.

    Args:
        run: a finished run, on the machine that trained it.
        reached: of `measure_checkpoint`.
        name: of the data set.
        train_images: that its split was drawn from.
        hashes: `spec_hash`, `data_hash` and `test_hash`.
        version: of the code that trained it.

    Raises:
        SplitLabError: the run folder is broken.
    """
    spec, card = run.spec(), read_card(run.weights)
    return MeasuredRow(
        dataset=name,
        full=spec.data.full,
        weak=spec.data.weak,
        seed=spec.seed,
        model=spec.model,
        settings=settings_of(card),
        **reached,
        train_images=train_images,
        **hashes,
        code_version=version,
        machine=machine_name(spec.device),
        cores=torch.get_num_threads(),
        precision=str(card.trained_by.get("precision", "unknown")),
        train_seconds=round(training_seconds(run), 1),
        date=datetime.now(UTC).date().isoformat(),
    )


def training_seconds(run: RunFolder) -> float:
    """Add up how long the steps of a run took, over all processes that trained it; evaluations are not in it.

    Raises:
        RunError: its events are broken.
    """
    return math.fsum(event.get("seconds", 0.0) for event in run.events() if event.get("kind") == "train")


def _known(score: float | None) -> float:
    return math.nan if score is None else score


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {column: math.nan if value is None else round(value, 4) for column, value in ends.items()}
