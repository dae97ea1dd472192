"""COCO AP of masks and boxes, and scores of single objects by mask and boundary IoU."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.masks import read_mask
from splitlab.evaluation.detections import ImageDetections, mask_regions, scored_masks
from splitlab.evaluation.matches import FOUND_IOU, NO_MATCH, ImageOverlaps, IntArray, Kind, match_by_score
from splitlab.geometry import MaskArray, Rle, box_iou, rle_area, rle_to_mask, rle_to_xyxy, xyxy_to_xywh

MAX_DETECTIONS = 100
# Slices of COCO's ten IoU thresholds 0.50, 0.55, ..., 0.95.
THRESHOLDS = {"ap50": slice(0, 1), "ap70": slice(4, 5), "ap75": slice(5, 6), "ap50_95": slice(0, 10)}

Scores = dict[str, dict[str, Any]]

_DIAGONAL_SHARE = 0.02
_SQUARE = np.ones((3, 3), np.uint8)

_OBJECT_COLUMNS = (
    "image_id",
    "object",
    "truth_class",
    "found_by",
    "score",
    "mask_iou",
    "boundary_iou",
    "box_iou",
    "localised_by",
    "predicted_class",
    "predicted_score",
)
_DRAWS = 1000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A mean over objects with its 95 % interval over images.

    Attributes:
        value: the mean; None without objects.
        low, high: the interval, from resampling images with replacement; None likewise.
        objects: the number of objects.
    """

    value: float | None
    low: float | None
    high: float | None
    objects: int


def evaluate_detections(dataset: Dataset, detections: Sequence[ImageDetections]) -> Scores:
    """Score detections, in the order of `dataset.images`, against the labels.

    Masks are scored on objects that have one; a mask in the box of another object is ignored.

    Returns:
        {"mask": {"ap50", "ap70", "ap75", "ap50_95", "per_class": {name: the same four}}, "box": {...}}: AP in 0..100,
        mean over the classes with objects; None for a class without objects.
    """
    results = coco_results(dataset, detections)
    with contextlib.redirect_stdout(io.StringIO()):
        masks, boxes = _coco_truth(dataset, "mask"), _coco_truth(dataset, "box")
        found = boxes.loadRes(results) if results else coco_of(boxes.dataset["images"], boxes.dataset["categories"], [])
        return {
            "mask": _summary(coco_result(COCOeval(masks, found, "segm"))["precision"], dataset.class_names),
            "box": _summary(coco_result(COCOeval(boxes, found, "bbox"))["precision"], dataset.class_names),
        }


def coco_results(dataset: Dataset, detections: Sequence[ImageDetections]) -> list[dict[str, Any]]:
    """Return detections in COCO's results format: category ids, xywh boxes, RLE masks."""
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


def scores_of_objects(
    dataset: Dataset, detections: Sequence[ImageDetections], overlaps: Sequence[ImageOverlaps]
) -> pd.DataFrame:
    """List the labelled objects, without crowds and objects without a mask.

    `detections` are in the order of the images; `overlaps` are of their masks, of all or of those above a score.

    Returns:
        image_id; object (its index in the image); truth_class; found_by (the detection that COCO matches with it at IoU
        0.5, or NO_MATCH) with its score, mask_iou, boundary_iou and box_iou (0..1, NaN if not found); localised_by (the
        best-scoring detection of any class with IoU 0.5 or more) with its predicted_class and predicted_score.
    """
    rows = [
        row
        for labels, found, image in zip(dataset.images, detections, overlaps, strict=True)
        for row in _rows(labels, found, image)
    ]
    return pd.DataFrame(rows, columns=list(_OBJECT_COLUMNS))


def class_confusion_rate(objects: pd.DataFrame) -> Estimate:
    """Return the share of localised objects whose best-scoring detection is misclassified (Observation 5)."""
    localised = objects[objects["localised_by"] != NO_MATCH]
    return _estimate(localised["image_id"], localised["predicted_class"] != localised["truth_class"])


def mean_mask_iou(objects: pd.DataFrame) -> Estimate:
    """Return the mean mask IoU of the found objects (Observation 6)."""
    found = objects[objects["found_by"] != NO_MATCH]
    return _estimate(found["image_id"], found["mask_iou"])


def mean_boundary_iou(objects: pd.DataFrame) -> Estimate:
    """Return the mean boundary IoU of the found objects."""
    found = objects[objects["found_by"] != NO_MATCH]
    return _estimate(found["image_id"], found["boundary_iou"])


def coco_result(evaluation: COCOeval) -> dict[str, NDArray[np.float64]]:
    """Run COCOeval over all object sizes.

    Returns:
        precision and scores, (thresholds, 101 recalls, classes); precision is -1 for classes without objects.
    """
    evaluation.params.areaRng = evaluation.params.areaRng[:1]
    evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:1]
    evaluation.params.maxDets = [MAX_DETECTIONS]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    return {name: evaluation.eval[name][..., 0, 0] for name in ("precision", "scores")}


