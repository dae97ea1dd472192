"""What a run did with each object of the test part, stored so that runs are compared object by object."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitlab.atlas.rows import MeasuredRow
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

_MAX_BYTES, _MOST_IMAGES = 20_000_000, 10_000_000
_MOST_AP = 100.01  # rounding of float32
_UNREADABLE = (ValueError, KeyError, TypeError, OSError, EOFError, NotImplementedError, SyntaxError, RuntimeError,
               OverflowError, zipfile.BadZipFile, zlib.error, tokenize.TokenError)  # fmt: skip
_OF_OBJECTS = {"image": "int32", "truth_class": "int16", "predicted_class": "int16", "iou": "uint16", "score": "uint16"}
_ARRAYS = {"images": "int32", "images_seed": "int64", "ap_draws": "float32", **_OF_OBJECTS}


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What one run did with the N scored objects of the test part.

    Attributes:
        images: Number of test images.
        images_seed: Checksum of the ids of the test images, the seed of the resamples.
        image: (N,) int, the image of each object, in the order of the test part.
        truth_class: (N,) int.
        predicted_class: (N,) int, class of the best-scoring detection that localises the object, or `NONE`.
        iou: (N,) float, mask IoU of the detection that finds it, 0..1; NaN if it was not found.
        score: (N,) float, score of that detection, 0..1; NaN likewise.
        ap_draws: (D, 3) float, AP50, AP70 and AP75 of masks on each resample of the images, 0..100.
    """

    images: int
    images_seed: int
    image: NDArray[np.int64]
    truth_class: NDArray[np.int64]
    predicted_class: NDArray[np.int64]
    iou: NDArray[np.float64]
    score: NDArray[np.float64]
    ap_draws: NDArray[np.float64]

    @property
    def was_found(self) -> NDArray[np.bool_]:
        """(N,) bool, whether each object was found."""
        return ~np.isnan(self.iou)


def record_of(test: Dataset, objects: pd.DataFrame, overlaps: Sequence[ImageOverlaps]) -> RunRecord:
    """Make the record of a run.

    Args:
        test: The test part.
        objects: Its objects, from `scores_of_objects`.
        overlaps: Overlaps of all detections of masks, in the order of the images.
    """
    place = {image.image_id: number for number, image in enumerate(test.images)}
    images_seed = zlib.crc32(repr(list(place)).encode())
    draws = image_draws(len(test.images), DRAWS, images_seed)
    return RunRecord(
        images=len(test.images),
        images_seed=images_seed,
        image=np.array([place[image_id] for image_id in objects["image_id"]], np.int64),
        truth_class=objects["truth_class"].to_numpy(np.int64),
        predicted_class=objects["predicted_class"].to_numpy(np.int64),
        iou=objects["mask_iou"].to_numpy(np.float64),
        score=objects["score"].to_numpy(np.float64),
        ap_draws=np.stack([ap_of_draws(overlaps, draws, iou) for iou in AP_IOUS.values()], axis=1),
    )


def record_path(table: Path, row: MeasuredRow) -> Path:
    """Return the file of a run's record, in a folder next to the table of its row."""
    return table.with_suffix("") / "objects" / f"{'-'.join(row.key)}.npz"


def record_of_row(table: Path, row: MeasuredRow) -> RunRecord | None:
    """Read the record of a row; None if it has none.

    Raises:
        BudgetError: If the file is not a record, or of another run.
    """
    path = record_path(table, row)
    record = read_record(path)
    if record is None:
        return None
    found = (record.images, len(record.image), int((record.predicted_class != NONE).sum()), int(record.was_found.sum()))
    if found != (row.test_images, row.objects, row.localised, row.found):
        raise BudgetError(f"{path} does not agree with its row in {table.name}. Restore both from the repository.")
    return record


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
    except _UNREADABLE as error:
        raise BudgetError(f"{path} is not a record of objects ({error}). Restore it from the repository.") from error


def _unpacked(packed: bytes) -> RunRecord:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
            raise ValueError(f"it unpacks to more than {_MAX_BYTES:,} bytes")
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in _ARRAYS}
    if any(not np.can_cast(found[name].dtype, np.float64, "same_kind") for name in _ARRAYS):
        raise ValueError("a column does not hold numbers")
    images, images_seed = (int(found[name].reshape(())) for name in ("images", "images_seed"))
    count = len(found["image"])
    if any(found[name].shape != (count,) for name in _OF_OBJECTS) or not 0 < images <= _MOST_IMAGES or images_seed < 0:
        raise ValueError("its columns differ in length, or it has no images")
    if found["ap_draws"].shape != (DRAWS, len(AP_IOUS)):
        raise ValueError("it has other resamples")
    if count and not (found["image"].min() >= 0 and found["image"].max() < images):
        raise ValueError("an object is of an image that does not exist")
    shares = {name: np.where(found[name] == 0, np.nan, (found[name] - 1.0) / _STEPS) for name in ("iou", "score")}
    ap_draws = found["ap_draws"].astype(np.float64)
    if any(
        np.nanmax(values, initial=0) > most
        for values, most in ((shares["iou"], 1), (shares["score"], 1), (ap_draws, 100.01))
    ):
        raise ValueError("an IoU, score or AP is out of range")
    whole = {name: found[name].astype(np.int64) for name in ("image", "truth_class", "predicted_class")}
    return RunRecord(images=images, images_seed=images_seed, ap_draws=ap_draws, **whole, **shares)
