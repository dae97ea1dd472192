"""Whether scores mean what they say: of the detections that score 0.8, are 80 % right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from splitlab.evaluation.object_matches import FOUND_IOU, NO_MATCH, ImageOverlaps, match_by_score

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """How scores and the share of right detections go together.

    Attributes:
        bins: a row for each bin of scores: low, high, detections (how many), mean_score, right (the share that finds
            an object); the last two NaN where the bin is empty.
        error: expected calibration error (Guo et al., 2017), 0..1: the mean gap between score and share, weighted by
            detections; None without detections.
    """

    bins: pd.DataFrame
    error: float | None


def calibration(images: Sequence[ImageOverlaps], min_iou: float = FOUND_IOU) -> Calibration:
    """Compare scores with the share of detections that find an object of their class; those in crowds do not count.

    Most detections score next to nothing and hide the rest: ask for `ImageOverlaps.above(...)` what is looked at.
    """
    scores, right = _outcomes(images, min_iou)
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    with np.errstate(invalid="ignore"):
        mean_score = np.bincount(places, scores, BINS) / counts
        share = np.bincount(places, right, BINS) / counts
    edges = np.linspace(0, 1, BINS + 1)
    bins = pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "detections": counts, "mean_score": mean_score, "right": share}
    )
    gaps = np.nan_to_num(np.abs(mean_score - share)) * counts
    return Calibration(bins, float(gaps.sum() / counts.sum()) if counts.sum() else None)


def _outcomes(images: Sequence[ImageOverlaps], min_iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and whether each is right, of all detections that count."""
    scores, right = [np.zeros(0)], [np.zeros(0, bool)]
    for image in images:
        matched = match_by_score(image, min_iou)
        counts = ~np.append(image.crowds, False)[matched]
        scores.append(image.scores[counts])
        right.append(matched[counts] != NO_MATCH)
    return np.concatenate(scores), np.concatenate(right)
