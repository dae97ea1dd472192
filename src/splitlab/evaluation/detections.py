"""Detections of a model in an image, their files, and the masks that they are scored against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, ObjectLabel
from splitlab.data.masks import read_mask
from splitlab.errors import DataError
from splitlab.geometry import FloatArray, Rle, mask_to_rle, rle_fits, union, xywh_to_xyxy

_MAX_DETECTIONS = 100
# A detection takes 400 to 800; a small dataset may have large masks.
_DETECTION_BYTES, _LEAST_MAX_BYTES = 1000, 200_000_000
_FAR_PIXELS = 1_000_000


@dataclass(frozen=True)
class ImageDetections:
    """The detections of a model in one image, best first.

    Attributes:
        height, width: of the image, pixels.
        boxes: (N, 4) float32 xyxy, pixels of the image.
        scores: (N,) float32, 0..1.
        classes: (N,) int64.
        masks: N masks in image size.
    """

    height: int
    width: int
    boxes: FloatArray
    scores: FloatArray
    classes: NDArray[np.int64]
    masks: tuple[Rle, ...]

    def to_json(self, class_names: Sequence[str]) -> list[dict[str, Any]]:
        """Return class, score, box and RLE mask of each detection."""
        return [
            {
                "class": class_names[index],
                "score": round(float(score), 5),
                "box": [round(float(side), 2) for side in box],
                "mask": mask,
            }
            for index, score, box, mask in zip(self.classes, self.scores, self.boxes, self.masks, strict=True)
        ]


def mask_regions(labels: ImageLabels) -> NDArray[np.bool_]:
    """Return (G,) bool: which of an image's objects are regions, where a mask is neither right nor wrong.

    These are crowds, tiny objects, and the boxes of objects without a mask.
    """
    return np.array([not label.is_scored or label.mask is None for label in labels.objects], bool)


def scored_masks(labels: ImageLabels) -> list[Rle]:
    """Return the masks of an image's G objects; objects without a mask have a filled box.

    In classes with tiny objects, these and the crowds all have the mask of their union. So a detection that overlaps
    several is ignored by its total overlap, as in the Cityscapes benchmark.

    Raises:
        DataError: a mask on disk cannot be read.
    """
    masks = [_filled_box(labels, label) if label.mask is None else read_mask(label.mask) for label in labels.objects]
    for class_index in {label.class_index for label in labels.objects if label.is_tiny}:
        region = [
            place
            for place, label in enumerate(labels.objects)
            if label.class_index == class_index and not label.is_scored
        ]
        whole = union([masks[place] for place in region])
        for place in region:
            masks[place] = whole
    return masks


def read_detections(path: Path, dataset: Dataset) -> list[ImageDetections]:
    """Read COCO results, such as a run's detections.json, as one entry per image of `dataset`, in its order.

    The 100 best-scoring detections per image are kept, best first; COCO counts no more.

    Raises:
        DataError: the file is missing, too large or not JSON, or an entry is not a detection on this dataset.
    """
    entries: dict[ImageId, list[dict[str, Any]]] = {image.image_id: [] for image in dataset.images}
    most = max(len(dataset.images) * _MAX_DETECTIONS * _DETECTION_BYTES, _LEAST_MAX_BYTES)
    for number, entry in enumerate(_parse(path, most)):
        try:
            entries[entry["image_id"]].append(_checked(entry, dataset))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{path}: entry {number} is not a detection on dataset '{dataset.name}' "
                f"({type(error).__name__}: {str(error)[:100]}). Evaluate the run again on this dataset."
            ) from error
    index_of = {category_id: index for index, category_id in enumerate(dataset.category_ids)}
    return [_detections(image, entries[image.image_id], index_of) for image in dataset.images]


def _filled_box(labels: ImageLabels, label: ObjectLabel) -> Rle:
    # A side that is not a number covers nothing; numpy would count one below 0 from the far end.
    sides = np.nan_to_num(np.array(label.box)).clip(0, max(labels.height, labels.width))
    (left, top), (right, bottom) = np.floor(sides[:2]).astype(int), np.ceil(sides[2:]).astype(int)
    mask = np.zeros((labels.height, labels.width), bool)
    mask[top:bottom, left:right] = True
    return mask_to_rle(mask)


def _parse(path: Path, max_bytes: int) -> list[Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Evaluate the run first.") from error
    if len(raw) > max_bytes:
        raise DataError(
            f"{path} is larger than {max_bytes // 1_000_000} MB, more than {_MAX_DETECTIONS} detections of each image "
            "take. Evaluate the run again on this dataset."
        )
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON ({str(error)[:100]}). Evaluate the run again.") from error
    if not isinstance(content, list):
        raise DataError(f"{path}: does not hold a list of detections. It must be a COCO results file.")
    return content


def _detections(image: ImageLabels, entries: Sequence[dict[str, Any]], index_of: dict[int, int]) -> ImageDetections:
    best = sorted(entries, key=lambda entry: -entry["score"])[:_MAX_DETECTIONS]
    boxes = np.array([entry["box"] for entry in best], np.float32).reshape(-1, 4)
    return ImageDetections(
        height=image.height,
        width=image.width,
        boxes=xywh_to_xyxy(boxes),
        scores=np.array([entry["score"] for entry in best], np.float32),
        classes=np.array([index_of[entry["class"]] for entry in best], np.int64),
        masks=tuple(entry["mask"] for entry in best),
    )


def _checked(entry: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Return the checked fields of an entry; raise KeyError, TypeError or ValueError if one is wrong."""
    image = dataset.by_id[entry["image_id"]]
    if entry["category_id"] not in dataset.category_ids:
        raise ValueError(f"category_id {entry['category_id']!r} is not a class of the dataset")
    box = [float(side) for side in entry["bbox"]]
    score = float(entry["score"])
    if len(box) != 4 or not all(abs(side) < _FAR_PIXELS for side in box) or min(box[2:]) < 0 or not 0 <= score <= 1:
        raise ValueError("bbox must be four numbers within a million pixels, score in 0..1")
    mask = entry["segmentation"]
    size, counts = [image.height, image.width], mask["counts"]
    if mask["size"] != size or not isinstance(counts, str) or not rle_fits(counts, *size):
        raise ValueError(f"segmentation must be a compressed RLE of {image.height} x {image.width} pixels")
    return {"class": entry["category_id"], "score": score, "box": box, "mask": {"size": size, "counts": counts}}
