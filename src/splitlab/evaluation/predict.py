"""Detections on real images: letterboxed for the model, and brought back to the image's own pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from splitlab.data.images import ImageArray
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.geometry import FloatArray, Rle, mask_to_rle
from splitlab.models.contract import Detections, DetectSettings, SegmentationModel

GREY = 114


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies in the model's square: scaled by `ratio`, moved by `left` and `top` pixels.

    `inner_height` and `inner_width` are its sides there, 1 or more.
    """

    ratio: float
    left: int
    top: int
    height: int
    width: int
    inner_height: int
    inner_width: int

    @property
    def inside(self) -> tuple[slice, slice]:
        """Its rows and columns of the square."""
        return slice(self.top, self.top + self.inner_height), slice(self.left, self.left + self.inner_width)


def predict(
    model: SegmentationModel, images: Sequence[ImageArray], size: int, settings: DetectSettings
) -> list[ImageDetections]:
    """Find objects in (H, W, 3) uint8 RGB images of any sizes, in one batch.

    Args:
        model: in evaluation mode.
        images: the images.
        size: side of the square the model sees, pixels.
        settings: what counts as a detection.
    """
    squares, places = zip(*(letterbox(image, size) for image in images), strict=True)
    device = next(model.parameters()).device
    batch = torch.from_numpy(np.stack(squares)).to(device).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        found = model.detect(batch, settings)
    return [_back(detections, place, size) for detections, place in zip(found, places, strict=True)]


def predict_in_batches(
    model: SegmentationModel, images: Iterator[ImageArray], size: int, settings: DetectSettings, batch_size: int = 8
) -> Iterator[ImageDetections]:
    """Find objects in any number of images, holding no more than a batch of them in memory."""
    waiting: list[ImageArray] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == batch_size:
            yield from predict(model, waiting, size, settings)
            waiting = []
    if waiting:
        yield from predict(model, waiting, size, settings)


def letterbox(image: ImageArray, size: int) -> tuple[ImageArray, Letterbox]:
    """Scale an (H, W, 3) image into the middle of a grey square of `size` pixels; return both and where it lies."""
    height, width = image.shape[:2]
    ratio = size / max(height, width)
    inner_height, inner_width = max(round(height * ratio), 1), max(round(width * ratio), 1)
    top, left = (size - inner_height) // 2, (size - inner_width) // 2
    place = Letterbox(ratio, left, top, height, width, inner_height, inner_width)
    square = np.full((size, size, 3), GREY, np.uint8)
    interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    square[place.inside] = cv2.resize(image, (inner_width, inner_height), interpolation=interpolation)
    return square, place


def _back(found: Detections, place: Letterbox, size: int) -> ImageDetections:
    inner = found.boxes.cpu().numpy() - [place.left, place.top, place.left, place.top]
    sides = [place.width, place.height, place.width, place.height]
    boxes = (inner / place.ratio).clip(0, sides).astype(np.float32)
    logits = found.mask_logits.float().cpu().numpy()
    masks = tuple(_full_size_mask(logit, box, place, size) for logit, box in zip(logits, boxes, strict=True))
    return ImageDetections(
        place.height, place.width, boxes, found.scores.cpu().numpy(), found.classes.cpu().numpy(), masks
    )


def _full_size_mask(logit: FloatArray, box: FloatArray, place: Letterbox, size: int) -> Rle:
    """Scale one (h, w) map of the square to the image's pixels inside the box; over 0 is the object.

    Only the box's pixels are computed, so 100 detections on a large image cost no more than they cover.
    """
    mask = np.zeros((place.height, place.width), bool)
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.ceil(box[2:]).astype(int)
    if right > left and bottom > top:
        scale = place.ratio * logit.shape[-1] / size
        shrink = logit.shape[-1] / size
        # From the middle of a pixel of the box to a place between the middles of the map's cells.
        to_map = np.array(
            [
                [scale, 0, (left + 0.5) * scale + place.left * shrink - 0.5],
                [0, scale, (top + 0.5) * scale + place.top * shrink - 0.5],
            ]
        )
        inside = cv2.warpAffine(
            logit,
            to_map,
            (int(right - left), int(bottom - top)),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        mask[top:bottom, left:right] = inside > 0
    return mask_to_rle(mask)
