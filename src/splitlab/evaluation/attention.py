"""Where a model with a decoder looked for each object, over the image's own pixels."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from splitlab.data.images import ImageArray
from splitlab.evaluation.predict import Letterbox, letterbox
from splitlab.geometry import FloatArray
from splitlab.models.contract import DetectSettings, SegmentationModel


def attention_over(
    model: SegmentationModel, image: ImageArray, size: int, settings: DetectSettings
) -> list[FloatArray] | None:
    """Return an (H, W) map for each detection of `predict`, in its order, 0..1 with the strongest cell at 1.

    Args:
        model: in evaluation mode.
        image: (H, W, 3) uint8 RGB.
        size: side of the square the model sees, pixels.
        settings: what counts as a detection.

    Returns:
        None where the model has no decoder that looks.
    """
    square, place = letterbox(image, size)
    batch = torch.from_numpy(square)[None].permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        maps = model.attention(batch, settings)
    if maps is None:
        return None
    return [_on_image(map_.float().numpy(), size, place) for map_ in maps[0]]


def _on_image(cells: FloatArray, size: int, place: Letterbox) -> FloatArray:
    whole = cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC)[place.inside]
    grown = cv2.resize(whole, (place.width, place.height), interpolation=cv2.INTER_LINEAR).clip(0)
    return np.asarray(grown / max(float(grown.max()), 1e-9), np.float32)
