"""From labels and detections to the objects that panels and pictures draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from splitlab.data.dataset import ImageLabels
from splitlab.data.masks import read_mask
from splitlab.evaluation.error_kinds import ErrorKind
from splitlab.evaluation.errors_by_kind import errors_of_image
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.evaluation.object_matches import ImageOverlaps
from splitlab.evaluation.seen_by import ShownObjects
from splitlab.figures.mask_panels import DrawnObject


def drawn_truth(labels: ImageLabels, class_names: Sequence[str]) -> list[DrawnObject]:
    """Return the labelled objects that have a mask; crowds are left out.

    Raises:
        DataError: a mask on disk cannot be read.
    """
    return [drawn_label(labels, index, class_names) for index in _with_mask(labels)]


def drawn_label(labels: ImageLabels, index: int, class_names: Sequence[str]) -> DrawnObject:
    """Return one labelled object that has a mask, by its place in the image."""
    label = labels.objects[index]
    if label.mask is None:
        raise ValueError(f"object {index} of image {labels.image_id} has no mask")
    return DrawnObject(
        label.class_index, class_names[label.class_index], None, label.box, read_mask(label.mask), place=index
    )


def drawn_detections(found: ImageDetections, class_names: Sequence[str], min_score: float) -> list[DrawnObject]:
    """Return the detections that score `min_score` or more, best first."""
    return [
        drawn_detection(found, place, class_names)
        for place in np.argsort(-found.scores, kind="stable")
        if found.scores[place] >= min_score
    ]


def drawn_detection(found: ImageDetections, place: int, class_names: Sequence[str]) -> DrawnObject:
    """Return one detection by its place in the image."""
    index = int(found.classes[place])
    left, top, right, bottom = (float(side) for side in found.boxes[place])
    box = left, top, right, bottom
    return DrawnObject(index, class_names[index], float(found.scores[place]), box, found.masks[place], place=int(place))


def drawn_errors(
    labels: ImageLabels, found: ImageDetections, overlaps: ImageOverlaps, class_names: Sequence[str]
) -> list[DrawnObject]:
    """Return detections with what became of each, and the objects that were missed.

    Args:
        labels: the image.
        found: what a model sees in it.
        overlaps: of those of the detections that are to be looked at.
        class_names: of the data set.
    """
    wrong = errors_of_image(overlaps)
    shown = [
        replace(drawn_detection(found, int(place), class_names), kind=kind)
        for place, kind in zip(overlaps.places, wrong.kinds, strict=True)
        if kind is not None
    ]
    missed = set(np.flatnonzero(wrong.missed).tolist()) & set(_with_mask(labels))
    shown += [replace(drawn_label(labels, index, class_names), kind=ErrorKind.MISSED) for index in sorted(missed)]
    return shown


def keep_shown(objects: Iterable[DrawnObject], model: str, shown: ShownObjects) -> list[DrawnObject]:
    """Keep the objects of a panel that are to be shown: labels, and the detections of a model.

    Args:
        objects: as they are drawn.
        model: whose detections they are; of the truth any name.
        shown: what is to be shown.
    """
    detections = shown.detections.get(model, frozenset())
    return [found for found in objects if found.place in (shown.labels if found.score is None else detections)]


def _with_mask(labels: ImageLabels) -> list[int]:
    return [index for index, label in enumerate(labels.objects) if label.mask is not None and not label.is_crowd]
