"""The images of a fused batch as the loss gets them: masks on those of F, boxes on those of W, framed in their hue."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from plotly.colors import hex_to_rgb

from splitlab.experiments.fused_batch import BatchImage
from splitlab.figures.palette import FULL_HUE, WEAK_HUE, class_colour

Picture = NDArray[np.uint8]

SIDE = 240
# Lines and frames are to be seen where a whole batch shares a screen.
_LINE, _FRAME = 3, 10
_OPACITY = 0.5
_COLUMNS, _GAP = 4, 12


def batch_picture(image: BatchImage) -> Picture:
    """Draw one image of the batch: (`SIDE`, `SIDE`, 3) uint8 RGB.

    An object with a mask in the batch, whoever's it is, is drawn by its mask, any other by its box.
    """
    inner = SIDE - 2 * _FRAME
    picture = np.array(cv2.resize(image.pixels, (inner, inner), interpolation=cv2.INTER_AREA), np.uint8)
    for box, class_index, mask in zip(image.boxes, image.classes, image.masks, strict=True):
        colour = hex_to_rgb(class_colour(int(class_index)))
        if mask.any():
            _draw_mask(picture, mask.astype(np.uint8), colour)
        else:
            left, top, right, bottom = (round(float(edge) * inner / len(image.pixels)) for edge in box)
            cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), colour, _LINE)
    frame = hex_to_rgb(hue_of(image))
    framed = cv2.copyMakeBorder(picture, _FRAME, _FRAME, _FRAME, _FRAME, cv2.BORDER_CONSTANT, value=frame)
    return np.asarray(framed, np.uint8)


def batch_sheet(images: Sequence[BatchImage]) -> Picture:
    """Lay all images of a batch side by side, four in a row, into one (H, W, 4) uint8 RGBA picture, clear between."""
    rows = [images[start : start + _COLUMNS] for start in range(0, len(images), _COLUMNS)]
    step = SIDE + _GAP
    sheet = np.zeros((len(rows) * step - _GAP, min(len(images), _COLUMNS) * step - _GAP, 4), np.uint8)
    for row, shown in enumerate(rows):
        for column, image in enumerate(shown):
            place = np.s_[row * step : row * step + SIDE, column * step : column * step + SIDE]
            sheet[place] = cv2.cvtColor(batch_picture(image), cv2.COLOR_RGB2RGBA)
    return sheet


def hue_of(image: BatchImage) -> str:
    """Return F's hue for an image of F, W's for one of W."""
    return FULL_HUE if image.has_mask else WEAK_HUE


def short_names(images: Sequence[BatchImage]) -> list[str]:
    """Name the images of a batch, each set counted from 1: "F 1", "W 1", "W 2"."""
    full = sum(image.has_mask for image in images)
    return [f"F {place + 1}" if place < full else f"W {place - full + 1}" for place in range(len(images))]


def _draw_mask(picture: Picture, mask: Picture, colour: tuple[int, int, int]) -> None:
    size = picture.shape[1], picture.shape[0]
    # Half of the values between two pixels: edges of the quarter-size masks run straight.
    large = np.asarray(cv2.resize(mask * 255, size, interpolation=cv2.INTER_LINEAR) > 127)
    picture[large] = ((1 - _OPACITY) * picture[large] + _OPACITY * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(large.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, colour, _LINE)
