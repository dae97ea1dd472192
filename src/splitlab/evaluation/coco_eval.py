"""AP of masks and boxes, computed by pycocotools: one pass holds AP50, AP70, AP75, AP50:95 and the classes' own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.evaluation.object_matches import Kind
from splitlab.evaluation.scored_masks import mask_regions, scored_masks
from splitlab.geometry import rle_area, xyxy_to_xywh

MAX_DETECTIONS = 100
# Places among COCO's ten IoU thresholds 0.50, 0.55, ..., 0.95.
THRESHOLDS = {"ap50": slice(0, 1), "ap70": slice(4, 5), "ap75": slice(5, 6), "ap50_95": slice(0, 10)}

Scores = dict[str, dict[str, Any]]


def evaluate_detections(dataset: Dataset, detections: Sequence[ImageDetections]) -> Scores:
    """Score detections, given in the order of `dataset.images`, against its labels.

    Masks are scored on the objects that have one; where only a box is known, a mask in it is neither right nor wrong.

    Returns:
        {"mask": {"ap50", "ap70", "ap75", "ap50_95", "per_class": {name: the same four}}, "box": {...}}, AP in 0..100,
        mean over the classes that have objects; None where a class has none.
    """
    results = coco_results(dataset, detections)
    with contextlib.redirect_stdout(io.StringIO()):
        masks, boxes = coco_truth(dataset, "mask"), coco_truth(dataset, "box")
        found = boxes.loadRes(results) if results else _empty_like(boxes)
        return {
            "mask": _summary(_precision(masks, found, "segm"), dataset.class_names),
            "box": _summary(_precision(boxes, found, "bbox"), dataset.class_names),
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


def coco_truth(dataset: Dataset, kind: Kind) -> COCO:
    """Return the labels as pycocotools compares masks or boxes with them.

    Raises:
        DataError: a mask on disk cannot be read.
    """
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image.image_id, "width": image.width, "height": image.height} for image in dataset.images],
        "categories": [
            {"id": category_id, "name": name}
            for category_id, name in zip(dataset.category_ids, dataset.class_names, strict=True)
        ],
        "annotations": [
            # COCOeval takes id 0 for "no match".
            {"id": number, "category_id": dataset.category_ids[label.class_index], **place}
            for number, (label, place) in enumerate(_places(dataset, kind), start=1)
        ],
    }
    truth.createIndex()
    return truth


def _places(dataset: Dataset, kind: Kind) -> Iterator[tuple[ObjectLabel, dict[str, Any]]]:
    for image in dataset.images:
        of_image = _masks(image) if kind == "mask" else _boxes(image)
        for label, place in zip(image.objects, of_image, strict=True):
            yield label, {"image_id": image.image_id, **place}


def _masks(image: ImageLabels) -> list[dict[str, Any]]:
    return [
        {"segmentation": mask, "area": rle_area(mask), "iscrowd": int(region)}
        for mask, region in zip(scored_masks(image), mask_regions(image), strict=True)
    ]


def _boxes(image: ImageLabels) -> list[dict[str, Any]]:
    sides = [xyxy_to_xywh(np.array(label.box)).tolist() for label in image.objects]
    return [
        {"bbox": box, "area": box[2] * box[3], "iscrowd": int(not label.is_scored)}
        for label, box in zip(image.objects, sides, strict=True)
    ]


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
