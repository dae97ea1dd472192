"""Which class is taken for which, with background as a class of its own; each cell knows its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from splitlab.data.dataset import ImageId
from splitlab.evaluation.object_matches import NO_MATCH, ImageOverlaps, IntArray, match_any_class

COLUMNS = ("image_id", "truth_class", "predicted_class", "object", "detection", "score", "iou")


@dataclass(frozen=True)
class Confusion:
    """Counts of true class against predicted class.

    Attributes:
        counts: (K + 1, K + 1) int64, rows the truth, columns the prediction. The last row is detections that lie on no
            free object, the last column objects that none lies on.
        images: the images of each (row, column) that is not 0, each once, in the order of the data set.
    """

    counts: IntArray
    images: dict[tuple[int, int], tuple[ImageId, ...]]


def confusion_pairs(images: Sequence[ImageOverlaps]) -> pd.DataFrame:
    """Pair detections with objects at IoU 0.5, best score first, whatever the class; those in a crowd are left out.

    Ask of detections above a score (`ImageOverlaps.above`): each has a row, and most score next to nothing.

    Returns:
        A row for each pair, each detection without an object and each object without a detection: image_id,
        truth_class, predicted_class, object and detection (NO_MATCH where there is none), score and iou (NaN without
        a detection).
    """
    rows = [row for image in images for row in _pairs(image)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


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


def _pairs(image: ImageOverlaps) -> list[tuple[object, ...]]:
    matched = match_any_class(image)
    pairs = [
        _pair(image, row, int(index))
        for row, index in enumerate(matched)
        if index == NO_MATCH or not image.crowds[index]
    ]
    alone = set(np.flatnonzero(~image.crowds).tolist()) - set(matched.tolist())
    missed = [
        (image.image_id, int(image.truth_classes[index]), NO_MATCH, index, NO_MATCH, np.nan, np.nan)
        for index in sorted(alone)
    ]
    return [*pairs, *missed]


def _pair(image: ImageOverlaps, row: int, index: int) -> tuple[object, ...]:
    on_object = index != NO_MATCH
    return (
        image.image_id,
        int(image.truth_classes[index]) if on_object else NO_MATCH,
        int(image.classes[row]),
        index,
        int(image.places[row]),
        float(image.scores[row]),
        float(image.iou[row, index]) if on_object else float(image.iou[row].max(initial=0)),
    )
