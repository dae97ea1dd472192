"""DETR as a segmentation model: both training stages and the decoding of outputs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import box_convert

from splitlab.errors import SettingsError
from splitlab.models.contract import Batch, Detections, DetectSettings, SegmentationModel
from splitlab.models.detr.detr import DETR, AttentionMaps, KeptOutputs, MaskHead, Outputs
from splitlab.models.detr.losses import LossWeights, Targets, box_losses, mask_losses, match_queries, object_count
from splitlab.models.detr.sizes import COUNTER, SIZES, DetrSize, Norm


@dataclass(frozen=True)
class _Found:
    """The detections of one image, best first."""

    query: Tensor  # (N,) int64
    boxes: Tensor  # (N, 4) xyxy, pixels
    scores: Tensor  # (N,) 0..1
    classes: Tensor  # (N,) int64


def _decode(scores: Tensor, boxes: Tensor, size: tuple[int, int], settings: DetectSettings) -> list[_Found]:
    """Convert scores (B, Q, classes) and the last layer's boxes to detections in images of this size.

    `nms_iou` is not used, because queries do not repeat each other.
    """
    best, classes = scores.max(dim=-1)
    corners = box_convert(boxes.float(), "cxcywh", "xyxy")
    return [_best(*parts, size, settings) for parts in zip(best, classes, corners, strict=True)]


def _best(scores: Tensor, classes: Tensor, corners: Tensor, size: tuple[int, int], settings: DetectSettings) -> _Found:
    height, width = size
    order = scores.argsort(descending=True)[: settings.max_detections]
    query = order[scores[order] > settings.min_score]
    sides = corners.new_tensor([width, height, width, height])
    return _Found(query, corners[query] * sides, scores[query], classes[query])


class DetrStage(StrEnum):
    """A training stage: `BOXES` trains all but the mask head on F and W, `MASKS` only the mask head on F."""

    BOXES = "boxes"
    MASKS = "masks"


class DETRSeg(SegmentationModel):
    """DETR and its mask head with the parameter names of the published DETRsegm; masks are not cut, as published.

    Attributes:
        stage: the current training stage; see `set_stage`.
        loss_weights: of the parts of the loss.
    """

    stages = tuple(DetrStage)
    cuts_masks = False

    def __init__(self, size: DetrSize, class_count: int, norm: Norm | None = None) -> None:
        super().__init__()
        norm = norm or size.norm
        self.detr = DETR(size, class_count, norm)
        self.bbox_attention = AttentionMaps(size.width, size.heads)
        self.mask_head = MaskHead(size.width, size.heads, self.detr.features.channels[2::-1])
        self.pretrained_prefix = "detr.backbone." if norm is Norm.FROZEN else ""
        self.loss_weights = LossWeights()
        self.stage = DetrStage.BOXES
        self._kept: KeptOutputs | None = None
        self.set_stage(DetrStage.BOXES)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile what the losses run, which is not this module's own forward pass."""
        self.detr.compile(*args, **kwargs)

    def set_stage(self, name: str) -> None:
        """Switch to a stage, and freeze the parameters that it does not train."""
        self.stage = DetrStage(name)
        self._kept = None
        self.detr.requires_grad_(self.stage is DetrStage.BOXES)
        if self.stage is DetrStage.BOXES:
            self.detr.features.freeze_stem()
        for part in self._mask_parts:
            part.requires_grad_(self.stage is DetrStage.MASKS)
        self.train(self.training)

    def keep_outputs(self, max_bytes: int) -> None:
        """Cache the outputs of the frozen part in the mask stage, up to `max_bytes`.

        This helps only without random augmentation. Call it after loading weights; `set_stage` clears the cache.
        """
        self._kept = KeptOutputs(max_bytes)

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Return (class_count, 1) rows of the class layer; its last row, "nothing", belongs to no class."""
        rows = torch.arange(class_count)[:, None]
        return {f"detr.class_embed.{part}": rows for part in ("weight", "bias")}

    def train(self, mode: bool = True) -> DETRSeg:
        """Set the mode, but keep what the mask stage froze in evaluation mode.

        The published code leaves dropout on there. Without it, the mask head trains on the inputs of inference, and the
        statistics of batch norms cannot drift away.
        """
        super().train(mode)
        if self.stage is DetrStage.MASKS:
            self.detr.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Outputs, Tensor]:
        """Return DETR's outputs and (B, Q, h, w) mask logits of all queries for (B, 3, H, W) images, 0..1."""
        outputs = self.detr(images)
        image_count, query_count = outputs.queries.shape[:2]
        image = torch.arange(image_count, device=images.device).repeat_interleave(query_count)
        query = torch.arange(query_count, device=images.device).repeat(image_count)
        logits = self.mask_logits(outputs, image, query)
        return outputs, logits.view(image_count, query_count, *logits.shape[1:])

    def load_shipped_weights(self) -> None:
        """Load the Lite0 backbone's ImageNet weights; a ResNet starts from random weights."""
        self.detr.features.load_shipped_weights()

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the stage's loss: as published, times the images of the batch.

        The factor makes it a sum over images, as the training loop expects and logs per image. The published limit of
        the gradient norm, 0.1, becomes 0.1 times the batch size.
        """
        if self.stage is DetrStage.MASKS:
            parts = self._mask_loss(batch.only(batch.has_mask))
        else:
            outputs = self.detr(batch.images)
            parts = box_losses(outputs.logits, outputs.boxes, Targets.of(batch), self.loss_weights)
        return {name: part * len(batch.images) for name, part in parts.items()}

    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, H, W) images, 0..1."""
        outputs, found = self._decoded(images, settings)
        # One image at a time: a hundred rows of the mask head take a gigabyte at 800 px.
        return [self._with_masks(outputs.only(number), one) for number, one in enumerate(found)]

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return "boxes" (B, Q, 4) xyxy in pixels, "scores" (B, Q, classes) 0..1, "mask_logits" (B, Q, h, w)."""
        found, mask_logits = self(images)
        sides = found.boxes.new_tensor([images.shape[3], images.shape[2]] * 2)
        boxes = box_convert(found.boxes[-1], "cxcywh", "xyxy") * sides
        return {"boxes": boxes, "scores": found.logits[-1].softmax(-1)[..., :-1], "mask_logits": mask_logits}

    def attention(self, images: Tensor, settings: DetectSettings) -> list[Tensor]:
        """Return (N, rows, columns) per image: the last decoder layer's attention, mean over heads; a map sums to 1."""
        outputs, found = self._decoded(images, settings)
        maps = self.detr.attention(outputs)
        return [attention[one.query] for attention, one in zip(maps, found, strict=True)]

    def _decoded(self, images: Tensor, settings: DetectSettings) -> tuple[Outputs, list[_Found]]:
        outputs = self.detr(images)
        size = (images.shape[2], images.shape[3])
        scores = self.scores_of_used(outputs.logits[-1].float().softmax(dim=-1)[..., :-1], settings)
        return outputs, _decode(scores, outputs.boxes[-1], size, settings)

    def mask_logits(self, outputs: Outputs, image: Tensor, query: Tensor) -> Tensor:
        """Return (M, h, w) mask logits of the queries `query` (M,) of the images `image` (M,)."""
        maps = self.bbox_attention(outputs.queries[image, query], outputs.memory, outputs.padding, image)
        out: Tensor = self.mask_head(outputs.source, maps, outputs.levels[2::-1], image)
        return out

    @property
    def _mask_parts(self) -> tuple[nn.Module, nn.Module]:
        return self.bbox_attention, self.mask_head

    def _mask_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Run the mask head on the queries of objects with a known mask only: the loss reads no others.

        All objects take part in the matching, so that no object with a mask gets the query of one without.
        """
        targets = Targets.of(batch)
        count = object_count(targets.only(batch.object_has_mask))
        if not batch.object_has_mask.any():
            # Zeros with gradients.
            zero = torch.stack([p.sum() for part in self._mask_parts for p in part.parameters()]).sum() * 0
            return {"mask_focal": zero, "mask_dice": zero}
        with torch.no_grad():
            outputs = self.detr(batch.images) if self._kept is None else self._kept.outputs(batch.images, self.detr)
        matches = match_queries(outputs.logits[-1], outputs.boxes[-1], targets).of_targets(batch.object_has_mask)
        logits = self.mask_logits(outputs, matches.image, matches.query)
        return mask_losses(logits, batch.masks[matches.target], count, self.loss_weights)

    def _with_masks(self, alone: Outputs, found: _Found) -> Detections:
        logits = self.mask_logits(alone, torch.zeros_like(found.query), found.query)
        return Detections(found.boxes, found.scores, found.classes, logits.float())


def _norm_of(name: str, tensors: Collection[str]) -> Norm:
    """Return the norm for the tensors that will be loaded next; without any, a random start needs trainable norms.

    Lite0 always starts from pretrained weights.
    """
    if tensors:
        return Norm.LEARNT if any(tensor.endswith(COUNTER) for tensor in tensors) else Norm.FROZEN
    return Norm.FROZEN if name in SIZES and SIZES[name].backbone == "lite0" else Norm.LEARNT


def build(name: str, class_count: int, _image_size: int, tensors: Collection[str]) -> DETRSeg:
    """Build a DETR whose backbone's norms fit these tensors, or a random start."""
    return build_detr(name, class_count, _norm_of(name, tensors))


def build_detr(name: str, class_count: int, norm: Norm | None = None) -> DETRSeg:
    """Build a DETR with random weights.

    Args:
        name: one of `SIZES`.
        class_count: classes without "nothing". The published models count up to the highest id: 91 for COCO.
        norm: of the backbone; default: the size's own. `FROZEN` if pretrained weights are loaded next, `LEARNT` for a
            random start.
    """
    if name not in SIZES:
        raise SettingsError(f"There is no DETR '{name}'. Choose one of {', '.join(SIZES)}.")
    return DETRSeg(SIZES[name], class_count, norm)
