"""The objects of an export: those that a model found, and masks and boxes as outlines."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from splitlab.data.dataset import Box, ImageLabels, ObjectLabel
from splitlab.errors import DataError
from splitlab.geometry import MaskArray, Rle, polygons_to_rle, rle_area, rle_to_mask, rle_to_xyxy, union

Points = NDArray[np.float64]
"""(N, 2) xy, pixels; pixel corners as in COCO's polygons."""

_LEAST_POINTS = 3
_LEAST_IOU = 0.98
# Pixels that a simplified outline may be off, widest first.
_TOLERANCES = (8.0, 4.0, 2.0, 1.0, 0.5)


class LabelShape(StrEnum):
    """One shape for all objects of an export, instead of the exact masks and the boxes."""

    BOXES = "boxes"
    """All are boxes."""
    OUTLINES = "outlines"
    """All masks are outlines. In YOLO's text files a box becomes its four corners, as in the authors' W."""


@dataclass(frozen=True, slots=True)
class FoundObject(ObjectLabel):
    """An object that a model found; exports state its score, 0 to 1."""

    score: float = 1.0


def score_of(label: ObjectLabel) -> float | None:
    """Return the rounded score of an object that a model found; None for a label."""
    return round(label.score, 5) if isinstance(label, FoundObject) else None


def corners(box: Box) -> Points:
    """Return the four corners of a box."""
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def inside_image(label: ObjectLabel, image: ImageLabels) -> Box:
    """Return an object's box, cut to its image. Raise DataError if a side is not a number."""
    sides = np.array(label.box, np.float64)
    if not np.isfinite(sides).all():
        raise DataError(f"{image.path}: a box has a side that is not a number. Correct its labels.")
    left, top, right, bottom = sides.clip(0, [image.width, image.height] * 2).tolist()
    return left, top, right, bottom


def row_runs(mask: MaskArray) -> list[int]:
    """Return the lengths of the runs of an (H, W) mask, row by row: background, object, background, and so on.

    The first is 0 if the first pixel is the object's.
    """
    pixels = mask.ravel()
    ends = np.append(np.flatnonzero(pixels[1:] != pixels[:-1]) + 1, pixels.size)
    lengths: list[int] = np.diff(ends, prepend=0).tolist()
    return [0, *lengths] if pixels[0] else lengths


def trace_outline(mask: Rle) -> Points:
    """Return one polygon around a non-empty mask, pixel by pixel.

    OpenCV follows the centres of the outermost pixels, which would lose half a pixel on every side. Here it follows a
    canvas of twice the size, on which each pixel also covers its corners: half its coordinates are the pixels' edges.
    Parts are joined by lines of no area. Holes are filled.
    """
    return _join(_parts(mask))


def simple_outline(mask: Rle) -> Points:
    """Return a polygon around a non-empty mask with few points, for people to correct.

    Its IoU with the outline pixel by pixel, which is returned if no simpler one reaches that, is at least 0.98.
    """
    parts = _parts(mask)
    exact = _join(parts)
    drawn = _drawn(exact, mask)
    for tolerance in _TOLERANCES:
        outline = _join([_simplified(part, tolerance) for part in parts])
        if _iou(_drawn(outline, mask), drawn) >= _LEAST_IOU:
            return outline
    return exact


def _parts(mask: Rle) -> list[Points]:
    """Return the outline of each part, largest first."""
    left, top, right, bottom = rle_to_xyxy(mask).astype(int).tolist()
    pixels = rle_to_mask(mask)[top:bottom, left:right]
    canvas = np.zeros((2 * pixels.shape[0] + 1, 2 * pixels.shape[1] + 1), np.uint8)
    canvas[1::2, 1::2] = pixels
    canvas = cv2.dilate(canvas, np.ones((3, 3), np.uint8)).astype(np.uint8)
    contours, _ = cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [contour.reshape(-1, 2) / 2 + (left, top) for contour in contours]
    return sorted(parts, key=_extent, reverse=True)


def _join(parts: list[Points]) -> Points:
    """Join every part to the nearest point of the first one."""
    main, others = parts[0], parts[1:]
    if not others:
        return main
    tree = cKDTree(main)
    detours: dict[int, list[Points]] = defaultdict(list)
    for part in others:
        distances, nearest = tree.query(part)
        start = int(distances.argmin())
        loop = np.roll(part, -start, axis=0)
        detours[int(nearest[start])].append(np.concatenate([loop, loop[:1], main[nearest[start]][None]]))
    pieces = [np.concatenate([point[None], *detours.get(place, [])]) for place, point in enumerate(main)]
    return cast(Points, np.concatenate(pieces))


def _extent(part: Points) -> float:
    width, height = np.ptp(part, axis=0)
    return float(width * height)


def _simplified(part: Points, tolerance: float) -> Points:
    simple = cv2.approxPolyDP(part.astype(np.float32), tolerance, closed=True).reshape(-1, 2)
    return simple.astype(np.float64) if len(simple) >= _LEAST_POINTS else part


def _drawn(outline: Points, mask: Rle) -> Rle:
    height, width = mask["size"]
    return polygons_to_rle([outline.ravel().tolist()], height, width)


def _iou(one: Rle, other: Rle) -> float:
    either = rle_area(union([one, other]))
    common = rle_area(one) + rle_area(other) - either
    return common / either if either else 0.0
