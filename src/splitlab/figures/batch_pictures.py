"""The images of a fused batch as the loss gets them: masks on those of F, boxes on those of W, framed in their hue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from plotly.colors import hex_to_rgb

from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.experiments.fused_batch import BatchImage
from splitlab.figures.label_pictures import as_full, as_weak
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.geometry import MaskArray, mask_to_rle

Picture = NDArray[np.uint8]

_FRAME_SHARE = 0.045
_HALF = 0.5
_COLUMNS, _TILE, _GAP = 4, 240, 12


def batch_picture(image: BatchImage) -> Picture:
    """Draw one image of the batch in a frame: (side, side, 3) uint8 RGB, small ones enlarged.

    Masks are drawn where there are any in the batch, whoever's they are; boxes where there are none.
    """
    draw = as_full if image.masks.any() else as_weak
    drawn = draw(image.pixels, _labels(image))
    width = round(_FRAME_SHARE * len(drawn))
    frame = hex_to_rgb(hue_of(image))
    return np.asarray(cv2.copyMakeBorder(drawn, *[width] * 4, cv2.BORDER_CONSTANT, value=frame), np.uint8)


def batch_sheet(images: Sequence[BatchImage]) -> Picture:
    """Lay all images of a batch side by side, four in a row, into one (H, W, 4) uint8 RGBA picture, clear between."""
    rows = [images[start : start + _COLUMNS] for start in range(0, len(images), _COLUMNS)]
    step = _TILE + _GAP
    sheet = np.zeros((len(rows) * step - _GAP, min(len(images), _COLUMNS) * step - _GAP, 4), np.uint8)
    for row, shown in enumerate(rows):
        for column, image in enumerate(shown):
            tile = cv2.resize(batch_picture(image), (_TILE, _TILE), interpolation=cv2.INTER_AREA)
            place = np.s_[row * step : row * step + _TILE, column * step : column * step + _TILE]
            sheet[place] = cv2.cvtColor(tile, cv2.COLOR_RGB2RGBA)
    return sheet


def hue_of(image: BatchImage) -> str:
    """Return F's hue for an image of F, W's for one of W."""
    return FULL_HUE if image.has_mask else WEAK_HUE


def short_names(images: Sequence[BatchImage]) -> list[str]:
    """Name the images of a batch, each set counted from 1: "F 1", "W 1", "W 2"."""
    full = sum(image.has_mask for image in images)
    return [f"F {place + 1}" if place < full else f"W {place - full + 1}" for place in range(len(images))]


def _labels(image: BatchImage) -> ImageLabels:
    side = len(image.pixels)
    objects = []
    for box, class_index, mask in zip(image.boxes, image.classes, image.masks, strict=True):
        left, top, right, bottom = (float(edge) for edge in box)
        drawn = mask_to_rle(_enlarged(mask, side)) if mask.any() else None
        objects.append(ObjectLabel(int(class_index), (left, top, right, bottom), drawn))
    return ImageLabels("", Path(), side, side, tuple(objects))


def _enlarged(mask: MaskArray, side: int) -> MaskArray:
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR) > _HALF)
