"""Precision against recall, class by class, as COCOeval draws it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from splitlab.evaluation.object_matches import ImageOverlaps
from splitlab.evaluation.overlap_precision import Precision, precision_of_overlaps

CURVE_IOUS = (0.5, 0.7, 0.75)
COLUMNS = ("iou", "class_index", "recall", "precision", "score")


def precision_recall_curves(
    images: Sequence[ImageOverlaps], classes: int, thresholds: Sequence[float] = CURVE_IOUS
) -> pd.DataFrame:
    """Return precision at 101 recalls for each IoU threshold and each class that has objects.

    Args:
        images: overlaps of masks, or of boxes, with all detections.
        classes: how many there are.
        thresholds: of IoU.

    Returns:
        iou; class_index; recall and precision, 0..1, the precision being the best at that recall or a higher one;
        score, the least score that has to be let in for that recall, NaN where it is never reached.
    """
    result = precision_of_overlaps(images, classes, thresholds)
    curves = [
        _curve(result, threshold, index)
        for threshold in range(len(result.thresholds))
        for index in range(classes)
        if result.precision[threshold, 0, index] > -1
    ]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=list(COLUMNS))


def _curve(result: Precision, threshold: int, class_index: int) -> pd.DataFrame:
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
