"""Pictures of single objects: the ground truth and the detections of each model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from splitlab.data.dataset import ImageId, ImageLabels
from splitlab.data.images import load_labelled
from splitlab.data.masks import read_mask
from splitlab.evaluation.comparison import ComparedModel, Comparison
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.disagreement import ShownObjects
from splitlab.evaluation.errors_by_kind import errors_of_image
from splitlab.evaluation.matches import ErrorKind, ImageOverlaps
from splitlab.figures.mask_panels import DrawnObject, Taken, free_line
from splitlab.geometry import rle_to_mask


def drawn_truth(labels: ImageLabels, class_names: Sequence[str]) -> list[DrawnObject]:
    """Return the labelled objects that have a mask, without crowds."""
    return [_drawn_label(labels, index, class_names) for index in _with_mask(labels)]


def _drawn_label(labels: ImageLabels, index: int, class_names: Sequence[str]) -> DrawnObject:
    """Return one labelled object that has a mask, by its index in the image."""
    label = labels.objects[index]
    if label.mask is None:
        raise ValueError(f"object {index} of image {labels.image_id} has no mask")
    return DrawnObject(
        label.class_index, class_names[label.class_index], None, label.box, read_mask(label.mask), place=index
    )


def drawn_detections(found: ImageDetections, class_names: Sequence[str], min_score: float) -> list[DrawnObject]:
    """Return the detections that score at least `min_score`, best first."""
    return [
        _drawn_detection(found, place, class_names)
        for place in np.argsort(-found.scores, kind="stable")
        if found.scores[place] >= min_score
    ]


def _drawn_detection(found: ImageDetections, place: int, class_names: Sequence[str]) -> DrawnObject:
    """Return one detection by its index in the image."""
    index = int(found.classes[place])
    left, top, right, bottom = (float(side) for side in found.boxes[place])
    box = left, top, right, bottom
    return DrawnObject(index, class_names[index], float(found.scores[place]), box, found.masks[place], place=int(place))


def drawn_errors(
    labels: ImageLabels, found: ImageDetections, overlaps: ImageOverlaps, class_names: Sequence[str]
) -> list[DrawnObject]:
    """Return the detections in `overlaps` with their kinds of error, and the missed objects."""
    wrong = errors_of_image(overlaps)
    shown = [
        replace(_drawn_detection(found, int(place), class_names), kind=kind)
        for place, kind in zip(overlaps.places, wrong.kinds, strict=True)
        if kind is not None
    ]
    missed = set(np.flatnonzero(wrong.missed).tolist()) & set(_with_mask(labels))
    shown += [replace(_drawn_label(labels, index, class_names), kind=ErrorKind.MISSED) for index in sorted(missed)]
    return shown


def keep_shown(objects: Iterable[DrawnObject], model: str, shown: ShownObjects) -> list[DrawnObject]:
    """Return the selected objects of a panel: labels, and the detections of `model` (any name for the ground truth)."""
    detections = shown.detections.get(model, frozenset())
    return [found for found in objects if found.place in (shown.labels if found.score is None else detections)]


def _with_mask(labels: ImageLabels) -> list[int]:
    return [index for index, label in enumerate(labels.objects) if label.mask is not None and not label.is_crowd]


Picture = NDArray[np.uint8]

_LONG_SIDE = 480
_OPACITY = 0.4
_TEXT_PIXELS = 20
_MARGIN = 2


def object_picture(photo: Picture, objects: Sequence[DrawnObject], long_side: int = _LONG_SIDE) -> Picture:
    """Draw objects with classes and scores over a (H, W, 3) uint8 RGB photo, scaled to `long_side` pixels.

    A missed object is drawn as an outline.
    """
    ratio = long_side / max(photo.shape[:2])
    size = max(round(photo.shape[1] * ratio), 1), max(round(photo.shape[0] * ratio), 1)
    picture = np.array(
        cv2.resize(photo, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC), np.uint8
    )
    for found in objects:
        _fill(picture, found)
    return _with_labels(picture, objects, ratio)


def _fill(picture: Picture, found: DrawnObject) -> None:
    size = picture.shape[1], picture.shape[0]
    mask = cv2.resize(rle_to_mask(found.mask).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    colour = tuple(int(found.colour[place : place + 2], 16) for place in (1, 3, 5))
    if found.kind is not ErrorKind.MISSED:
        inside = mask > 0
        picture[inside] = ((1 - _OPACITY) * picture[inside] + _OPACITY * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, colour, 2, cv2.LINE_AA)


def _with_labels(picture: Picture, objects: Sequence[DrawnObject], ratio: float) -> Picture:
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT_PIXELS)
    taken: list[Taken] = []
    for found in objects:
        text = "".join(letter if letter.isprintable() else "?" for letter in found.label)
        left, _, right, bottom = draw.textbbox((0, 0), text, font=font)
        x = min(max(found.box[0] * ratio + _MARGIN, 0), max(image.width - (right - left) - _MARGIN, 0))
        y = min(max(found.box[1] * ratio + _MARGIN, 0), max(image.height - bottom - _MARGIN, 0))
        y = free_line(taken, x, x + right - left, y, bottom + _MARGIN)
        taken.append((x, x + right - left, y))
        draw.text((x, y), text, font=font, fill="white", stroke_width=2, stroke_fill="black")
    return np.asarray(image, np.uint8)


def truth_picture(comparison: Comparison, image_id: ImageId) -> Picture:
    """Draw an image's labels in the colours of their classes."""
    labels = comparison.dataset.by_id[image_id]
    return object_picture(load_labelled(labels), drawn_truth(labels, comparison.dataset.class_names))


def model_picture(comparison: Comparison, model: ComparedModel, image_id: ImageId) -> Picture:
    """Draw a model's detections and missed objects in the colours of the kinds of error."""
    labels = comparison.dataset.by_id[image_id]
    place = comparison.dataset.images.index(labels)
    overlaps = model.measured.overlaps[place].above(comparison.settings.min_score)
    objects = drawn_errors(labels, model.seen.detections[place], overlaps, comparison.dataset.class_names)
    return object_picture(load_labelled(labels), objects)
