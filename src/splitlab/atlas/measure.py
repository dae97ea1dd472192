"""Measure a trained run on a test part: its row, and its record of objects."""

from __future__ import annotations

import math
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

import splitlab
from splitlab.atlas.records import RunRecord, record_of
from splitlab.atlas.rows import MeasuredRow
from splitlab.atlas.tables import settings_of
from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.dataset import Dataset
from splitlab.evaluation.comparison import MIN_SCORE
from splitlab.evaluation.matches import overlaps_of_dataset
from splitlab.evaluation.predict import evaluate_model
from splitlab.evaluation.scores import Estimate, class_confusion_rate, mean_mask_iou, scores_of_objects
from splitlab.io import Progress, no_progress
from splitlab.models.registry import load_model
from splitlab.runs.run_folder import RunFolder

_CODE_VERSION = "SPLITLAB_CODE_VERSION"
"""Environment variable with the version of code that was copied without its repository."""

_PACKAGE = Path(splitlab.__file__).parent


def code_version() -> str:
    """Return the commit, with a plus for uncommitted changes, or the version if there is no repository."""
    # A package installed inside another project's folder is not tracked by that project's repository.
    commit = _git("ls-files", "--error-unmatch", str(_PACKAGE / "__init__.py")) and _git(
        "rev-parse", "--short=10", "HEAD"
    )
    if not commit:
        return os.environ.get(_CODE_VERSION) or splitlab.__version__
    changed = _git("status", "--porcelain", "--", f"{_PACKAGE}/*.py")
    return commit + ("+" if changed else "")


def _machine_name(device: str) -> str:
    """Return the name of the accelerator, or of the processor."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return _processor() or platform.machine() or "unknown processor"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(*words: str) -> str:
    """Run git on the package's folder; empty without git or a repository that contains it."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, "-C", str(_PACKAGE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


class Measurement(NamedTuple):
    """What a checkpoint reached on a test part: the measured columns of `MeasuredRow`, and its record of objects."""

    columns: dict[str, Any]
    record: RunRecord


def measure_checkpoint(weights: Path, test: Dataset, progress: Progress = no_progress) -> Measurement:
    """Measure a checkpoint on a test part."""
    model, card = load_model(weights)
    total = len(test.images)
    scores, detections = evaluate_model(model, test, card.image_size, lambda done: progress("test", done, total))
    overlaps = overlaps_of_dataset(test, detections)
    objects = scores_of_objects(test, detections, [image.above(MIN_SCORE) for image in overlaps])
    confusion, mask_iou = class_confusion_rate(objects), mean_mask_iou(objects)
    columns = {
        **{name: _known(scores["mask"][name]) for name in ("ap50", "ap70", "ap75", "ap50_95")},
        "box_ap50": _known(scores["box"]["ap50"]),
        **_interval("class_confusion", confusion),
        "localised": confusion.objects,
        **_interval("mask_iou", mask_iou),
        "found": mask_iou.objects,
        "objects": len(objects),
        "test_images": total,
    }
    return Measurement(columns, record_of(test, objects, overlaps))


def measured_row(
    run: RunFolder, reached: dict[str, Any], name: str, train_images: int, hashes: Mapping[str, Any], version: str
) -> MeasuredRow:
    """Combine measured values with a description of the run.

    Args:
        run: A finished run, on the machine that trained it.
        reached: Measured columns, from `measure_checkpoint`.
        name: Name of the dataset.
        train_images: Number of images that its split was drawn from.
        hashes: `spec_hash`, `data_hash` and `test_hash`.
        version: Version of the code that trained it.
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
        machine=_machine_name(spec.device),
        cores=torch.get_num_threads(),
        precision=str(card.trained_by.get("precision", "unknown")),
        train_seconds=round(_training_seconds(run), 1),
        date=datetime.now(UTC).date().isoformat(),
    )


def _training_seconds(run: RunFolder) -> float:
    """Return the time of all training steps of a run, over all processes, without evaluations."""
    return math.fsum(event.get("seconds", 0.0) for event in run.events() if event.get("kind") == "train")


def _known(score: float | None) -> float:
    return math.nan if score is None else score


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {column: math.nan if value is None else round(value, 4) for column, value in ends.items()}
