"""DETR as a segmentation model: both stages, and decoding of its outputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
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


def _decode(logits: Tensor, boxes: Tensor, sizes: Sequence[tuple[int, int]], settings: DetectSettings) -> list[_Found]:
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


def _best(scores: Tensor, classes: Tensor, corners: Tensor, size: tuple[int, int], settings: DetectSettings) -> _Found:
    height, width = size
    order = scores.argsort(descending=True)[: settings.max_detections]
    query = order[scores[order] > settings.min_score]
    sides = corners.new_tensor([width, height, width, height])
    return _Found(query, corners[query] * sides, scores[query], classes[query])


class DetrStage(StrEnum):
    """What is learnt: `BOXES` everything but the mask head, from F and W; `MASKS` the mask head alone, from F."""

    BOXES = "boxes"
    MASKS = "masks"


class DETRSeg(SegmentationModel):
    """DETR and its mask head, parameter names equal to the published DETRsegm's; masks are not cut, as published.

    Attributes:
        stage: what `loss` is about; see `set_stage`.
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
        """Say what is learnt from now on; parameters that are not learn nothing (`requires_grad` is False)."""
        self.stage = DetrStage(name)
        self._kept = None
        self.detr.requires_grad_(self.stage is DetrStage.BOXES)
        if self.stage is DetrStage.BOXES:
            self.detr.features.freeze_stem()
        for part in self._mask_parts:
            part.requires_grad_(self.stage is DetrStage.MASKS)
        self.train(self.training)

    def keep_outputs(self, max_bytes: int) -> None:
        """Let stage 2 run its frozen part once for each image, as far as `max_bytes` reach.

        Worth it where images come again as they were, which random augmentation does not let happen. Call it when the
        weights are loaded; `set_stage` forgets everything.
        """
        self._kept = KeptOutputs(max_bytes)

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Return (class_count, 1) rows of the class layer; the row behind them, "nothing", belongs to no class."""
        rows = torch.arange(class_count)[:, None]
        return {f"detr.class_embed.{part}": rows for part in ("weight", "bias")}

    def train(self, mode: bool = True) -> DETRSeg:
        """As nn.Module, but what stage 2 froze stays in evaluation mode.

        The published code leaves dropout on there. Without it the mask head learns from what it will see, and the
        running statistics of a batch norm cannot drift away from the frozen weights.
        """
        super().train(mode)
        if self.stage is DetrStage.MASKS:
            self.detr.eval()
        return self

    def forward(self, images: Tensor, padding: Tensor | None = None) -> tuple[Outputs, Tensor]:
        """Return DETR's outputs and (B, Q, h, w) mask logits of all queries, as the published model does.

        Args:
            images: (B, 3, H, W), 0..1.
            padding: (B, H, W) bool, True where there is no image.
        """
        outputs = self.detr(images, padding)
        image_count, query_count = outputs.queries.shape[:2]
        image = torch.arange(image_count, device=images.device).repeat_interleave(query_count)
        query = torch.arange(query_count, device=images.device).repeat(image_count)
        logits = self.mask_logits(outputs, image, query)
        return outputs, logits.view(image_count, query_count, *logits.shape[1:])

    def load_shipped_weights(self) -> None:
        """Load the Lite0 backbone's ImageNet weights; a ResNet starts at random."""
        self.detr.features.load_shipped_weights()

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the stage's loss: as published, times the images of the batch.

        The factor makes it a sum over images, as the loop takes it: what it logs per image is the published loss, and
        the published bound of 0.1 on the gradient's norm is 0.1 times the batch size here.
        """
        parts = self._mask_loss(_mask_images(batch)) if self.stage is DetrStage.MASKS else self._box_loss(batch)
        return {name: part * len(batch.images) for name, part in parts.items()}

    def detect(self, images: Tensor, settings: DetectSettings, padding: Tensor | None = None) -> list[Detections]:
        """Find objects in (B, 3, H, W) images, 0..1.

        With `padding` (B, H, W), True to the right of and below each image, an image gives what it gives alone: boxes
        in pixels and masks at a quarter of its side (rounded up), both of the image without its padding.
        """
        cut = list(images) if padding is None else [_cut(*pair) for pair in zip(images, padding, strict=True)]
        sizes = [(image.shape[1], image.shape[2]) for image in cut]
        outputs = self.detr(images) if padding is None else self.detr.forward_apart(cut)
        found = _decode(outputs.logits[-1], outputs.boxes[-1], sizes, settings)
        # One image at a time: a hundred rows of the mask head already fill a gigabyte at 800 px.
        return [self._with_masks(outputs, number, *pair) for number, pair in enumerate(zip(found, sizes, strict=True))]

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return "boxes" (B, Q, 4) xyxy in pixels, "scores" (B, Q, classes) 0..1, "mask_logits" (B, Q, h, w)."""
        found, mask_logits = self(images)
        sides = found.boxes.new_tensor([images.shape[3], images.shape[2]] * 2)
        boxes = box_convert(found.boxes[-1], "cxcywh", "xyxy") * sides
        return {"boxes": boxes, "scores": found.logits[-1].softmax(-1)[..., :-1], "mask_logits": mask_logits}

    def attention(self, images: Tensor, settings: DetectSettings) -> list[Tensor]:
        """Return (N, rows, columns) per image, in the order of `detect`: where the decoder looked for each object.

        The last decoder layer's cross-attention, mean over heads; a map sums to 1.
        """
        outputs = self.detr(images)
        size = (images.shape[2], images.shape[3])
        found = _decode(outputs.logits[-1], outputs.boxes[-1], [size] * len(images), settings)
        maps = self.detr.attention(outputs)
        return [attention[one.query] for attention, one in zip(maps, found, strict=True)]

    def mask_logits(self, outputs: Outputs, image: Tensor, query: Tensor) -> Tensor:
        """Return (M, h, w) mask logits of the queries in (M,) `query` of the images in (M,) `image`."""
        maps = self.bbox_attention(outputs.queries[image, query], outputs.memory, outputs.padding, image)
        out: Tensor = self.mask_head(outputs.source, maps, outputs.levels[2::-1], image)
        return out

    @property
    def _mask_parts(self) -> tuple[nn.Module, nn.Module]:
        return self.bbox_attention, self.mask_head

    def _box_loss(self, batch: Batch) -> dict[str, Tensor]:
        outputs = self.detr(batch.images)
        return box_losses(outputs.logits, outputs.boxes, Targets.of(batch), self.loss_weights)

    def _mask_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Run the mask head on the queries matched with objects whose mask is known: the loss reads no others.

        All objects take part in the matching, so that none of them lends its query to another.
        """
        targets = Targets.of(batch)
        count = object_count(targets.only(batch.object_has_mask))
        if not batch.object_has_mask.any():
            return self._no_mask_loss()
        with torch.no_grad():
            outputs = self.detr(batch.images) if self._kept is None else self._kept.outputs(batch.images, self.detr)
        matches = match_queries(outputs.logits[-1], outputs.boxes[-1], targets).of_targets(batch.object_has_mask)
        logits = self.mask_logits(outputs, matches.image, matches.query)
        return mask_losses(logits, batch.masks[matches.target], count, self.loss_weights)

    def _no_mask_loss(self) -> dict[str, Tensor]:
        """Return zeros that a backward pass can start from."""
        zero = torch.stack([p.sum() for part in self._mask_parts for p in part.parameters()]).sum() * 0
        return {"mask_focal": zero, "mask_dice": zero}

    def _with_masks(self, outputs: Outputs, number: int, found: _Found, size: tuple[int, int]) -> Detections:
        alone = self._only(outputs, number, size)
        logits = self.mask_logits(alone, torch.zeros_like(found.query), found.query)
        return Detections(found.boxes, found.scores, found.classes, logits.float())

    def _only(self, outputs: Outputs, number: int, size: tuple[int, int]) -> Outputs:
        """Cut one image out of a batch, without its padding; `size` is its height and width in pixels."""
        place = slice(number, number + 1)
        cells = [tuple(-(-side // stride) for side in size) for stride in self.detr.features.strides]
        rows, columns = cells[-1]
        return Outputs(
            logits=outputs.logits[:, place],
            boxes=outputs.boxes[:, place],
            queries=outputs.queries[place],
            source=outputs.source[place, :, :rows, :columns],
            memory=outputs.memory[place, :, :rows, :columns],
            levels=[level[place, :, :h, :w] for level, (h, w) in zip(outputs.levels, cells, strict=True)],
            padding=outputs.padding[place, :rows, :columns],
        )


def _mask_images(batch: Batch) -> Batch:
    """Return the batch without its box images."""
    kept = batch.has_mask[batch.image_index]
    place = batch.has_mask.cumsum(0) - 1
    return replace(
        batch,
        images=batch.images[batch.has_mask],
        boxes=batch.boxes[kept],
        classes=batch.classes[kept],
        image_index=place[batch.image_index[kept]],
        has_mask=batch.has_mask[batch.has_mask],
        object_has_mask=batch.object_has_mask[kept],
        masks=batch.masks[kept],
    )


def _cut(image: Tensor, padding: Tensor) -> Tensor:
    """Take (3, H, W) without the (H, W) padding to its right and below it."""
    height, width = (int((~padding).any(dim=side).sum()) for side in (1, 0))
    return image[:, :height, :width]


def _norm_of(name: str, tensors: Collection[str]) -> Norm:
    """Tell which norm the backbone of a DETR is to have.

    Args:
        name: one of `SIZES`.
        tensors: names of those that it is filled with next; none for a random start, which needs norms that learn.
            Lite0 never starts at random: its weights come with a package.
    """
    if tensors:
        return Norm.LEARNT if any(tensor.endswith(COUNTER) for tensor in tensors) else Norm.FROZEN
    return Norm.FROZEN if name in SIZES and SIZES[name].backbone == "lite0" else Norm.LEARNT


def build(name: str, class_count: int, _image_size: int, tensors: Collection[str]) -> DETRSeg:
    """Build a DETR whose backbone has the norms that these tensors have, or can start at random."""
    return build_detr(name, class_count, _norm_of(name, tensors))


def build_detr(name: str, class_count: int, norm: Norm | None = None) -> DETRSeg:
    """Build a DETR with random weights.

    Args:
        name: one of `SIZES`.
        class_count: classes without "nothing". The published models count to the highest id: 91 for COCO.
        norm: of the backbone; where left out, the size's own. `FROZEN` for a backbone that is then filled with
            pretrained weights, `LEARNT` for one that starts at random.

    Raises:
        SettingsError: there is no size of this name.
    """
    if name not in SIZES:
        raise SettingsError(f"There is no DETR '{name}'. Choose one of {', '.join(SIZES)}.")
    return DETRSeg(SIZES[name], class_count, norm)
