"""Errors of detections by kind, and the confusion of classes, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from splitlab.data.dataset import ImageId
from splitlab.errors import SettingsError
from splitlab.evaluation.matches import (
    FOUND_IOU,
    NO_MATCH,
    BoolArray,
    ErrorKind,
    ImageOverlaps,
    IntArray,
    match_any_class,
    match_by_score,
)

_BACKGROUND_IOU = 0.1
NEARLY_FOUND = (ErrorKind.MISCLASSIFIED, ErrorKind.BAD_MASK)
_ERROR_COLUMNS = ("image_id", "kind", "detection", "object", "class", "truth_class", "score", "iou")

_CONFUSION_COLUMNS = ("image_id", "truth_class", "predicted_class", "object", "detection", "score", "iou")


@dataclass(frozen=True)
class ErrorLimits:
    """The IoU from which an object counts as found, and up to which a detection counts as background."""

    found_iou: float = FOUND_IOU
    background_iou: float = _BACKGROUND_IOU

    def __post_init__(self) -> None:
        if not 0 <= self.background_iou < self.found_iou <= 1:
            raise SettingsError(f"{self}: give 0 <= background_iou < found_iou <= 1, such as 0.1 and 0.5.")


TIDE_LIMITS = ErrorLimits()


@dataclass(frozen=True)
class ImageErrors:
    """The errors in one image with D detections and G labelled objects.

    Attributes:
        image_id: of the image.
        kinds: D kinds; None for a detection in a crowd, which does not count.
        objects: (D,) int64, the object that each detection is about, `NO_MATCH` for none.
        found: (G,) bool, True for objects that were found.
        missed: (G,) bool, True for objects that were neither found nor nearly found: no detection was misclassified or
            had a bad mask on them. Crowds are neither found nor missed.
    """

    image_id: ImageId
    kinds: tuple[ErrorKind | None, ...]
    objects: IntArray
    found: BoolArray
    missed: BoolArray


@dataclass(frozen=True)
class Confusion:
    """Counts of true against predicted class.

    Attributes:
        counts: (K + 1, K + 1) int64, rows the ground truth, columns the prediction. The last row counts detections on
            no free object, the last column objects without a detection.
        images: the images of each (row, column) above 0, each once, in the order of the dataset.
    """

    counts: IntArray
    images: dict[tuple[int, int], tuple[ImageId, ...]]


def errors_of_image(image: ImageOverlaps, limits: ErrorLimits = TIDE_LIMITS) -> ImageErrors:
    """Determine the kind of each detection and which objects were found or missed."""
    matched = match_by_score(image, limits.found_iou)
    in_crowd = (matched != NO_MATCH) & np.append(image.crowds, False)[matched]
    found = np.zeros(len(image.truth_classes), bool)
    found[matched[matched != NO_MATCH]] = True
    found &= ~image.crowds
    kinds: list[ErrorKind | None] = [ErrorKind.FOUND] * len(matched)
    objects = matched.copy()
    for row in np.flatnonzero(in_crowd):
        kinds[row] = None
    for row in np.flatnonzero(matched == NO_MATCH):
        kinds[row], objects[row] = _error(image, int(row), found, limits)
    return ImageErrors(image.image_id, tuple(kinds), objects, found, _missed(image, kinds, objects, found))


def errors_of_dataset(images: Sequence[ImageOverlaps], limits: ErrorLimits = TIDE_LIMITS) -> list[ImageErrors]:
    """Do what `errors_of_image` does for every image."""
    return [errors_of_image(image, limits) for image in images]


def error_table(images: Sequence[ImageOverlaps], errors: Sequence[ImageErrors]) -> pd.DataFrame:
    """List every detection that counts and every missed object, one row each.

    Returns:
        image_id; kind; detection and object (places in the image, or NO_MATCH); class and truth_class (class indices,
        or NO_MATCH); score and iou (NaN for a missed object).
    """
    rows = [row for image, wrong in zip(images, errors, strict=True) for row in _rows(image, wrong)]
    return pd.DataFrame(rows, columns=list(_ERROR_COLUMNS))


def count_errors(table: pd.DataFrame) -> dict[ErrorKind, int]:
    """Count the rows of an error table by kind; all kinds are present."""
    counts = table["kind"].value_counts()
    return {kind: int(counts.get(kind, 0)) for kind in ErrorKind}


def confusion_pairs(images: Sequence[ImageOverlaps]) -> pd.DataFrame:
    """Pair detections with objects at IoU 0.5, best score first, ignoring classes and crowds.

    Pass images restricted to detections above a score (`ImageOverlaps.above`), because every detection has a row.

    Returns:
        A row for each pair, each detection without an object and each object without a detection: image_id,
        truth_class, predicted_class, object and detection (or NO_MATCH), score and iou (NaN without a detection).
    """
    rows = [row for image in images for row in _pairs(image)]
    return pd.DataFrame(rows, columns=list(_CONFUSION_COLUMNS))


def confusion_of_pairs(pairs: pd.DataFrame, classes: int) -> Confusion:
    """Count pairs by true and predicted class."""
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    images: dict[tuple[int, int], dict[ImageId, None]] = {}
    background = pairs[["truth_class", "predicted_class"]].replace(NO_MATCH, classes)
    for truth, predicted, image_id in zip(
        background["truth_class"], background["predicted_class"], pairs["image_id"], strict=True
    ):
        counts[truth, predicted] += 1
        images.setdefault((int(truth), int(predicted)), {})[image_id] = None
    return Confusion(counts, {cell: tuple(ids) for cell, ids in images.items()})


def _error(image: ImageOverlaps, row: int, found: BoolArray, limits: ErrorLimits) -> tuple[ErrorKind, int]:
    """Return the error kind of an unmatched detection and the object it is about, in the order of TIDE."""
    if not (~image.crowds).any():
        return ErrorKind.BACKGROUND, NO_MATCH
    iou = np.where(image.crowds, 0.0, image.iou[row])
    same_class = image.truth_classes == image.classes[row]
    own, others, taken = iou * same_class, iou * ~same_class, iou * (same_class & found)
    if limits.background_iou <= own.max() <= limits.found_iou:
        return ErrorKind.BAD_MASK, int(own.argmax())
    if others.max() >= limits.found_iou:
        return ErrorKind.MISCLASSIFIED, int(others.argmax())
    if taken.max() >= limits.found_iou:
        return ErrorKind.DUPLICATE, int(taken.argmax())
    if iou.max() <= limits.background_iou:
        return ErrorKind.BACKGROUND, NO_MATCH
    return ErrorKind.BOTH, int(iou.argmax())


def _missed(image: ImageOverlaps, kinds: Sequence[ErrorKind | None], objects: IntArray, found: BoolArray) -> BoolArray:
    nearly = np.zeros_like(found)
    nearly[[index for kind, index in zip(kinds, objects, strict=True) if kind in NEARLY_FOUND]] = True
    missed: BoolArray = ~(found | nearly | image.crowds)
    return missed


def _rows(image: ImageOverlaps, wrong: ImageErrors) -> list[tuple[object, ...]]:
    """Return the rows of `error_table` for one image."""
    rows: list[tuple[object, ...]] = []
    for row, (kind, index) in enumerate(zip(wrong.kinds, wrong.objects.tolist(), strict=True)):
        if kind is not None:
            truth_class, predicted, place, score, iou = _pair(image, row, index)
            rows.append((image.image_id, kind, place, index, predicted, truth_class, score, iou))
    for index in np.flatnonzero(wrong.missed).tolist():
        truth_class = int(image.truth_classes[index])
        rows.append((image.image_id, ErrorKind.MISSED, NO_MATCH, index, NO_MATCH, truth_class, np.nan, np.nan))
    return rows


def _pair(image: ImageOverlaps, row: int, index: int) -> tuple[int, int, int, float, float]:
    """Return true class, predicted class, place, score and IoU of a detection and the object it is on."""
    on_object = index != NO_MATCH
    return (
        int(image.truth_classes[index]) if on_object else NO_MATCH,
        int(image.classes[row]),
        int(image.places[row]),
        float(image.scores[row]),
        float(image.iou[row, index]) if on_object else float(image.iou[row].max(initial=0)),
    )


def _pairs(image: ImageOverlaps) -> list[tuple[object, ...]]:
    """Return the rows of `confusion_pairs` for one image."""
    matched = match_any_class(image).tolist()
    rows: list[tuple[object, ...]] = []
    for row, index in enumerate(matched):
        if index == NO_MATCH or not image.crowds[index]:
            truth_class, predicted, place, score, iou = _pair(image, row, index)
            rows.append((image.image_id, truth_class, predicted, index, place, score, iou))
    alone = sorted(set(np.flatnonzero(~image.crowds).tolist()) - set(matched))
    truth_classes = image.truth_classes.tolist()
    return rows + [(image.image_id, truth_classes[i], NO_MATCH, i, NO_MATCH, np.nan, np.nan) for i in alone]
