"""Precision and AP by pycocotools from overlaps that are already known, so that what-if questions cost little."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from splitlab.evaluation.object_matches import ImageOverlaps, IouArray

MAX_DETECTIONS = 100


@dataclass(frozen=True)
class Precision:
    """COCOeval's answer over all object sizes.

    Attributes:
        thresholds: (T,) IoU from which an object counts as found.
        recalls: (101,) 0, 0.01, ..., 1.
        precision: (T, 101, K) 0..1; -1 where a class has no object.
        scores: (T, 101, K) the score down to which one must go for that recall; 0 where it is never reached.
    """

    thresholds: NDArray[np.float64]
    recalls: NDArray[np.float64]
    precision: NDArray[np.float64]
    scores: NDArray[np.float64]

    def mean_ap(self) -> float | None:
        """Return AP in 0..100, mean over the thresholds and the classes that have objects; None where none has."""
        known = self.precision[self.precision > -1]
        return 100 * float(known.mean()) if known.size else None


def precision_of_overlaps(images: Sequence[ImageOverlaps], classes: int, thresholds: Sequence[float]) -> Precision:
    """Let COCOeval match and count what the overlaps describe.

    Args:
        images: one or more, each image once.
        classes: how many there are.
        thresholds: of IoU.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = _KnownOverlaps(images, classes, thresholds)
        evaluation.evaluate()
        evaluation.accumulate()
    params, result = evaluation.params, evaluation.eval
    return Precision(params.iouThrs, params.recThrs, result["precision"][..., 0, 0], result["scores"][..., 0, 0])


class _KnownOverlaps(COCOeval):  # type: ignore[misc]
    """COCOeval that looks overlaps up instead of computing them."""

    def __init__(self, images: Sequence[ImageOverlaps], classes: int, thresholds: Sequence[float]) -> None:
        truth = _coco(len(images), classes, _truth_rows(images))
        super().__init__(truth, _coco(len(images), classes, _detection_rows(images)), "bbox")
        self._overlaps = [image.iou for image in images]
        self.params.iouThrs = np.array(thresholds, np.float64)
        self.params.areaRng = self.params.areaRng[:1]
        self.params.areaRngLbl = self.params.areaRngLbl[:1]
        self.params.maxDets = [MAX_DETECTIONS]

    def computeIoU(self, imgId: int, catId: int) -> IouArray | list[float]:  # noqa: N802, N803 - pycocotools' names
        detections, truth = self._dts[imgId, catId], self._gts[imgId, catId]
        if not detections or not truth:
            return []
        best_first = sorted(detections, key=lambda row: -row["score"])[:MAX_DETECTIONS]
        return self._overlaps[imgId][np.ix_([row["place"] for row in best_first], [row["place"] for row in truth])]


def _coco(images: int, classes: int, rows: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": index} for index in range(images)],
        "categories": [{"id": index} for index in range(classes)],
        # COCOeval takes id 0 for "no match", and of a row's area only whether it is in 0..1e10.
        "annotations": [{"id": number, "area": 1, **row} for number, row in enumerate(rows, start=1)],
    }
    coco.createIndex()
    return coco


def _truth_rows(images: Sequence[ImageOverlaps]) -> list[dict[str, Any]]:
    return [
        {"image_id": number, "category_id": category, "iscrowd": int(crowd), "place": place}
        for number, image in enumerate(images)
        for place, (category, crowd) in enumerate(zip(image.truth_classes.tolist(), image.crowds.tolist(), strict=True))
    ]


def _detection_rows(images: Sequence[ImageOverlaps]) -> list[dict[str, Any]]:
    return [
        {"image_id": number, "category_id": category, "score": score, "place": place}
        for number, image in enumerate(images)
        for place, (category, score) in enumerate(zip(image.classes.tolist(), image.scores.tolist(), strict=True))
    ]
