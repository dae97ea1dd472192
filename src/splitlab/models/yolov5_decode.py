"""From YOLOv5's raw levels to candidates: boxes in pixels, scores, mask coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from splitlab.models.candidates import Candidates


def decode(levels: list[Tensor], prototypes: Tensor, anchors: Tensor, strides: Sequence[int]) -> Candidates:
    """Turn raw levels (see `Segment`) into the candidates of a batch."""
    boxes, rest = [], []
    for raw, level_anchors, stride in zip(levels, anchors, strides, strict=True):
        boxes.append(_boxes(raw[..., :4].float(), level_anchors, stride))
        rest.append(raw[..., 4:].float().flatten(1, 3))
    cells = torch.cat(rest, dim=1)
    classes = cells.shape[2] - 1 - prototypes.shape[1]
    scores = cells[..., :1].sigmoid() * cells[..., 1 : 1 + classes].sigmoid()
    return Candidates(torch.cat(boxes, dim=1), scores, cells[..., 1 + classes :], prototypes.float())


def _boxes(raw: Tensor, anchors: Tensor, stride: int) -> Tensor:
    """(B, A, rows, columns, 4) raw to (B, A * rows * columns, 4) xyxy, pixels."""
    rows, columns = raw.shape[2:4]
    y, x = torch.meshgrid(
        torch.arange(rows, device=raw.device), torch.arange(columns, device=raw.device), indexing="ij"
    )
    squashed = raw.sigmoid() * 2
    centre = (squashed[..., :2] - 0.5 + torch.stack([x, y], dim=-1)) * stride
    size = squashed[..., 2:] ** 2 * anchors.view(1, -1, 1, 1, 2) * stride
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1).flatten(1, 3)
