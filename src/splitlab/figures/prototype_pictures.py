"""Pictures of a mask taken apart: the photo with box and mask, and single prototypes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.geometry import FloatArray

Picture = NDArray[np.uint8]
SIDE = 224
COVERED = 0.55


def masked_square(square: Picture, box: FloatArray, mask: NDArray[np.bool_], colour: str) -> Picture:
    """Lay a mask over the square that a model sees, and draw the box.

    Args:
        square: (S, S, 3) uint8 RGB.
        box: (4,) xyxy, pixels of the square.
        mask: (h, w), over the whole square at lower resolution.
        colour: "#rrggbb" of both.
    """
    picture = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    covered = cv2.resize(mask.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST).astype(bool)
    paint = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    picture[covered] = (picture[covered] * (1 - COVERED) + paint * COVERED).astype(np.uint8)
    left, top, right, bottom = (round(float(side) * SIDE / len(square)) for side in box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), tuple(map(int, paint)), 2)
    return np.asarray(picture, np.uint8)


def prototype_square(prototype: FloatArray, coefficient: float) -> Picture:
    """Draw one prototype as it enters a mask: light where it adds to the object, dark where it takes away.

    Args:
        prototype: (h, w).
        coefficient: of the object.
    """
    part = prototype * coefficient
    scale = max(float(np.abs(part).max()), 1e-9)
    grey = ((part / scale + 1) * 127.5).astype(np.uint8)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), np.uint8)
