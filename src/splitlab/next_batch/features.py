"""How photos look: features of the Lite0 backbone with its ImageNet weights, pooled over the photo."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from splitlab.data.images import ImageArray
from splitlab.models.yolov5.layers import Lite0
from splitlab.next_batch.photo_rows import RowKind

FEATURE_SIDE = 160
"""Side of the square that a photo is scaled to, pixels: half the time of 224."""
_NAME, _WHAT = f"lite0-features-{FEATURE_SIDE}", "compute features of photos"


def feature_rows() -> RowKind:
    """Return the kind of rows that holds a photo's 320 features, of unit length.

    They are the means over the photo of the coarsest feature map of EfficientNet-Lite0.
    """
    backbone = Lite0()
    backbone.load_imagenet_weights()
    backbone.eval().to(memory_format=torch.channels_last)

    def compute(photos: Sequence[ImageArray]) -> NDArray[np.float32]:
        size = FEATURE_SIDE, FEATURE_SIDE
        squares = np.stack([cv2.resize(photo, size, interpolation=cv2.INTER_AREA) for photo in photos])
        # Not letterboxed: the grey would be part of the mean.
        batch = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            means = backbone(batch)[-1].mean(dim=(2, 3))
            return np.asarray(torch.nn.functional.normalize(means, dim=1).numpy())

    return RowKind(_NAME, _WHAT, Lite0.channels[-1], FEATURE_SIDE, compute)
