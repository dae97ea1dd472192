"""Pictures of proposed masks."""

from __future__ import annotations

import cv2
import numpy as np

from splitlab.data.dataset import Box
from splitlab.data.images import ImageArray
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.geometry import Rle, rle_to_mask

_AROUND, _LEAST_AROUND = 0.35, 24
_SIDE = 900
_TINT = 0.22
_WIDTH = 3

Window = tuple[int, int, int, int]
"""left, top, right, bottom of a part of the photo, pixels."""


def window_around(box: Box, width: int, height: int) -> Window:
    """Return the part of a photo that shows a box and what is around it."""
    reach = max(_LEAST_AROUND, _AROUND * max(box[2] - box[0], box[3] - box[1]))
    left, top = max(int(box[0] - reach), 0), max(int(box[1] - reach), 0)
    right, bottom = min(int(box[2] + reach) + 1, width), min(int(box[3] + reach) + 1, height)
    return min(left, width - 1), min(top, height - 1), max(right, 1), max(bottom, 1)


def proposal_picture(photo: ImageArray, mask: Rle, box: Box, window: Window) -> ImageArray:
    """Draw a mask's outline and its box over a part of an (H, W, 3) uint8 RGB photo, long side 900 pixels."""
    left, top, right, bottom = window
    part = photo[top:bottom, left:right]
    scale = _SIDE / max(part.shape[:2])
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    picture = np.array(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA), np.uint8)
    shown = rle_to_mask(mask)[top:bottom, left:right].astype(np.uint8)
    shown = np.asarray(cv2.resize(shown * 255, size, interpolation=cv2.INTER_LINEAR) > 127, np.uint8)
    colour = _rgb(FULL_HUE)
    tinted = (1 - _TINT) * picture + _TINT * np.array(colour)
    picture = np.where(shown[..., None] > 0, tinted, picture).astype(np.uint8)
    corners = [round((side - start) * scale) for side, start in zip(box, (left, top, left, top), strict=True)]
    cv2.rectangle(picture, (corners[0], corners[1]), (corners[2] - 1, corners[3] - 1), _rgb(WEAK_HUE), _WIDTH - 1)
    outlines, _ = cv2.findContours(shown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    # White around the outline, so that it is seen on any photo.
    cv2.drawContours(picture, outlines, -1, (255, 255, 255), 2 * _WIDTH)
    cv2.drawContours(picture, outlines, -1, colour, _WIDTH)
    return picture


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
