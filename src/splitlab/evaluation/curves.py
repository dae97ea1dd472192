"""Precision against recall, the AP that each kind of error costs, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from splitlab.evaluation.errors_by_kind import NEARLY_FOUND, TIDE_LIMITS, ErrorLimits, ImageErrors, errors_of_dataset
from splitlab.evaluation.matches import ERRORS, FOUND_IOU, NO_MATCH, ErrorKind, ImageOverlaps, IouArray, match_by_score
from splitlab.evaluation.scores import MAX_DETECTIONS, coco_of, coco_result

CURVE_IOUS = (0.5, 0.7, 0.75)
_CURVE_COLUMNS = ("iou", "class_index", "recall", "precision", "score")

_BINS = 10


@dataclass(frozen=True)
class ApCost:
    """AP and what each kind of error costs.

    Attributes:
        ap: AP at `ErrorLimits.found_iou`, 0..100.
        lost: the AP gained by correcting one kind of error and nothing else. The kinds depend on each other, so they do
            not sum to 100 - ap; a cost may be negative.
    """

    ap: float
    lost: dict[ErrorKind, float]


@dataclass(frozen=True)
class Calibration:
    """How scores relate to the share of right detections.

    Attributes:
        bins: a row for each bin of scores: low, high, detections (their number), mean_score, right (the share that
            finds an object); the last two are NaN in empty bins.
        error: expected calibration error (Guo et al., 2017), 0..1: the mean gap between score and share, weighted by
            detections; None without detections.
    """

    bins: pd.DataFrame
    error: float | None


def precision_recall_curves(
    images: Sequence[ImageOverlaps], classes: int, thresholds: Sequence[float] = CURVE_IOUS
) -> pd.DataFrame:
    """Return precision at 101 recalls for each IoU threshold and each class with objects.

    `images` are overlaps of masks or boxes, with all detections; `classes` is the number of classes.

    Returns:
        iou; class_index; recall; precision, the best at that recall or a higher one; and score, the minimum score for
        that recall, NaN where it is not reached.
    """
    result = _precision_of_overlaps(images, classes, thresholds)
    curves = [
        _curve(result, threshold, index)
        for threshold in range(len(result.thresholds))
        for index in range(classes)
        if result.precision[threshold, 0, index] > -1
    ]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=list(_CURVE_COLUMNS))


def ap_cost_of_errors(images: Sequence[ImageOverlaps], classes: int, limits: ErrorLimits = TIDE_LIMITS) -> ApCost:
    """Measure the AP that each kind of error costs.

    `images` are overlaps of masks or boxes, with all detections; `classes` is the number of classes.
    """
    errors = errors_of_dataset(images, limits)
    ap = _ap(images, classes, limits)
    lost = {kind: _ap(_mend(images, errors, kind), classes, limits) - ap for kind in ERRORS}
    return ApCost(ap, lost)


def calibration(images: Sequence[ImageOverlaps], min_iou: float = FOUND_IOU) -> Calibration:
    """Compare scores with the share of detections that find an object of their class, ignoring crowds.

    Pass `ImageOverlaps.above(...)`, because most detections have very low scores.
    """
    scores, right = _outcomes(images, min_iou)
    places = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(places, minlength=_BINS)
    with np.errstate(invalid="ignore"):
        mean_score = np.bincount(places, scores, _BINS) / counts
        share = np.bincount(places, right, _BINS) / counts
    edges = np.linspace(0, 1, _BINS + 1)
    bins = pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "detections": counts, "mean_score": mean_score, "right": share}
    )
    gaps = np.nan_to_num(np.abs(mean_score - share)) * counts
    return Calibration(bins, float(gaps.sum() / counts.sum()) if counts.sum() else None)


def _precision_of_overlaps(images: Sequence[ImageOverlaps], classes: int, thresholds: Sequence[float]) -> _Precision:
    """Let COCOeval match the given overlaps of one or more images at these IoU thresholds."""
    places, categories = [{"id": i} for i in range(len(images))], [{"id": i} for i in range(classes)]
    truth, found = (coco_of(places, categories, rows(images)) for rows in (_truth_rows, _detection_rows))
    evaluation = COCOeval(truth, found, "bbox")
    evaluation.params.iouThrs = np.array(thresholds, np.float64)

    def look_up(image_id: int, class_index: int) -> IouArray | list[float]:
        detections, objects = evaluation._dts[image_id, class_index], evaluation._gts[image_id, class_index]
        if not detections or not objects:
            return []
        best_first = sorted(detections, key=lambda row: -row["score"])[:MAX_DETECTIONS]
        return images[image_id].iou[np.ix_([row["place"] for row in best_first], [row["place"] for row in objects])]

    evaluation.computeIoU = look_up
    result = coco_result(evaluation)
    return _Precision(evaluation.params.iouThrs, evaluation.params.recThrs, result["precision"], result["scores"])


@dataclass(frozen=True)
class _Precision:
    """COCOeval's result: (T,) IoU thresholds, (101,) recalls, and (T, 101, K) precision and minimum score for each."""

    thresholds: NDArray[np.float64]
    recalls: NDArray[np.float64]
    precision: NDArray[np.float64]  # -1 for classes without objects
    scores: NDArray[np.float64]  # 0 where the recall is not reached

    def mean_ap(self) -> float | None:
        """Return AP in 0..100, mean over thresholds and classes with objects; None without objects."""
        known = self.precision[self.precision > -1]
        return 100 * float(known.mean()) if known.size else None


