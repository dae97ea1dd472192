"""GrabCut (Rother, Kolmogorov, Blake, 2004): masks from the colours inside and outside a box; needs nothing more."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.assist.maker import MadeMask, Region, box_region, clipped, cut_out, put_back, widened
from splitlab.data.images import ImageArray
from splitlab.geometry import FloatArray, MaskArray

_SIDE, _MARGIN, _ROUNDS = 160, 0.25, 3
# Boxes are mostly full in the middle and empty in the corners: the core, in half sides of the box, is surely object,
# and what lies outside the ellipse that fits the box is taken for background at first.
_CORE = 0.5
_NO_BOX = (0, 0, 0, 0)
_MIXTURE_NUMBERS = 65  # five Gaussians of a weight, a mean and a covariance, as OpenCV keeps them


@dataclass(frozen=True)
class GrabCutMaker:
    """Makes masks with OpenCV's GrabCut; everything outside the box is background."""

    name: str = "grabcut"

    def make(self, photo: ImageArray, boxes: FloatArray) -> list[MadeMask]:
        """Return one mask for each (N, 4) box; a box in which GrabCut finds nothing is filled."""
        return [self._make_one(photo, box) for box in clipped(boxes, photo)]

    def _make_one(self, photo: ImageArray, box: FloatArray) -> MadeMask:
        region = box_region(box, *photo.shape[:2])
        cut = widened(box, _MARGIN)
        square = cut_out(photo, cut, _SIDE)
        from_centre = _from_centre(box, cut, _SIDE)
        inside = np.abs(from_centre).max(axis=0) <= 1
        radius = np.hypot(*from_centre)
        start = np.select(
            [radius <= _CORE, inside & (radius <= 1), inside], [cv2.GC_FGD, cv2.GC_PR_FGD, cv2.GC_PR_BGD], cv2.GC_BGD
        ).astype(np.uint8)
        found = grabcut(square, start, _ROUNDS)
        found = found if found.any() else inside
        return MadeMask(region, put_back(found.astype(np.float32), cut, region))


def _from_centre(box: FloatArray, cut: Region, side: int) -> FloatArray:
    """Return x and y of each pixel of a cut-out from the centre of the box, in half sides of the box, (2, S, S)."""
    start, sides = np.array(cut[:2]), np.array([cut[2] - cut[0], cut[3] - cut[1]])
    places = start[:, None] + (np.arange(side) + 0.5) * sides[:, None] / side
    half = np.maximum((box[2:] - box[:2]) / 2, 0.5)
    x, y = (places - ((box[2:] + box[:2]) / 2)[:, None]) / half[:, None]
    return np.asarray(np.meshgrid(x, y), np.float32)


def grabcut(square: ImageArray, start: NDArray[np.uint8], rounds: int) -> MaskArray:
    """Run GrabCut from OpenCV's four marks; return its mask, or the start's if it has no object or no background."""
    marks = start.copy()
    inner, outer = np.zeros((1, _MIXTURE_NUMBERS)), np.zeros((1, _MIXTURE_NUMBERS))
    is_object = (start == cv2.GC_FGD) | (start == cv2.GC_PR_FGD)
    if is_object.any() and not is_object.all():
        try:
            # OpenCV draws its starting colours at random.
            cv2.setRNGSeed(0)
            cv2.grabCut(
                cv2.cvtColor(square, cv2.COLOR_RGB2BGR), marks, _NO_BOX, outer, inner, rounds, cv2.GC_INIT_WITH_MASK
            )
        except cv2.error:
            # Fewer colours than Gaussians, such as in a flat drawing.
            marks = start
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))
