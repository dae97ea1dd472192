"""AP on resampled test images, to tell how much a difference depends on the choice of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splitlab.evaluation.matches import NO_MATCH, ImageOverlaps, match_by_score

_Floats = NDArray[np.float64]

_RECALLS = np.linspace(0, 1, 101)


def image_draws(images: int, draws: int, seed: int) -> NDArray[np.int64]:
    """Return how often each image is drawn in each of several samples with replacement, shape (draws, images).

    The samples of a seed are the same on every call, so that all models are scored on the same ones.
    """
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), draws)


def ap_of_draws(images: Sequence[ImageOverlaps], weights: NDArray[np.int64], min_iou: float) -> _Floats:
    """Return COCO's AP at one IoU threshold in samples of the images, shape (D,), 0..100; NaN without objects.

    Detections with equal scores keep the order of the images; COCO would order them by their copies.

    Args:
        images: overlaps of masks or boxes, with all detections, at most 100 per image.
        weights: (D, images), how often each image is in each sample.
        min_iou: the IoU threshold.
    """
    rows = [_outcomes(image, number, min_iou) for number, image in enumerate(images)]
    classes, scores, right, image_of = (np.concatenate(column) for column in zip(*rows, strict=True))
    truths = [image.truth_classes[~image.crowds] for image in images]
    truth_classes = np.concatenate(truths)
    truth_image = np.repeat(np.arange(len(images)), [len(of_image) for of_image in truths])
    best_first = np.argsort(-scores, kind="stable")
    of_classes = []
    for index in np.unique(truth_classes):
        ours = best_first[classes[best_first] == index]
        objects = weights[:, truth_image[truth_classes == index]].sum(axis=1)
        of_classes.append(_average_precision(weights[:, image_of[ours]].astype(np.float64), right[ours], objects))
    if not of_classes:
        return np.full(len(weights), np.nan)
    known = ~np.isnan(of_classes)
    with np.errstate(invalid="ignore"):
        return np.asarray(100 * np.where(known, of_classes, 0).sum(axis=0) / known.sum(axis=0))


def _outcomes(image: ImageOverlaps, number: int, min_iou: float) -> tuple[NDArray[np.int64], _Floats, _Floats, _Floats]:
    """Return class, score, whether it finds an object (1 or 0) and image of each detection that is not in a crowd."""
    matched = match_by_score(image, min_iou)
    in_crowd = (matched != NO_MATCH) & image.crowds[matched] if len(image.crowds) else np.zeros(len(matched), bool)
    kept = ~in_crowd
    return (
        image.classes[kept],
        image.scores[kept],
        (matched[kept] != NO_MATCH).astype(np.float64),
        np.full(int(kept.sum()), number),
    )


def _average_precision(weights: _Floats, right: _Floats, objects: NDArray[np.int64]) -> _Floats:
    """Return the AP of one class in each sample, 0..1; NaN where no object was drawn.

    Args:
        weights: (D, N), how often each detection is in each sample, best score first.
        right: (N,), 1 for those that find an object.
        objects: (D,), objects of the class in each sample.
    """
    if not right.size:
        return np.where(objects > 0, 0.0, np.nan)
    found = np.cumsum(weights * right, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(found / np.cumsum(weights, axis=1))
        recall = found / objects[:, None]
    # Precision at a recall is the best at that recall or a higher one.
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.hstack([precision, np.zeros((len(precision), 1))])
    at_recalls = [
        float(padded[draw, np.searchsorted(recall[draw], _RECALLS)].mean()) if objects[draw] else np.nan
        for draw in range(len(objects))
    ]
    return np.array(at_recalls)
