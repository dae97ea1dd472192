"""Boundary IoU (Cheng et al., CVPR 2021): how well outlines agree, however large the objects are."""

from __future__ import annotations

import cv2
import numpy as np

from splitlab.geometry import MaskArray, Rle, rle_area, rle_to_mask, rle_to_xyxy

DIAGONAL_SHARE = 0.02
_SQUARE = np.ones((3, 3), np.uint8)


def boundary_iou(first: Rle, second: Rle) -> float:
    """Return the IoU of two masks' inner boundaries, each 2 % of the image's diagonal wide; 0 where both are empty.

    Args:
        first: a mask.
        second: a mask of the same image.
    """
    corners = np.array([rle_to_xyxy(mask) for mask in (first, second) if rle_area(mask)], np.int64)
    if not len(corners):
        return 0.0
    # Nothing lies outside this window, and eroding a few hundred pixels is faster than eroding an image.
    (left, top), (right, bottom) = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    depth = boundary_pixels(*first["size"])
    one, other = (_boundary(rle_to_mask(mask)[top:bottom, left:right], depth) for mask in (first, second))
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def boundary_pixels(height: int, width: int) -> int:
    """Return how wide the boundary is in an image of this size: 2 % of its diagonal, at least one pixel."""
    return max(1, round(DIAGONAL_SHARE * float(np.hypot(height, width))))


def _boundary(mask: MaskArray, depth: int) -> MaskArray:
    # Beyond the image is background: a mask has a boundary where the image cuts it off.
    inner = cv2.erode(mask.astype(np.uint8), _SQUARE, iterations=depth, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    boundary: MaskArray = mask & (inner == 0)
    return boundary
