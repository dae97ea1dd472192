"""Decode the outputs of a YOLO head: candidates, non-maximum suppression, masks, box refinement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as nnf
from torch import Tensor
from torchvision.ops import batched_nms

from splitlab.models.contract import Detections, DetectSettings

# The number of candidates that enter suppression, best first: its cost is quadratic.
_MAX_CANDIDATES = 3000
# How far outside its box a mask still counts, as a fraction of the box's sides. Both numbers were tuned on validation
# images of pets, street and the embedded scenes.
_MARGIN, _MASK_SHARE = 0.05, 0.5


@dataclass(frozen=True)
class Candidates:
    """The predictions of all A cells of B images, float32."""

    boxes: Tensor  # (B, A, 4) xyxy, pixels of the S x S images
    scores: Tensor  # (B, A, classes) 0..1; a cell may predict several classes
    coefficients: Tensor  # (B, A, P) of the prototypes
    prototypes: Tensor  # (B, P, h, w); a mask's logits are its coefficients times the prototypes
    nms_free: bool = False  # True if the model was trained to predict each object once and needs no suppression

    def by_name(self) -> dict[str, Tensor]:
        """Return the four tensors by name."""
        return {name: getattr(self, name) for name in ("boxes", "scores", "coefficients", "prototypes")}


def best_detections(candidates: Candidates, settings: DetectSettings) -> list[Detections]:
    """Select the detections of each image."""
    c = candidates
    images = zip(c.boxes, c.scores, c.coefficients, c.prototypes, strict=True)
    return [_choose(*image, c.nms_free, settings) for image in images]


def _choose(
    boxes: Tensor, scores: Tensor, coefficients: Tensor, prototypes: Tensor, nms_free: bool, settings: DetectSettings
) -> Detections:
    named = scores > settings.min_score
    # As in Ultralytics, the other classes are dropped only where boxes are suppressed.
    if settings.best_class_only and not nms_free:
        named &= nnf.one_hot(scores.argmax(dim=1), scores.shape[1]).bool()
    place, label = named.nonzero(as_tuple=True)
    best = scores[place, label].argsort(descending=True, stable=True)[:_MAX_CANDIDATES]
    place, label = place[best], label[best]
    score = scores[place, label]
    if not nms_free:
        kept = batched_nms(boxes[place], score, label, settings.nms_iou)
        place, label, score = place[kept], label[kept], score[kept]
    most = slice(settings.max_detections)
    logits = torch.einsum("np,phw->nhw", coefficients[place[most]], prototypes)
    return Detections(boxes[place[most]], score[most], label[most], logits)


def decode(levels: list[Tensor], prototypes: Tensor, anchors: Tensor, strides: Sequence[int]) -> Candidates:
    """Convert the raw levels of `Segment` to the candidates of a batch."""
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


def refined(found: Detections, size: int) -> Detections:
    """Move each box halfway to the rectangle around its mask; boxes without mask pixels stay."""
    if not len(found.boxes):
        return found
    around = _around_masks(found.boxes, found.mask_logits, size)
    return replace(found, boxes=torch.lerp(found.boxes, around, _MASK_SHARE))


def _around_masks(boxes: Tensor, logits: Tensor, size: int) -> Tensor:
    """Return (N, 4) xyxy rectangles around the positive logits (N, h, w) within each slightly enlarged box."""
    rows, columns = logits.shape[1:]
    row_pixels, column_pixels = size / rows, size / columns
    margin = _MARGIN * (boxes[:, 2:] - boxes[:, :2])
    low, high = boxes[:, :2] - margin, boxes[:, 2:] + margin
    x = (torch.arange(columns, device=boxes.device) + 0.5) * column_pixels
    y = (torch.arange(rows, device=boxes.device) + 0.5) * row_pixels
    in_columns = (x >= low[:, :1]) & (x <= high[:, :1])
    in_rows = (y >= low[:, 1:]) & (y <= high[:, 1:])
    inside = (logits > 0) & in_columns[:, None, :] & in_rows[:, :, None]
    left, right = _extent(inside.any(dim=1))
    top, bottom = _extent(inside.any(dim=2))
    around = torch.stack(
        [left * column_pixels, top * row_pixels, right * column_pixels, bottom * row_pixels], dim=1
    ).to(boxes)
    return torch.where(inside.flatten(1).any(dim=1, keepdim=True), around, boxes)


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first set cell of each row of (N, L) bool, and the cell after the last."""
    cells = occupied.int()
    return cells.argmax(dim=1), occupied.shape[1] - cells.flip(1).argmax(dim=1)
