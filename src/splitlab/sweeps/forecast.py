"""Estimate the labels, training time and disk space that a sweep needs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from splitlab.budget.cost import cost_hours, prices_for
from splitlab.data.dataset import TrainVal
from splitlab.errors import RunError
from splitlab.runs.devices import kind_of, measured_speeds, training_seconds
from splitlab.runs.run_folder import State
from splitlab.runs.spec import RunSpec
from splitlab.sweeps.sweep import PlannedRun, Sweep, drawn_splits

_FLOAT, _HALF = 4, 2
# Rough sizes of one image's detections with masks, of a run's log and events, and of an image id.
_IMAGE_BYTES, _LOG_BYTES, _ID_BYTES = 10_000, 1_000_000, 24


@dataclass(frozen=True)
class SweepSplit:
    """A split of a sweep, the annotation cost of its labels, and its number of runs."""

    full: int
    weak: int
    hours: float
    runs: int
    done: int


@dataclass(frozen=True)
class SweepForecast:
    """The labels, training time and disk space that a sweep needs.

    Attributes:
        runs: the number of runs.
        done: how many of them are done.
        splits: each split once.
        prices: the name of the prices of the labels.
        mask_images: images in any F of the sweep.
        box_images: images in some W and in no F.
        label_hours: annotation cost of both.
        training_hours: estimate for the open runs of a kind that was trained before.
        unjudged: the number of open runs of other kinds.
        disk_bytes: what the open runs will still write.
        free_bytes: the free space on the disk.
    """

    runs: int
    done: int
    splits: tuple[SweepSplit, ...]
    prices: str
    mask_images: int
    box_images: int
    label_hours: float
    training_hours: float
    unjudged: int
    disk_bytes: int
    free_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the forecast for the JSON output of the command line."""
        return {**asdict(self), "to_do": self.runs - self.done}


def forecast_sweep(sweep: Sweep, runs: Path) -> SweepForecast:
    """Estimate what a sweep needs, with its runs written to the folder `runs`.

    Raises:
        SplitLabError: a model does not exist or does not accept its settings.
    """
    prices = prices_for(sweep.data.train.name)
    masks: set[Any] = set()
    boxes: set[Any] = set()
    for split in drawn_splits(sweep):
        masks.update(split.full)
        boxes.update(split.weak)
    boxes -= masks
    speeds = measured_speeds(sweep.earlier, (kind_of(run.spec) for run in sweep.to_do))
    seconds = [training_seconds(run.spec, speeds, run.steps_done) for run in sweep.to_do]
    all_of, done_of = (
        Counter((run.spec.data.full, run.spec.data.weak) for run in some)
        for some in (sweep.runs, (run for run in sweep.runs if run.is_done))
    )
    return SweepForecast(
        runs=len(sweep.runs),
        done=len(sweep.runs) - len(sweep.to_do),
        splits=tuple(
            SweepSplit(full, weak, cost_hours(float(full), float(weak), prices), count, done_of[full, weak])
            for (full, weak), count in all_of.items()
        ),
        prices=prices.name,
        mask_images=len(masks),
        box_images=len(boxes),
        label_hours=cost_hours(float(len(masks)), float(len(boxes)), prices),
        training_hours=sum(known for known in seconds if known is not None) / 3600,
        unjudged=seconds.count(None),
        disk_bytes=_disk_bytes(sweep),
        free_bytes=_free_bytes(runs),
    )


def check_disk(forecast: SweepForecast, runs: Path) -> None:
    """Raise RunError if the disk of the folder `runs` cannot hold what a sweep will write."""
    if forecast.disk_bytes > forecast.free_bytes:
        raise RunError(
            f"{runs}: the sweep will write about {forecast.disk_bytes / 1e9:.1f} GB, and "
            f"{forecast.free_bytes / 1e9:.1f} GB are free. Free some space, or set SPLITLAB_WORKSPACE to a larger disk."
        )


def _free_bytes(folder: Path) -> int:
    """Return the free space on the disk of a folder, which may not exist yet."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(there).free


def _disk_bytes(sweep: Sweep) -> int:
    """Sum what the open runs will write, and the largest once more: new files are written beside the old ones."""
    seen = _earlier_sizes(sweep)
    sizes = [seen.get(_size_kind(run)) or _expected_run_bytes(run.spec, sweep.data) for run in sweep.to_do]
    held = [_folder_bytes(run.path) if run.steps_done else 0 for run in sweep.to_do]
    return sum(max(size - there, 0) for size, there in zip(sizes, held, strict=True)) + max(sizes, default=0)


def _earlier_sizes(sweep: Sweep) -> Mapping[tuple[Any, ...], int]:
    """Return the size of one finished run of each kind that is still open."""
    wanted = {_size_kind(run) for run in sweep.to_do}
    sizes: dict[tuple[Any, ...], int] = {}
    for summary in sweep.earlier:
        kind = _size_kind(PlannedRun(summary.path, summary.spec, summary))
        if summary.status.state == State.DONE and kind in wanted and kind not in sizes:
            sizes[kind] = _folder_bytes(summary.path)
    return sizes


def _size_kind(run: PlannedRun) -> tuple[Any, ...]:
    spec = run.spec
    return (
        spec.model,
        spec.image_size,
        spec.optimizer.name,
        spec.optimizer.nominal_batch,
        bool(spec.mask_stage.steps),
        spec.data.source,
    )


def _folder_bytes(folder: Path) -> int:
    """Return the size of all files below a folder, bytes, without files that vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def _expected_run_bytes(spec: RunSpec, data: TrainVal) -> int:
    """Estimate from the model's size what a run will have written at its end, bytes.

    The saved state holds, as floats, the model, its moving average, one (SGD) or two (AdamW) numbers per parameter and
    accumulated gradients; the checkpoint holds the model in half precision. Two-stage models save a state per stage.
    """
    parameters, buffers = _model_size(spec.model, len(data.train.class_names), spec.image_size)
    kept = 1 if spec.optimizer.name == "sgd" else 2
    accumulated = 1 if spec.optimizer.nominal_batch > spec.batch_size else 0
    state = _FLOAT * ((2 + kept + accumulated) * parameters + 2 * buffers)
    stages = 2 if spec.mask_stage.steps else 1
    ids = _ID_BYTES * (spec.data.full + spec.data.weak)
    return stages * state + _HALF * (parameters + buffers) + _IMAGE_BYTES * len(data.val.images) + ids + _LOG_BYTES


@lru_cache(maxsize=256)
def _model_size(model: str, class_count: int, image_size: int) -> tuple[int, int]:
    """Count a model's parameters and buffers."""
    import torch

    from splitlab.models.registry import build_model

    with torch.device("meta"):
        built = build_model(model, class_count, image_size)
    return sum(one.numel() for one in built.parameters()), sum(one.numel() for one in built.buffers())
