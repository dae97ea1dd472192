"""AP of masks and boxes, computed by pycocotools: one pass holds AP50, AP70, AP75, AP50:95 and the classes' own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from splitlab.data.dataset import Dataset
from splitlab.data.masks import read_mask
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.geometry import mask_to_rle, rle_area, xyxy_to_xywh

MAX_DETECTIONS = 100
# Places among COCO's ten IoU thresholds 0.50, 0.55, ..., 0.95.
THRESHOLDS = {"ap50": slice(0, 1), "ap70": slice(4, 5), "ap75": slice(5, 6), "ap50_95": slice(0, 10)}

Scores = dict[str, dict[str, Any]]


def evaluate_detections(dataset: Dataset, detections: Sequence[ImageDetections]) -> Scores:
    """Score detections, given in the order of `dataset.images`, against its labels.

    Returns:
        {"mask": {"ap50", "ap70", "ap75", "ap50_95", "per_class": {name: the same four}}, "box": {...}}, AP in 0..100,
        mean over the classes that have objects; None where a class has none.
    """
    results = coco_results(dataset, detections)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _truth(dataset)
        found = truth.loadRes(results) if results else _empty_like(truth)
        return {
            "mask": _summary(_precision(truth, found, "segm"), dataset.class_names),
            "box": _summary(_precision(truth, found, "bbox"), dataset.class_names),
        }


def coco_results(dataset: Dataset, detections: Sequence[ImageDetections]) -> list[dict[str, Any]]:
    """Return detections as COCO's results format has them: category ids, xywh boxes, RLE masks."""
    return [
        {
            "image_id": labels.image_id,
            "category_id": dataset.category_ids[index],
            "bbox": [round(float(side), 2) for side in xyxy_to_xywh(box)],
            "score": round(float(score), 5),
            "segmentation": mask,
        }
        for labels, found in zip(dataset.images, detections, strict=True)
        for index, score, box, mask in zip(found.classes, found.scores, found.boxes, found.masks, strict=True)
    ]


def _truth(dataset: Dataset) -> COCO:
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image.image_id, "width": image.width, "height": image.height} for image in dataset.images],
        "categories": [
            {"id": category_id, "name": name}
            for category_id, name in zip(dataset.category_ids, dataset.class_names, strict=True)
        ],
        "annotations": _truth_annotations(dataset),
    }
    truth.createIndex()
    return truth


def _truth_annotations(dataset: Dataset) -> list[dict[str, Any]]:
    annotations: list[dict[str, Any]] = []
    for image in dataset.images:
        nothing = mask_to_rle(np.zeros((image.height, image.width), bool))
        for label in image.objects:
            mask = read_mask(label.mask) if label.mask else nothing
            annotations.append(
                {
                    # COCOeval takes id 0 for "no match".
                    "id": len(annotations) + 1,
                    "image_id": image.image_id,
                    "category_id": dataset.category_ids[label.class_index],
                    "bbox": [float(side) for side in xyxy_to_xywh(np.array(label.box))],
                    "area": rle_area(mask),
                    "segmentation": mask,
                    "iscrowd": int(label.is_crowd),
                }
            )
    return annotations


def _empty_like(truth: COCO) -> COCO:
    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty


def _precision(truth: COCO, found: COCO, kind: str) -> NDArray[np.float64]:
    """Return (10 thresholds, 101 recalls, classes) precision over all sizes, -1 where a class has no object."""
    evaluation = COCOeval(truth, found, kind)
    evaluation.params.areaRng = evaluation.params.areaRng[:1]
    evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:1]
    evaluation.params.maxDets = [MAX_DETECTIONS]
    evaluation.evaluate()
    evaluation.accumulate()
    precision: NDArray[np.float64] = evaluation.eval["precision"][:, :, :, 0, 0]
    return precision


def _summary(precision: NDArray[np.float64], class_names: Sequence[str]) -> dict[str, Any]:
    summary: dict[str, Any] = {name: _mean(precision[rows]) for name, rows in THRESHOLDS.items()}
    summary["per_class"] = {
        class_name: {name: _mean(precision[rows, :, index]) for name, rows in THRESHOLDS.items()}
        for index, class_name in enumerate(class_names)
    }
    return summary


def _mean(precision: NDArray[np.float64]) -> float | None:
    known = precision[precision > -1]
    return round(100 * float(known.mean()), 2) if known.size else None
