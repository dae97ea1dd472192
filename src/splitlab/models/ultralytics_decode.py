"""From the raw predictions of Ultralytics' heads to candidates, in float32 whatever the network ran in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splitlab.models.candidates import Candidates
from splitlab.models.ultralytics_import import Detect, dist2bbox, make_anchors


def decode(head: Detect, raw: dict[str, Any]) -> Candidates:
    """Turn the head's raw predictions into the candidates of a batch.

    Where there is a one2one head its predictions are taken as they are: it is trained to answer once for an object.
    """
    once = "one2one" in raw
    chosen = raw["one2one"] if once else raw
    prototypes = chosen["proto"][0] if isinstance(chosen["proto"], tuple) else chosen["proto"]
    with torch.autocast(prototypes.device.type, enabled=False):
        return Candidates(
            boxes=_boxes(head, chosen),
            scores=chosen["scores"].float().sigmoid().transpose(1, 2),
            coefficients=chosen["mask_coefficient"].float().transpose(1, 2),
            prototypes=prototypes.float(),
            answered_once=once,
        )


def _boxes(head: Detect, raw: dict[str, Any]) -> Tensor:
    """(B, A, 4) xyxy, pixels, of all A cells."""
    anchors, strides = make_anchors([level.float() for level in raw["feats"]], head.stride, 0.5)
    distances = head.dfl(raw["boxes"].float()).transpose(1, 2)
    boxes: Tensor = dist2bbox(distances, anchors, xywh=False) * strides
    return boxes
