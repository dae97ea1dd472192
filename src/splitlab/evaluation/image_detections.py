"""What a model found in one image, in the image's own pixels. Opens without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.geometry import FloatArray, Rle


@dataclass(frozen=True)
class ImageDetections:
    """What a model found in one image, best first.

    Attributes:
        height, width: of the image, pixels.
        boxes: (N, 4) float32 xyxy, pixels of the image.
        scores: (N,) float32, 0..1.
        classes: (N,) int64.
        masks: N masks in image size.
    """

    height: int
    width: int
    boxes: FloatArray
    scores: FloatArray
    classes: NDArray[np.int64]
    masks: tuple[Rle, ...]

    def to_json(self, class_names: Sequence[str]) -> list[dict[str, Any]]:
        """Return class, score, box and RLE mask of each detection."""
        return [
            {
                "class": class_names[index],
                "score": round(float(score), 5),
                "box": [round(float(side), 2) for side in box],
                "mask": mask,
            }
            for index, score, box, mask in zip(self.classes, self.scores, self.boxes, self.masks, strict=True)
        ]