def coco_of(images: list[dict[str, Any]], categories: list[dict[str, Any]], rows: list[dict[str, Any]]) -> COCO:
    """Return pycocotools' form of images, categories and annotations, which get ids."""
    coco = COCO()
    # COCOeval uses id 0 for "no match".
    annotations = [{"id": number, **row} for number, row in enumerate(rows, start=1)]
    coco.dataset = {"info": {}, "images": images, "categories": categories, "annotations": annotations}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _coco_truth(dataset: Dataset, kind: Kind) -> COCO:
    """Return the labels as ground truth of masks or boxes for pycocotools."""
    images = [{"id": image.image_id, "width": image.width, "height": image.height} for image in dataset.images]
    named = zip(dataset.category_ids, dataset.class_names, strict=True)
    categories = [{"id": category_id, "name": name} for category_id, name in named]
    rows = [
        {"category_id": dataset.category_ids[label.class_index], **place} for label, place in _places(dataset, kind)
    ]
    return coco_of(images, categories, rows)


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


def _rows(labels: ImageLabels, found: ImageDetections, image: ImageOverlaps) -> list[tuple[object, ...]]:
    matched = match_by_score(image)
    localised = _best_of_any_class(image)
    found_by = {int(index): row for row, index in enumerate(matched) if index != NO_MATCH}
    return [
        (
            labels.image_id,
            index,
            label.class_index,
            *_found(label, found, image, index, found_by.get(index, NO_MATCH)),
            *_localised(image, int(localised[index])),
        )
        for index, label in enumerate(labels.objects)
        if not image.crowds[index]
    ]


def _best_of_any_class(image: ImageOverlaps, min_iou: float = FOUND_IOU) -> IntArray:
    """Return (G,) int64: the best-scoring detection that overlaps each object by `min_iou`, or NO_MATCH."""
    scores = np.where(image.iou >= min_iou, image.scores[:, None], -1.0)
    if not len(scores):
        return np.full(len(image.truth_classes), NO_MATCH, np.int64)
    best: IntArray = np.where(scores.max(axis=0) >= 0, scores.argmax(axis=0), NO_MATCH)
    return best


def _found(
    label: ObjectLabel, found: ImageDetections, image: ImageOverlaps, index: int, row: int
) -> tuple[object, ...]:
    if row == NO_MATCH or label.mask is None:
        return NO_MATCH, np.nan, np.nan, np.nan, np.nan
    place = int(image.places[row])
    return (
        place,
        float(image.scores[row]),
        float(image.iou[row, index]),
        _boundary_iou(read_mask(label.mask), found.masks[place]),
        box_iou(label.box, found.boxes[place]),
    )


def _boundary_iou(first: Rle, second: Rle) -> float:
    """Return the IoU of two masks' inner boundaries, each 2 % of the image's diagonal wide; 0 if both are empty."""
    corners = np.array([rle_to_xyxy(mask) for mask in (first, second) if rle_area(mask)], np.int64)
    if not len(corners):
        return 0.0
    # Eroding only the window that contains both masks is faster than eroding the image.
    (left, top), (right, bottom) = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    depth = _boundary_pixels(*first["size"])
    one, other = (_boundary(rle_to_mask(mask)[top:bottom, left:right], depth) for mask in (first, second))
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def _boundary_pixels(height: int, width: int) -> int:
    """Return the width of the boundary: 2 % of the diagonal, at least one pixel."""
    return max(1, round(_DIAGONAL_SHARE * float(np.hypot(height, width))))


def _boundary(mask: MaskArray, depth: int) -> MaskArray:
    # Outside the image is background: a mask has a boundary at the image's edge.
    inner = cv2.erode(mask.astype(np.uint8), _SQUARE, iterations=depth, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    boundary: MaskArray = mask & (inner == 0)
    return boundary


def _localised(image: ImageOverlaps, row: int) -> tuple[object, ...]:
    if row == NO_MATCH:
        return NO_MATCH, NO_MATCH, np.nan
    return int(image.places[row]), int(image.classes[row]), float(image.scores[row])


def _estimate(image_ids: pd.Series, values: pd.Series) -> Estimate:
    """Return the mean and its bootstrap interval; whole images are drawn, since their objects are not independent."""
    if not len(values):
        return Estimate(None, None, None, 0)
    images = values.astype(float).groupby(image_ids.to_numpy()).agg(["sum", "count"]).to_numpy()
    draws = np.random.default_rng(0).multinomial(len(images), np.full(len(images), 1 / len(images)), _DRAWS)
    sums = draws @ images
    low, high = np.percentile(sums[:, 0] / sums[:, 1], _INTERVAL)
    return Estimate(float(values.mean()), float(low), float(high), len(values))
