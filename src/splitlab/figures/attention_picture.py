"""A photo lit where a model looked."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.geometry import FloatArray

DARKEST = 0.25
Picture = NDArray[np.uint8]


def attention_picture(
    photo: Picture, attention: FloatArray, box: tuple[float, float, float, float], colour: str
) -> Picture:
    """Darken a photo where the model did not look, and draw the object's box.

    Args:
        photo: (H, W, 3) uint8 RGB.
        attention: (H, W), 0..1.
        box: xyxy, pixels.
        colour: "#rrggbb" of the box.
    """
    light = DARKEST + (1 - DARKEST) * np.sqrt(attention)[..., None]
    picture = (photo * light).astype(np.uint8)
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    left, top, right, bottom = (round(side) for side in box)
    width = max(round(max(photo.shape[:2]) / 300), 1)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), (red, green, blue), width)
    return picture
