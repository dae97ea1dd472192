"""The maker of a model trained here: its masks, cut to the given boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splitlab.assist.maker import MadeMask, box_region, clipped, put_back
from splitlab.data.images import ImageArray
from splitlab.geometry import FloatArray, box_iou

if TYPE_CHECKING:
    from splitlab.evaluation.predict import Letterbox
    from splitlab.models.contract import Detections, SegmentationModel

_LEAST_SCORE, _NMS_IOU, _MOST = 0.001, 0.9, 300
_LEAST_IOU = 0.1


@dataclass(frozen=True)
class OwnModelMaker:
    """Takes the detection whose box overlaps the given one most, and cuts its mask map to the given box.

    A YOLO's map is its prototypes weighted with the detection's coefficients; a DETR's comes from its attention. The
    agreement is the IoU of the two boxes. A box that no detection overlaps is filled, with an agreement of 0.

    Attributes:
        model: in evaluation mode.
        image_size: side of its square input, pixels.
        name: of the checkpoint.
    """

    model: SegmentationModel
    image_size: int
    name: str

    def make(self, photo: ImageArray, boxes: FloatArray) -> list[MadeMask]:
        """Return one mask for each (N, 4) box."""
        import torch

        from splitlab.evaluation.predict import letterbox
        from splitlab.models.contract import DetectSettings

        square, place = letterbox(photo, self.image_size)
        batch = torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255
        settings = DetectSettings(_LEAST_SCORE, _NMS_IOU, _MOST)
        with torch.inference_mode():
            found = self.model.detect(batch.to(next(self.model.parameters()).device), settings)[0]
        shift = np.array([place.left, place.top, place.left, place.top])
        found_boxes = (found.boxes.float().cpu().numpy() - shift) / place.ratio
        return [self._make_one(photo, box, found, found_boxes, place) for box in clipped(boxes, photo)]

    def _make_one(
        self, photo: ImageArray, box: FloatArray, found: Detections, found_boxes: FloatArray, place: Letterbox
    ) -> MadeMask:
        region = box_region(box, *photo.shape[:2])
        ious = [box_iou(box, other) for other in found_boxes]
        if max(ious, default=0.0) < _LEAST_IOU:
            filled = np.ones((region[3] - region[1], region[2] - region[0]), np.float32)
            return MadeMask(region, filled, 0.0)
        best = int(np.argmax(ious))
        probability = np.asarray(found.mask_logits[best].float().sigmoid().cpu().numpy(), np.float32)
        left, top = -place.left / place.ratio, -place.top / place.ratio
        side = self.image_size / place.ratio
        cut = left, top, left + side, top + side
        return MadeMask(region, put_back(probability, cut, region), ious[best])
