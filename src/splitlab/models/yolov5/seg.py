"""YOLOv5-seg: the official architecture, with the official or the Lite0 backbone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from splitlab.checkpoints.weights import Weights
from splitlab.families import LITE0
from splitlab.models.contract import (
    Batch,
    BoxLesson,
    BoxMasks,
    Detections,
    DetectSettings,
    ExplainedLoss,
    SegmentationModel,
)
from splitlab.models.yolov5.decode import Candidates, best_detections, decode, refined
from splitlab.models.yolov5.layers import (
    C3,
    SPPF,
    Conv,
    Lite0,
    Segment,
    official_backbone,
    scaled_channels,
    scaled_depth,
)
from splitlab.models.yolov5.loss import LossSettings, masks_in_boxes, mixed_loss

_STRIDES = (8, 16, 32)
PROTOTYPES = 32
_ANCHORS_PER_LEVEL, _OBJECTNESS_AND_BOX = 3, 5
# In a checkpoint: the head of the finest level, and the anchors in strides of their level.
_HEAD, _ANCHORS = "model.24.m.0.weight", "model.24.anchors"

_PUBLISHED_SIZE = 640
# Width and height in pixels of a 640 px image, three for each stride (docs/protocol.md, YOLOv5).
_ANCHORS_AT_640 = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)


@dataclass(frozen=True)
class _Scale:
    """Depth and width multiples of a YOLOv5 size."""

    depth: float
    width: float


SCALES = {
    "n": _Scale(0.33, 0.25),
    "s": _Scale(0.33, 0.50),
    "m": _Scale(0.67, 0.75),
    "l": _Scale(1.0, 1.0),
    "x": _Scale(1.33, 1.25),
}


class YOLOv5Seg(SegmentationModel):
    """YOLOv5-seg with the official parameter names and shapes.

    A Lite0 `backbone` replaces layers 0 to 8; neck and head stay the same.
    """

    standard_anchors = tuple(size for level in _ANCHORS_AT_640 for size in level)

    def __init__(self, scale: _Scale, class_count: int, image_size: int, backbone: Lite0 | None = None) -> None:
        super().__init__()
        self.model = nn.ModuleDict() if backbone else official_backbone(scale.width, scale.depth)
        self.backbone = backbone
        self.pretrained_prefix = "backbone." if backbone else ""
        channels = tuple(scaled_channels(c, scale.width) for c in (256, 512, 1024))
        self.model.update(_neck(scale, backbone.channels if backbone else channels))
        cells = torch.tensor(_ANCHORS_AT_640) * (image_size / _PUBLISHED_SIZE) / torch.tensor(_STRIDES).view(3, 1, 1)
        self.model["24"] = Segment(class_count, cells, channels, PROTOTYPES, hidden=channels[0])
        self.loss_settings = LossSettings(class_count, image_size)
        # The published biases are far off on small images, which hurts short runs (docs/decisions/0205).
        _start_biases(self.head, class_count, image_size if backbone else _PUBLISHED_SIZE)

    @property
    def head(self) -> Segment:
        """Layer 24."""
        return cast("Segment", self.model["24"])

    @property
    def anchor_sizes(self) -> Tensor:
        """The anchors as (9, 2) width and height, pixels, three per level."""
        return (self.head.anchors * self.head.anchors.new_tensor(_STRIDES).view(3, 1, 1)).flatten(0, 1)

    def take_scales(self, weights: Weights, copied: Collection[str], scale: float) -> None:
        """Copy a checkpoint's anchors if its head was copied: the head learnt sizes relative to them."""
        anchors = self.head.anchors
        if _HEAD in copied and _ANCHORS in weights and weights[_ANCHORS].shape == anchors.shape:
            anchors.copy_(torch.from_numpy(weights[_ANCHORS]).to(anchors) * scale)

    def set_anchor_sizes(self, sizes: Tensor) -> None:
        """Set other anchors: (9, 2) width and height, pixels, smallest first."""
        anchors = self.head.anchors
        anchors.copy_(sizes.to(anchors).view(3, 3, 2) / anchors.new_tensor(_STRIDES).view(3, 1, 1))

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, 3, S, S), 0..1, to the raw predictions of three levels and the prototypes (see `Segment`)."""
        layer = self.model
        p3, p4, p5 = self._features(images)
        top = layer["10"](layer["9"](p5))
        middle = layer["14"](layer["13"](torch.cat([layer["11"](top), p4], dim=1)))
        fine = layer["17"](torch.cat([layer["15"](middle), p3], dim=1))
        medium = layer["20"](torch.cat([layer["18"](fine), middle], dim=1))
        coarse = layer["23"](torch.cat([layer["21"](medium), top], dim=1))
        out: tuple[list[Tensor], Tensor] = self.head([fine, medium, coarse])
        return out

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Return (class_count, anchors) rows; each anchor lists box, objectness, classes, mask coefficients."""
        per_anchor = _OBJECTNESS_AND_BOX + class_count + PROTOTYPES
        rows = torch.arange(class_count)[:, None] + _OBJECTNESS_AND_BOX + per_anchor * torch.arange(_ANCHORS_PER_LEVEL)
        return {f"model.24.m.{level}.{part}": rows for level in range(len(_STRIDES)) for part in ("weight", "bias")}

    def load_shipped_weights(self) -> None:
        """Load the Lite0 backbone's ImageNet weights; the official backbone starts from random weights."""
        if self.backbone is not None:
            self.backbone.load_imagenet_weights()

    def set_loss_factors(self, class_factor: float, mask_factor: float) -> None:
        """Multiply the class and mask parts of the loss by these factors."""
        self.loss_settings = replace(self.loss_settings, class_factor=class_factor, mask_factor=mask_factor)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the four parts of Eq. 1; the mask part reads mask images only."""
        return self.explained_loss(batch).parts

    def explained_loss(self, batch: Batch) -> ExplainedLoss:
        """Return `loss` with the predictions and prototypes it reads."""
        levels, prototypes = self(batch.images)
        parts = mixed_loss(levels, prototypes, self.head.anchors, batch, self.loss_settings)
        return ExplainedLoss(parts, self.loss_settings.gains, [*levels, prototypes])

    def loss_with_boxes(self, batch: Batch, lesson: BoxLesson) -> dict[str, Tensor]:
        """Return the four parts of Eq. 1, and what box images teach about masks."""
        levels, prototypes = self(batch.images)
        return mixed_loss(levels, prototypes, self.head.anchors, batch, self.loss_settings, lesson)

    def masks_in_boxes(self, batch: Batch) -> BoxMasks:
        """Return the masks of all objects of a batch, whose boxes and classes are given."""
        levels, prototypes = self(batch.images)
        return masks_in_boxes(levels, prototypes, self.head.anchors, batch)

    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, S, S) images, 0..1."""
        candidates = self._candidates(images)
        used = replace(candidates, scores=self.scores_of_used(candidates.scores, settings))
        found = best_detections(used, settings)
        return [refined(one, images.shape[-1]) for one in found] if self.refines_boxes else found

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return the tensors of `Candidates` by name."""
        return self._candidates(images).by_name()

    def _candidates(self, images: Tensor) -> Candidates:
        levels, prototypes = self(images)
        return decode(levels, prototypes, self.head.anchors, _STRIDES)

    def _features(self, images: Tensor) -> list[Tensor]:
        if self.backbone is not None:
            out: list[Tensor] = self.backbone(images)
            return out
        kept = []
        for number in range(9):
            images = self.model[str(number)](images)
            if number in (4, 6, 8):
                kept.append(images)
        return kept


def build(name: str, class_count: int, image_size: int, _tensors: Collection[str]) -> YOLOv5Seg:
    """Build a YOLOv5-seg of an official size, or with the Lite0 backbone."""
    scale = SCALES[name.removeprefix("yolov5")[0]]
    return YOLOv5Seg(scale, class_count, image_size, Lite0() if name == LITE0 else None)


def _neck(scale: _Scale, inputs: tuple[int, ...]) -> dict[str, nn.Module]:
    c3, c4, c5 = (scaled_channels(c, scale.width) for c in (256, 512, 1024))
    depth = scaled_depth(3, scale.depth)
    return {
        "9": SPPF(inputs[2], c5),
        "10": Conv(c5, c4),
        "11": nn.Upsample(scale_factor=2, mode="nearest"),
        "13": C3(c4 + inputs[1], c4, depth, shortcut=False),
        "14": Conv(c4, c3),
        "15": nn.Upsample(scale_factor=2, mode="nearest"),
        "17": C3(c3 + inputs[0], c3, depth, shortcut=False),
        "18": Conv(c3, c3, 3, 2),
        "20": C3(2 * c3, c4, depth, shortcut=False),
        "21": Conv(c4, c4, 3, 2),
        "23": C3(2 * c4, c5, depth, shortcut=False),
    }


def _start_biases(head: Segment, class_count: int, image_size: int) -> None:
    """Set biases as if each level saw about eight objects in an image of this size, all classes equally likely."""
    for conv, stride in zip(head.m, _STRIDES, strict=True):
        bias = cast("Tensor", conv.bias).data.view(-1, head.per_anchor)
        bias[:, 4] += torch.log(torch.tensor(8 / (image_size / stride) ** 2))
        bias[:, 5 : 5 + class_count] += torch.log(torch.tensor(0.6 / (class_count - 0.99999)))
