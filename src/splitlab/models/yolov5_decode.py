"""From YOLOv5's raw predictions to detections: decoding, and non-maximum suppression by torchvision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from splitlab.models.contract import Detections, DetectSettings

# So many candidates reach the suppression, best first: it is quadratic in them.
MAX_CANDIDATES = 3000


def decode(
    levels: list[Tensor], prototypes: Tensor, anchors: Tensor, strides: Sequence[int], settings: DetectSettings
) -> list[Detections]:
    """Turn raw levels (see `Segment`) into the detections of each image."""
    boxes, rest = [], []
    for raw, level_anchors, stride in zip(levels, anchors, strides, strict=True):
        boxes.append(_boxes(raw[..., :4].float(), level_anchors, stride))
        rest.append(raw[..., 4:].float().flatten(1, 3))
    all_boxes, all_rest = torch.cat(boxes, dim=1), torch.cat(rest, dim=1)
    classes = all_rest.shape[2] - 1 - prototypes.shape[1]
    return [_suppress(*parts, classes, settings) for parts in zip(all_boxes, all_rest, prototypes.float(), strict=True)]


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


def _suppress(boxes: Tensor, rest: Tensor, prototypes: Tensor, classes: int, settings: DetectSettings) -> Detections:
    scores = rest[:, :1].sigmoid() * rest[:, 1 : 1 + classes].sigmoid()
    place, label = (scores > settings.min_score).nonzero(as_tuple=True)
    best = scores[place, label].argsort(descending=True)[:MAX_CANDIDATES]
    place, label = place[best], label[best]
    score = scores[place, label]
    kept = batched_nms(boxes[place], score, label, settings.nms_iou)[: settings.max_detections]
    coefficients = rest[place[kept], 1 + classes :]
    logits = torch.einsum("np,phw->nhw", coefficients, prototypes)
    return Detections(boxes[place[kept]], score[kept], label[kept], logits)