def _truth_rows(images: Sequence[ImageOverlaps]) -> list[dict[str, Any]]:
    # COCOeval needs an area in 0..1e10.
    return [
        {"image_id": number, "category_id": category, "iscrowd": int(crowd), "place": place, "area": 1}
        for number, image in enumerate(images)
        for place, (category, crowd) in enumerate(zip(image.truth_classes.tolist(), image.crowds.tolist(), strict=True))
    ]


def _detection_rows(images: Sequence[ImageOverlaps]) -> list[dict[str, Any]]:
    return [
        {"image_id": number, "category_id": category, "score": score, "place": place, "area": 1}
        for number, image in enumerate(images)
        for place, (category, score) in enumerate(zip(image.classes.tolist(), image.scores.tolist(), strict=True))
    ]


def _curve(result: _Precision, threshold: int, class_index: int) -> pd.DataFrame:
    precision = result.precision[threshold, :, class_index]
    scores = result.scores[threshold, :, class_index]
    return pd.DataFrame(
        {
            "iou": result.thresholds[threshold],
            "class_index": class_index,
            "recall": result.recalls,
            "precision": precision,
            "score": np.where(precision > 0, scores, np.nan),
        }
    )


def _ap(images: Sequence[ImageOverlaps], classes: int, limits: ErrorLimits) -> float:
    return _precision_of_overlaps(images, classes, [limits.found_iou]).mean_ap() or 0.0


def _mend(images: Sequence[ImageOverlaps], errors: Sequence[ImageErrors], kind: ErrorKind) -> list[ImageOverlaps]:
    """Return the images without one kind of error.

    A misclassified detection or a bad mask becomes right if it is the best-scoring one of an object that was not found,
    and is removed otherwise. Other wrong detections are removed; missed objects are removed from the ground truth.
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


def _made_right(image: ImageOverlaps, wrong: ImageErrors, rows: list[int]) -> ImageOverlaps:
    """Give detections the class and mask of the object they are about."""
    classes, iou = image.classes.copy(), image.iou.copy()
    objects = wrong.objects[rows]
    classes[rows] = image.truth_classes[objects]
    iou[rows] = 0
    iou[rows, objects] = 1
    return replace(image, classes=classes, iou=iou)


def _best_attempts(image: ImageOverlaps, wrong: ImageErrors) -> set[int]:
    """Return the best-scoring detection of each object that was only nearly found."""
    best: dict[int, int] = {}
    for row in np.argsort(-image.scores, kind="stable"):
        index = int(wrong.objects[row])
        if wrong.kinds[row] in NEARLY_FOUND and not wrong.found[index]:
            best.setdefault(index, int(row))
    return set(best.values())


def _outcomes(images: Sequence[ImageOverlaps], min_iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of all detections that count, and whether each is right."""
    scores, right = [np.zeros(0)], [np.zeros(0, bool)]
    for image in images:
        matched = match_by_score(image, min_iou)
        counts = ~np.append(image.crowds, False)[matched]
        scores.append(image.scores[counts])
        right.append(matched[counts] != NO_MATCH)
    return np.concatenate(scores), np.concatenate(right)
