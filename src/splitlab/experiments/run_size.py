"""How much disk a run takes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from splitlab.data.dataset import TrainVal
from splitlab.runs.spec import RunSpec

FLOAT, HALF = 4, 2
# Detections of one image with their masks, and the log and events of a run: orders of magnitude, not counts.
IMAGE_BYTES, LOG_BYTES, ID_BYTES = 10_000, 1_000_000, 24


def folder_bytes(folder: Path) -> int:
    """Return what the files in a folder and below take, bytes; files that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def expected_run_bytes(spec: RunSpec, data: TrainVal) -> int:
    """Judge by the model's size what a run will have written at its end, bytes.

    The saved state holds the model, its moving average and the optimiser's one (SGD) or two (AdamW) numbers for each
    parameter, gathered gradients, all as floats; the checkpoint holds the model in half precision. A model of two
    stages saves a state of each.

    Raises:
        SplitLabError: the model does not exist, or cannot take its settings.
    """
    parameters, buffers = _numbers(spec.model, len(data.train.class_names), spec.image_size)
    kept = 1 if spec.optimizer.name == "sgd" else 2
    gathered = 1 if spec.optimizer.nominal_batch > spec.batch_size else 0
    state = FLOAT * ((2 + kept + gathered) * parameters + 2 * buffers)
    stages = 2 if spec.mask_stage.steps else 1
    ids = ID_BYTES * (spec.data.full + spec.data.weak)
    return stages * state + HALF * (parameters + buffers) + IMAGE_BYTES * len(data.val.images) + ids + LOG_BYTES


@lru_cache(maxsize=256)
def _numbers(model: str, class_count: int, image_size: int) -> tuple[int, int]:
    """Count a model's parameters and what else it keeps."""
    import torch

    from splitlab.models.registry import build_model

    with torch.device("meta"):
        built = build_model(model, class_count, image_size)
    return sum(one.numel() for one in built.parameters()), sum(one.numel() for one in built.buffers())
