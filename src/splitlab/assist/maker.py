"""The interface of mask makers: a photo and boxes in, one soft mask for each box out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from splitlab.data.images import ImageArray
from splitlab.geometry import FloatArray, MaskArray, Rle, patch_to_rle
from splitlab.io import Progress, no_progress

OBJECT = 0.5
"""Pixels of a higher probability are the object."""

Region = tuple[int, int, int, int]
"""left, top, right, bottom in pixels of the photo, the far edge outside."""


@dataclass(frozen=True)
class MadeMask:
    """A machine-made mask of the object in one box.

    Attributes:
        region: the whole pixels that the box covers at least partly, within the photo.
        probability: (h, w) float32 over the region, 0..1; above 0.5 is the object.
        agreement: IoU of two answers of the maker, 0..1; 1 for makers with one answer.
    """

    region: Region
    probability: FloatArray
    agreement: float = 1.0

    @property
    def mask(self) -> MaskArray:
        """The mask over the region, (h, w)."""
        return self.probability > OBJECT

    def to_rle(self, height: int, width: int) -> Rle:
        """Return the mask in the size of its photo."""
        return patch_to_rle(self.mask, self.region[0], self.region[1], height, width)


@dataclass(frozen=True)
class Example:
    """An object of F whose mask a person drew.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        box: (4,) xyxy, pixels.
        mask: (H, W) bool.
    """

    photo: ImageArray
    box: FloatArray
    mask: MaskArray


class MaskMaker(Protocol):
    """Makes masks of the objects in given boxes."""

    @property
    def name(self) -> str:
        """Its name in files and messages."""

    def make(self, photo: ImageArray, boxes: FloatArray) -> list[MadeMask]:
        """Return one mask for each box.

        Args:
            photo: (H, W, 3) uint8 RGB.
            boxes: (N, 4) xyxy, pixels.
        """


@dataclass(frozen=True)
class Taught:
    """What teaching a maker gives.

    Attributes:
        maker: it has learnt from all examples.
        made: a mask for each example, by a maker that had not seen it: they tell how good new masks will be.
    """

    maker: MaskMaker
    made: list[MadeMask]


@runtime_checkable
class TeachableMaker(MaskMaker, Protocol):
    """A maker that learns from masks that a person drew."""

    least_examples: int
    """It learns nothing from fewer."""

    def taught(self, examples: Sequence[Example], progress: Progress = no_progress) -> Taught:
        """Return a maker that has learnt from these objects, at least `least_examples`."""


def box_region(box: FloatArray, height: int, width: int) -> Region:
    """Return the whole pixels that a box covers at least partly, within a photo; empty for a box outside it."""
    left, top = np.floor(np.clip(box[:2], 0, [width, height])).astype(int).tolist()
    right, bottom = np.ceil(np.clip(box[2:], 0, [width, height])).astype(int).tolist()
    return left, top, max(right, left), max(bottom, top)


def clipped(boxes: FloatArray, photo: ImageArray) -> FloatArray:
    """Return (N, 4) boxes cut to their photo."""
    height, width = photo.shape[:2]
    return np.asarray(np.clip(boxes, 0, [width, height, width, height]), np.float32)


def widened(box: FloatArray, margin: float) -> Region:
    """Return whole pixels around a box, `margin` of its sides wider on each side; they may lie outside the photo."""
    reach = np.maximum(box[2:] - box[:2], 1) * margin
    left, top = np.floor(box[:2] - reach).astype(int).tolist()
    right, bottom = np.ceil(box[2:] + reach).astype(int).tolist()
    return left, top, right, bottom


def cut_out(image: ImageArray, region: Region, side: int) -> ImageArray:
    """Return a region of an (H, W) or (H, W, 3) uint8 image, scaled to `side` x `side` pixels.

    Beyond the image its nearest pixels are repeated.
    """
    left, top, right, bottom = region
    height, width = image.shape[:2]
    inner = image[
        min(max(top, 0), height - 1) : max(min(bottom, height), 1),
        min(max(left, 0), width - 1) : max(min(right, width), 1),
    ]
    sides = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    whole = cv2.copyMakeBorder(inner, *sides, cv2.BORDER_REPLICATE) if any(sides) else inner
    shrinks = min(whole.shape[:2]) > side
    resized = cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def put_back(square: FloatArray, cut: tuple[float, float, float, float], region: Region) -> FloatArray:
    """Return an (S, S) map of the part `cut` (xyxy) of a photo for the pixels of a region, (h, w) float32."""
    left, top, right, bottom = region
    if right <= left or bottom <= top:
        return np.zeros((bottom - top, right - left), np.float32)
    scale = np.array(square.shape[::-1]) / [cut[2] - cut[0], cut[3] - cut[1]]
    # From pixel centres of the region to those of the map.
    start = (np.array([left, top]) + 0.5 - cut[:2]) * scale - 0.5
    x = (start[0] + scale[0] * np.arange(right - left)).astype(np.float32)
    y = (start[1] + scale[1] * np.arange(bottom - top)).astype(np.float32)
    return _at(square, y, x)


def _at(square: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
    """Read a map bilinearly on a grid: first its rows, then its columns."""
    rows = _between(square, y)
    return np.ascontiguousarray(_between(rows.T, x).T)


def _between(values: FloatArray, places: FloatArray) -> FloatArray:
    places = places.clip(0, len(values) - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    share = (places - low)[:, None].astype(np.float32)
    return np.asarray(values[low] * (1 - share) + values[high] * share, np.float32)
