"""One model against the truth: what became of each detection and each object.

The kinds and their order of precedence are those of TIDE (Bolya et al., ECCV 2020, Sec. 2.2), on mask IoU unless the
overlaps are of boxes. A detection in a crowd of its class is neither right nor wrong, as COCO has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from splitlab.data.dataset import ImageId
from splitlab.errors import SettingsError
from splitlab.evaluation.error_kinds import ErrorKind
from splitlab.evaluation.object_matches import FOUND_IOU, NO_MATCH, BoolArray, ImageOverlaps, IntArray, match_by_score

BACKGROUND_IOU = 0.1
NEARLY_FOUND = (ErrorKind.WRONG_CLASS, ErrorKind.BAD_MASK)
COLUMNS = ("image_id", "kind", "detection", "object", "class", "truth_class", "score", "iou")


@dataclass(frozen=True)
class ErrorLimits:
    """The IoU from which an object counts as found, and up to which a detection lies on background."""

    found_iou: float = FOUND_IOU
    background_iou: float = BACKGROUND_IOU

    def __post_init__(self) -> None:
        if not 0 <= self.background_iou < self.found_iou <= 1:
            raise SettingsError(f"{self}: give 0 <= background_iou < found_iou <= 1, such as 0.1 and 0.5.")


TIDE_LIMITS = ErrorLimits()


@dataclass(frozen=True)
class ImageErrors:
    """What became of one image's D detections and G labelled objects.

    Attributes:
        image_id: of the image.
        kinds: D kinds; None for a detection that lies in a crowd and does not count.
        objects: (D,) int64, the object each detection is about, `NO_MATCH` where there is none.
        found: (G,) bool, True for objects that a detection found.
        missed: (G,) bool, True for objects that were not found and that no detection was close to finding: its class
            or its mask alone was wrong. Crowds are neither found nor missed.
    """

    image_id: ImageId
    kinds: tuple[ErrorKind | None, ...]
    objects: IntArray
    found: BoolArray
    missed: BoolArray


def errors_of_image(image: ImageOverlaps, limits: ErrorLimits = TIDE_LIMITS) -> ImageErrors:
    """Say what became of each detection and each object of one image."""
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
    """Do so for every image."""
    return [errors_of_image(image, limits) for image in images]


def error_table(images: Sequence[ImageOverlaps], errors: Sequence[ImageErrors]) -> pd.DataFrame:
    """List every detection that counts and every missed object: one row each, to filter, count and look up.

    Returns:
        image_id; kind; detection and object (places in the image, NO_MATCH where there is none); class and truth_class
        (class indices, NO_MATCH where there is none); score and iou (NaN for a missed object).
    """
    rows = [row for image, wrong in zip(images, errors, strict=True) for row in _rows(image, wrong)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def count_errors(table: pd.DataFrame) -> dict[ErrorKind, int]:
    """Count the rows of an error table by kind, all kinds present."""
    counts = table["kind"].value_counts()
    return {kind: int(counts.get(kind, 0)) for kind in ErrorKind}


def _error(image: ImageOverlaps, row: int, found: BoolArray, limits: ErrorLimits) -> tuple[ErrorKind, int]:
    """Name the error of an unmatched detection and the object it is about, in TIDE's order."""
    if not (~image.crowds).any():
        return ErrorKind.BACKGROUND, NO_MATCH
    iou = np.where(image.crowds, 0.0, image.iou[row])
    same_class = image.truth_classes == image.classes[row]
    own, others, taken = iou * same_class, iou * ~same_class, iou * (same_class & found)
    if limits.background_iou <= own.max() <= limits.found_iou:
        return ErrorKind.BAD_MASK, int(own.argmax())
    if others.max() >= limits.found_iou:
        return ErrorKind.WRONG_CLASS, int(others.argmax())
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
    of_detections = [
        (
            image.image_id,
            kind,
            int(image.places[row]),
            int(index),
            int(image.classes[row]),
            int(image.truth_classes[index]) if index != NO_MATCH else NO_MATCH,
            float(image.scores[row]),
            float(image.iou[row, index]) if index != NO_MATCH else float(image.iou[row].max(initial=0)),
        )
        for row, (kind, index) in enumerate(zip(wrong.kinds, wrong.objects, strict=True))
        if kind is not None
    ]
    of_objects = [
        (
            image.image_id,
            ErrorKind.MISSED,
            NO_MATCH,
            int(index),
            NO_MATCH,
            int(image.truth_classes[index]),
            np.nan,
            np.nan,
        )
        for index in np.flatnonzero(wrong.missed)
    ]
    return [*of_detections, *of_objects]
