"""Objects drawn into a photo's own pixels, for small pictures on pages and in reports."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from splitlab.evaluation.error_kinds import ErrorKind
from splitlab.figures.label_places import Taken, free_line
from splitlab.figures.mask_panels import DrawnObject
from splitlab.geometry import rle_to_mask

Picture = NDArray[np.uint8]

LONG_SIDE = 480
OPACITY = 0.4
TEXT_PIXELS = 20
_MARGIN = 2


def object_picture(photo: Picture, objects: Sequence[DrawnObject], long_side: int = LONG_SIDE) -> Picture:
    """Draw objects with their classes and scores over a (H, W, 3) uint8 RGB photo, scaled to `long_side` pixels.

    A missed object is an outline alone.
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
        picture[inside] = ((1 - OPACITY) * picture[inside] + OPACITY * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, colour, 2, cv2.LINE_AA)


def _with_labels(picture: Picture, objects: Sequence[DrawnObject], ratio: float) -> Picture:
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(TEXT_PIXELS)
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
