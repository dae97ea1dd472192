"""What a run did with each object of the test part, stored so that runs are compared object by object."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset
from splitlab.errors import BudgetError, RunError
from splitlab.evaluation.matches import ImageOverlaps
from splitlab.evaluation.resampled_ap import ap_of_draws, image_draws
from splitlab.io import write_bytes

DRAWS = 200
"""Resamples of the test images, the same for all runs of a test part."""

AP_IOUS = {"ap50": 0.5, "ap70": 0.7, "ap75": 0.75}
"""IoU thresholds of the AP that is stored for each resample."""

NONE = -1
"""Stands for no class: the object was not localised."""

_STEPS = 10_000
"""IoUs and scores are stored in steps of 1 / 10,000."""

_MAX_BYTES = 20_000_000
_ARRAYS = {"images": "int32", "seed": "int64", "image": "int32", "truth_class": "int16", "predicted_class": "int16",
           "iou": "uint16", "score": "uint16", "ap_draws": "float32"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What one run did with the N scored objects of the test part.

    Attributes:
        images: Number of test images.
        seed: Seed of the resamples, which identifies the test images.
        image: (N,) int, the image of each object, in the order of the test part.
        truth_class: (N,) int.
        predicted_class: (N,) int, class of the best-scoring detection that localises the object, or `NONE`.
        iou: (N,) float, mask IoU of the detection that finds it, 0..1; NaN if it was not found.
        score: (N,) float, score of that detection, 0..1; NaN likewise.
        ap_draws: (D, 3) float, AP50, AP70 and AP75 of masks on each resample of the images, 0..100.
    """

    images: int
    seed: int
    image: NDArray[np.int64]
    truth_class: NDArray[np.int64]
    predicted_class: NDArray[np.int64]
    iou: NDArray[np.float64]
    score: NDArray[np.float64]
    ap_draws: NDArray[np.float64]


def record_of(test: Dataset, objects: pd.DataFrame, overlaps: Sequence[ImageOverlaps]) -> RunRecord:
    """Make the record of a run.

    Args:
        test: The test part.
        objects: Its objects, from `scores_of_objects`.
        overlaps: Overlaps of all detections of masks, in the order of the images.
    """
    place = {image.image_id: number for number, image in enumerate(test.images)}
    seed = zlib.crc32(repr(list(place)).encode())
    draws = image_draws(len(test.images), DRAWS, seed)
    return RunRecord(
        images=len(test.images),
        seed=seed,
        image=np.array([place[image_id] for image_id in objects["image_id"]], np.int64),
        truth_class=objects["truth_class"].to_numpy(np.int64),
        predicted_class=objects["predicted_class"].to_numpy(np.int64),
        iou=objects["mask_iou"].to_numpy(np.float64),
        score=objects["score"].to_numpy(np.float64),
        ap_draws=np.stack([ap_of_draws(overlaps, draws, iou) for iou in AP_IOUS.values()], axis=1),
    )


def record_path(table: Path, spec_hash: str, test_hash: str) -> Path:
    """Return the file of a run's record, in a folder next to the table of rows."""
    return table.with_suffix("") / "objects" / f"{spec_hash}-{test_hash}.npz"


def write_record(path: Path, record: RunRecord) -> None:
    """Write a record, compressed.

    Raises:
        RunError: If the file cannot be written.
    """
    shares = {
        name: np.where(np.isnan(value), 0, np.round(value * _STEPS) + 1)
        for name, value in (("iou", record.iou), ("score", record.score))
    }
    values = {**vars(record), **shares}
    arrays: dict[str, Any] = {name: np.asarray(values[name]).astype(kind) for name, kind in _ARRAYS.items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path.parent}: cannot be created ({error.strerror}). Choose another folder.") from error
    write_bytes(path, packed.getvalue())


def read_record(path: Path) -> RunRecord | None:
    """Read a record; None if there is no such file.

    Raises:
        BudgetError: If the file is not a record.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BudgetError(f"{path} cannot be read ({error}). Restore it from the repository.") from error
    try:
        return _unpacked(packed)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BudgetError(f"{path} is not a record of objects ({error}). Restore it from the repository.") from error


def _unpacked(packed: bytes) -> RunRecord:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
            raise ValueError(f"it unpacks to more than {_MAX_BYTES:,} bytes")
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in _ARRAYS}
    images, count = int(found["images"]), len(found["image"])
    if any(found[name].shape != (count,) for name in _ARRAYS if name not in ("images", "seed", "ap_draws")):
        raise ValueError("its columns differ in length")
    if found["ap_draws"].shape != (DRAWS, len(AP_IOUS)) or not np.isin(found["image"], range(images)).all():
        raise ValueError("its samples or images do not match")
    shares = {name: np.where(found[name] == 0, np.nan, (found[name] - 1.0) / _STEPS) for name in ("iou", "score")}
    whole = {name: found[name].astype(np.int64) for name in ("image", "truth_class", "predicted_class")}
    return RunRecord(
        images=images, seed=int(found["seed"]), ap_draws=found["ap_draws"].astype(np.float64), **whole, **shares
    )
