"""The outline of a mask as one polygon."""

from __future__ import annotations

from collections import defaultdict
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from splitlab.geometry import Rle, rle_to_mask, rle_to_xyxy

Points = NDArray[np.float64]


def trace_outline(mask: Rle) -> Points:
    """Return one polygon around all of a mask, (N, 2) xy, pixels; corners of pixels, as in COCO's polygons.

    OpenCV follows the centres of the outermost pixels, which takes half a pixel from every side. Here it follows a
    canvas of twice the size, on which each pixel also covers its corners: half its coordinates are the pixels' edges.
    Parts are joined by lines there and back, which have no area. Holes are filled.

    Args:
        mask: at least one pixel of it is set.
    """
    left, top, right, bottom = rle_to_xyxy(mask).astype(int).tolist()
    pixels = rle_to_mask(mask)[top:bottom, left:right]
    canvas = np.zeros((2 * pixels.shape[0] + 1, 2 * pixels.shape[1] + 1), np.uint8)
    canvas[1::2, 1::2] = pixels
    canvas = cv2.dilate(canvas, np.ones((3, 3), np.uint8)).astype(np.uint8)
    contours, _ = cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [contour.reshape(-1, 2) / 2 + (left, top) for contour in contours]
    return _join(sorted(parts, key=_extent, reverse=True))


def _extent(part: Points) -> float:
    width, height = np.ptp(part, axis=0)
    return float(width * height)


def _join(parts: list[Points]) -> Points:
    """Hang every part on the point of the first one that is nearest to it."""
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
