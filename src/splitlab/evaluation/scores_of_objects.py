"""Each labelled object on its own: who found it, as what, and how good the outline is. And two means of it.

The means are what Observations 5 and 6 of the paper (Sec. 4.4) speak of: models trained with a larger W should give
objects the wrong class less often, models with a larger F should draw better masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.masks import read_mask
from splitlab.evaluation.boundary_iou import boundary_iou
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.evaluation.object_matches import FOUND_IOU, NO_MATCH, ImageOverlaps, IntArray, match_by_score

COLUMNS = (
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
    """A mean over objects, and the 95 % interval that other images of the same kind would leave it in.

    Attributes:
        value: the mean; None where there is no object to take it over.
        low, high: the interval, from drawing the images again with replacement; None likewise.
        objects: how many the mean is over.
    """

    value: float | None
    low: float | None
    high: float | None
    objects: int


def scores_of_objects(
    dataset: Dataset, detections: Sequence[ImageDetections], overlaps: Sequence[ImageOverlaps]
) -> pd.DataFrame:
    """List the labelled objects, crowds and objects without a mask left out.

    Args:
        dataset: the truth.
        detections: in the order of its images.
        overlaps: of these detections' masks, all of them or those above a score.

    Returns:
        image_id; object (its place in the image); truth_class; found_by (the detection COCO matches with it at IoU 0.5,
        NO_MATCH where none is) with its score, mask_iou, boundary_iou, box_iou (0..1, NaN where not found);
        localised_by (the best-scoring detection of any class with IoU 0.5 or more) with its predicted_class and
        predicted_score.
    """
    rows = [
        row
        for labels, found, image in zip(dataset.images, detections, overlaps, strict=True)
        for row in _rows(labels, found, image)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def class_confusion_rate(objects: pd.DataFrame) -> Estimate:
    """Return the share of localised objects whose best-scoring detection names the wrong class (Observation 5)."""
    localised = objects[objects["localised_by"] != NO_MATCH]
    return _estimate(localised["image_id"], localised["predicted_class"] != localised["truth_class"])


def mean_mask_iou(objects: pd.DataFrame) -> Estimate:
    """Return the mean mask IoU of the objects that were found (Observation 6)."""
    found = objects[objects["found_by"] != NO_MATCH]
    return _estimate(found["image_id"], found["mask_iou"])


def mean_boundary_iou(objects: pd.DataFrame) -> Estimate:
    """Return the mean boundary IoU of the objects that were found."""
    found = objects[objects["found_by"] != NO_MATCH]
    return _estimate(found["image_id"], found["boundary_iou"])


def best_of_any_class(image: ImageOverlaps, min_iou: float = FOUND_IOU) -> IntArray:
    """Return (G,) int64: the best-scoring detection that overlaps each object by `min_iou`, NO_MATCH without one."""
    scores = np.where(image.iou >= min_iou, image.scores[:, None], -1.0)
    if not len(scores):
        return np.full(len(image.truth_classes), NO_MATCH, np.int64)
    best: IntArray = np.where(scores.max(axis=0) >= 0, scores.argmax(axis=0), NO_MATCH)
    return best


def _rows(labels: ImageLabels, found: ImageDetections, image: ImageOverlaps) -> list[tuple[object, ...]]:
    matched = match_by_score(image)
    localised = best_of_any_class(image)
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
        boundary_iou(read_mask(label.mask), found.masks[place]),
        _box_iou(np.array(label.box), found.boxes[place].astype(np.float64)),
    )


def _localised(image: ImageOverlaps, row: int) -> tuple[object, ...]:
    if row == NO_MATCH:
        return NO_MATCH, NO_MATCH, np.nan
    return int(image.places[row]), int(image.classes[row]), float(image.scores[row])


def _box_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    common = float(sides.clip(0).prod())
    union = float((first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod()) - common
    return common / union if union > 0 else 0.0


def _estimate(image_ids: pd.Series, values: pd.Series) -> Estimate:
    """Take the mean and its bootstrap interval; whole images are drawn, for objects of one image are alike."""
    if not len(values):
        return Estimate(None, None, None, 0)
    images = values.astype(float).groupby(image_ids.to_numpy()).agg(["sum", "count"]).to_numpy()
    draws = np.random.default_rng(0).multinomial(len(images), np.full(len(images), 1 / len(images)), _DRAWS)
    sums = draws @ images
    low, high = np.percentile(sums[:, 0] / sums[:, 1], _INTERVAL)
    return Estimate(float(values.mean()), float(low), float(high), len(values))
