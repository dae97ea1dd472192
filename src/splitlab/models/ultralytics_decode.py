"""From the raw predictions of Ultralytics' heads to detections, in float32 whatever the network ran in."""
# mypy: disable-error-code="no-untyped-call"
# Ultralytics leaves many of its functions untyped.

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from splitlab.models.contract import Detections, DetectSettings
from splitlab.models.ultralytics_import import Detect, dist2bbox, make_anchors
from splitlab.models.yolov5_decode import MAX_CANDIDATES


def decode(head: Detect, raw: dict[str, Any], settings: DetectSettings) -> list[Detections]:
    """Turn the head's raw predictions into the detections of each image.

    Where there is a one2one head its predictions are taken as they are: it is trained to answer once for an object,
    and `nms_iou` has no say.
    """
    one_each = "one2one" in raw
    chosen = raw["one2one"] if one_each else raw
    prototypes = chosen["proto"][0] if isinstance(chosen["proto"], tuple) else chosen["proto"]
    with torch.autocast(prototypes.device.type, enabled=False):
        boxes = _boxes(head, chosen)
        scores = chosen["scores"].float().sigmoid().transpose(1, 2)
        coefficients = chosen["mask_coefficient"].float().transpose(1, 2)
        candidates = [_best(*cells, settings) for cells in zip(boxes, scores, coefficients, strict=True)]
        kept = candidates if one_each else [_suppress(found, settings) for found in candidates]
        return [_with_masks(*image, settings) for image in zip(kept, prototypes.float(), strict=True)]


def _boxes(head: Detect, raw: dict[str, Any]) -> Tensor:
    """(B, A, 4) xyxy, pixels, of all A cells."""
    anchors, strides = make_anchors([level.float() for level in raw["feats"]], head.stride, 0.5)
    distances = head.dfl(raw["boxes"].float()).transpose(1, 2)
    boxes: Tensor = dist2bbox(distances, anchors, xywh=False) * strides
    return boxes


class _Found(NamedTuple):
    """Candidates of one image, best first: boxes (N, 4), scores (N,), classes (N,), coefficients (N, P)."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    coefficients: Tensor

    def at(self, places: Tensor) -> _Found:
        """Take some of them."""
        return _Found(*(part[places] for part in self))


def _best(boxes: Tensor, scores: Tensor, coefficients: Tensor, settings: DetectSettings) -> _Found:
    """Turn the A cells of one image, scores (A, classes), into candidates; a cell may stand for several classes."""
    place, label = (scores > settings.min_score).nonzero(as_tuple=True)
    best = scores[place, label].argsort(descending=True, stable=True)[:MAX_CANDIDATES]
    place, label = place[best], label[best]
    return _Found(boxes[place], scores[place, label], label, coefficients[place])


def _suppress(found: _Found, settings: DetectSettings) -> _Found:
    return found.at(batched_nms(found.boxes, found.scores, found.classes, settings.nms_iou))


def _with_masks(found: _Found, prototypes: Tensor, settings: DetectSettings) -> Detections:
    best = _Found(*(part[: settings.max_detections] for part in found))
    logits = torch.einsum("np,phw->nhw", best.coefficients, prototypes)
    return Detections(best.boxes, best.scores, best.classes, logits)
