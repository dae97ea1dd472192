"""The maker SAM (Segment Anything), by way of Ultralytics, with weights that the user has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.assist.maker import MadeMask, box_region, clipped
from splitlab.data.images import ImageArray
from splitlab.errors import CheckpointError, SettingsError
from splitlab.geometry import FloatArray


@dataclass(frozen=True)
class SamMaker:
    """Asks SAM for the object in each box.

    Attributes:
        segment: a photo, (H, W, 3) uint8 BGR, and (N, 4) boxes to (N, H, W) masks.
        name: of the weights.
    """

    segment: Callable[[ImageArray, FloatArray], Any]
    name: str

    def make(self, photo: ImageArray, boxes: FloatArray) -> list[MadeMask]:
        """Return one mask for each (N, 4) box; a box without an area has an empty one."""
        cut = clipped(boxes, photo)
        regions = [box_region(box, *photo.shape[:2]) for box in cut]
        masks = np.asarray(self.segment(np.ascontiguousarray(photo[..., ::-1]), cut))
        return [
            MadeMask(region, masks[place, region[1] : region[3], region[0] : region[2]].astype(np.float32))
            for place, region in enumerate(regions)
        ]


def load_sam(weights: Path) -> SamMaker:
    """Load SAM from a file such as sam_b.pt or mobile_sam.pt. Loading runs code in the file: use one you trust.

    Raises:
        CheckpointError: there is no such file, or Ultralytics cannot load it.
        SettingsError: Ultralytics is not installed.
    """
    if not weights.is_file():
        raise CheckpointError(
            f"{weights} is not a file. Download SAM's weights, such as sam_b.pt from "
            "github.com/ultralytics/assets/releases, and give their path: splitlab assist downloads nothing."
        )
    try:
        from ultralytics.models.sam import SAM
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"SAM needs the package {error.name}, which is not installed. Install it with: "
            "pip install 'splitlab[ultralytics]'"
        ) from error
    try:
        model = SAM(str(weights))
    # Ultralytics raises errors of many classes for files that are not SAM's.
    except Exception as error:
        raise CheckpointError(f"{weights}: Ultralytics cannot load it as SAM ({str(error)[:200]}).") from error

    def segment(photo: ImageArray, boxes: FloatArray) -> Any:
        found = model(photo, bboxes=boxes.tolist(), verbose=False)[0]
        return found.masks.data.cpu().numpy()

    return SamMaker(segment, weights.stem)
