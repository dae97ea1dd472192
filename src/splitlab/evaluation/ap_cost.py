"""The AP that each kind of error costs: mend that kind alone, as TIDE's oracles do, and let COCOeval score again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splitlab.evaluation.error_kinds import ERRORS, ErrorKind
from splitlab.evaluation.errors_by_kind import (
    NEARLY_FOUND,
    TIDE_LIMITS,
    ErrorLimits,
    ImageErrors,
    errors_of_dataset,
)
from splitlab.evaluation.object_matches import ImageOverlaps
from splitlab.evaluation.overlap_precision import precision_of_overlaps


@dataclass(frozen=True)
class ApCost:
    """What stands between a model and AP 100.

    Attributes:
        ap: AP at `ErrorLimits.found_iou`, 0..100.
        lost: the AP that would be gained were one kind of error mended and nothing else. The kinds depend on one
            another, so they do not sum to 100 - ap; a kind may cost less than nothing.
    """

    ap: float
    lost: dict[ErrorKind, float]


def ap_cost_of_errors(images: Sequence[ImageOverlaps], classes: int, limits: ErrorLimits = TIDE_LIMITS) -> ApCost:
    """Measure the AP that each kind of error costs.

    Give it all detections, the doubtful ones too: AP is made of them.

    Args:
        images: overlaps of masks, or of boxes.
        classes: how many there are.
        limits: when an object counts as found.
    """
    errors = errors_of_dataset(images, limits)
    ap = _ap(images, classes, limits)
    lost = {kind: _ap(mend(images, errors, kind), classes, limits) - ap for kind in ERRORS}
    return ApCost(ap, lost)


def mend(images: Sequence[ImageOverlaps], errors: Sequence[ImageErrors], kind: ErrorKind) -> list[ImageOverlaps]:
    """Return the images as they would be without one kind of error.

    A wrong class or a bad mask becomes right where it is the best-scoring one of an object that was not found, and
    goes where it is not. Other wrong detections go; missed objects are taken from the truth.
    """
    return [_mended(image, wrong, kind) for image, wrong in zip(images, errors, strict=True)]


def _mended(image: ImageOverlaps, wrong: ImageErrors, kind: ErrorKind) -> ImageOverlaps:
    if kind is ErrorKind.MISSED:
        return image.keep_objects(~wrong.missed)
    rows = [row for row, found_kind in enumerate(wrong.kinds) if found_kind is kind]
    mended = [row for row in rows if row in _best_attempts(image, wrong)] if kind in NEARLY_FOUND else []
    kept = np.ones(len(image.classes), bool)
    kept[[row for row in rows if row not in mended]] = False
    return _made_right(image, wrong, mended).keep_detections(kept)


def _best_attempts(image: ImageOverlaps, wrong: ImageErrors) -> set[int]:
    """Return, for each object that only nearly was found, the best-scoring detection that nearly did."""
    best: dict[int, int] = {}
    for row in np.argsort(-image.scores, kind="stable"):
        index = int(wrong.objects[row])
        if wrong.kinds[row] in NEARLY_FOUND and not wrong.found[index]:
            best.setdefault(index, int(row))
    return set(best.values())


def _made_right(image: ImageOverlaps, wrong: ImageErrors, rows: list[int]) -> ImageOverlaps:
    """Give detections the class and the very mask of the object they are about."""
    classes, iou = image.classes.copy(), image.iou.copy()
    objects = wrong.objects[rows]
    classes[rows] = image.truth_classes[objects]
    iou[rows] = 0
    iou[rows, objects] = 1
    return replace(image, classes=classes, iou=iou)


def _ap(images: Sequence[ImageOverlaps], classes: int, limits: ErrorLimits) -> float:
    return precision_of_overlaps(images, classes, [limits.found_iou]).mean_ap() or 0.0
