"""Square windows around boxes: the box and a ring around it, in as many cells for every object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import roi_align

from splitlab.models.contract import Batch

# Odd, so that the centre of a box is the centre of a cell, and every box has at least one.
SIDE = 27
# Pixels of the training image in a cell of its masks (`Batch.masks`).
_MASK_STRIDE = 4
# Width of the ring, as a share of the box's longer side; the ring of a small box is wider.
_RING = 0.15


@dataclass(frozen=True)
class Windows:
    """The windows of N objects.

    The centre of a window is that of the box. A cell is as large as one of `Batch.masks`, or larger where the box would
    not fit: so the cost of an object depends neither on its size nor on that of the image.
    """

    rois: Tensor  # (N, 5) the number of the image, xyxy in pixels
    inside: Tensor  # (N, SIDE, SIDE) bool: cells whose centre is in the box, at least one
    seen: Tensor  # (N, SIDE, SIDE) bool: cells whose centre is in the image
    image_size: int  # side of the images, pixels

    @classmethod
    def around(cls, batch: Batch) -> Windows:
        """Return the windows of all objects of a batch; its masks are not read."""
        size = batch.images.shape[-1]
        boxes = batch.boxes.float()
        centre, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        cell = (sides.amax(dim=1, keepdim=True) * (1 + 2 * _RING) / SIDE).clamp(min=_MASK_STRIDE)
        half = cell * SIDE / 2
        rois = torch.cat([batch.image_index[:, None].float(), centre - half, centre + half], dim=1)
        steps = (torch.arange(SIDE, device=boxes.device) - SIDE // 2) * cell  # (N, SIDE), from the centre
        in_columns, in_rows = (steps.abs() < torch.maximum(sides / 2, cell / 2)[:, [axis]] for axis in (0, 1))
        x, y = centre[:, :1] + steps, centre[:, 1:] + steps
        seen_x, seen_y = (x > 0) & (x < size), (y > 0) & (y < size)
        return cls(rois, _crossed(in_rows, in_columns), _crossed(seen_y, seen_x), size)

    def cut(self, maps: Tensor) -> Tensor:
        """Return (N, C, SIDE, SIDE) float32, interpolated at the centres of the cells, from (B, C, h, w) maps."""
        scale = maps.shape[-1] / self.image_size
        cut: Tensor = roi_align(maps.float(), self.rois, SIDE, scale, sampling_ratio=1, aligned=True)
        return cut


def _crossed(rows: Tensor, columns: Tensor) -> Tensor:
    return rows[:, :, None] & columns[:, None, :]
