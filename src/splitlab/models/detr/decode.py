"""From DETR's queries to detections: each query its best class, no suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torchvision.ops import box_convert

from splitlab.models.contract import DetectSettings


@dataclass(frozen=True)
class Found:
    """The queries of one image that are detections, best first.

    Attributes:
        query: (N,) int64.
        boxes: (N, 4) xyxy, pixels.
        scores: (N,) 0..1.
        classes: (N,) int64.
    """

    query: Tensor
    boxes: Tensor
    scores: Tensor
    classes: Tensor


def decode(logits: Tensor, boxes: Tensor, sizes: Sequence[tuple[int, int]], settings: DetectSettings) -> list[Found]:
    """Turn the last layer's outputs into detections.

    Args:
        logits: (B, Q, classes + 1), the last class "nothing".
        boxes: (B, Q, 4) centre x, centre y, width, height, shares of the image.
        sizes: B times height and width of the image, pixels.
        settings: least score and most detections; `nms_iou` is not used, as queries do not repeat each other.
    """
    scores, classes = logits.float().softmax(dim=-1)[..., :-1].max(dim=-1)
    corners = box_convert(boxes.float(), "cxcywh", "xyxy")
    return [_best(*parts, settings) for parts in zip(scores, classes, corners, sizes, strict=True)]


def _best(scores: Tensor, classes: Tensor, corners: Tensor, size: tuple[int, int], settings: DetectSettings) -> Found:
    height, width = size
    order = scores.argsort(descending=True)[: settings.max_detections]
    query = order[scores[order] > settings.min_score]
    sides = corners.new_tensor([width, height, width, height])
    return Found(query, corners[query] * sides, scores[query], classes[query])
