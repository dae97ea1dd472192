"""Ultralytics' criteria, modified so that unknown masks cannot reach the loss.

The criteria are used unchanged except for three gates; docs/decisions/0202 lists the leaks that they close.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from splitlab.models.contract import Batch
from splitlab.models.ultralytics.upstream import (
    E2ELoss,
    SegmentLoss26,
    SegTaskAlignedAssigner,
    UltralyticsNetwork,
    v8SegmentationLoss,
)

# mypy: disable-error-code="no-untyped-call"

# Ultralytics' gains. Masks stay separate: overlap_mask would paint them over each other and lose hidden parts.
CRITERION_SETTINGS = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5, overlap_mask=False)


@dataclass(frozen=True)
class _MaskGates:
    """Which masks are known."""

    objects: Tensor  # (B, most objects in an image) bool, each image's objects in order, padded with False
    images: Tensor  # (B,) bool, True for mask images with every mask known, whose background is therefore known, too

    @classmethod
    def of(cls, batch: Batch) -> _MaskGates:
        """Compute the gates of a batch."""
        order = batch.image_index.argsort(stable=True)
        image, known = batch.image_index[order], batch.object_has_mask[order]
        counts = torch.bincount(image, minlength=len(batch.images))
        place = torch.arange(len(image), device=image.device) - (counts.cumsum(0) - counts)[image]
        objects = known.new_zeros(len(batch.images), int(counts.max()))
        objects[image, place] = known
        return cls(objects, batch.has_mask & (objects.sum(dim=1) == counts))


class _GatedSegmentationLoss(v8SegmentationLoss):
    """The criterion of YOLOv8 and YOLO11, with a mask term over objects whose mask is known.

    `tal_topk` and `tal_topk2` are the numbers of cells per object, as in Ultralytics.
    """

    def __init__(
        self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None, *, gates: _MaskGates
    ) -> None:
        super().__init__(model, tal_topk, tal_topk2)
        self.gates = gates
        self.bcedice_loss = _OfMaskImages(self.bcedice_loss, gates.images)  # type: ignore[assignment]

    def calculate_segmentation_loss(
        self, fg_mask: Tensor, masks: Tensor, target_gt_idx: Tensor, *args: Tensor, **kwargs: Any
    ) -> Tensor:
        """Return the mean over the positive cells (B, A) of objects with a known mask, or 0."""
        answering = fg_mask & self.gates.objects.gather(1, target_gt_idx)
        if not answering.any():
            # A zero with a gradient for every parameter: with several processes, each waits for all of them.
            return sum(one.sum() * 0 for one in args if one.requires_grad) + torch.zeros((), device=fg_mask.device)
        loss: Tensor = super().calculate_segmentation_loss(answering, masks, target_gt_idx, *args, **kwargs)
        return loss


class _GatedSegmentLoss26(_GatedSegmentationLoss, SegmentLoss26):
    """The criterion of YOLO26, whose semantic term and assigner also read known masks only."""

    def __init__(
        self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None, *, gates: _MaskGates
    ) -> None:
        super().__init__(model, tal_topk, tal_topk2, gates=gates)
        kept = ("topk", "topk2", "num_classes", "alpha", "beta", "stride")
        self.assigner = _GatedAssigner(gates.objects, **{name: getattr(self.assigner, name) for name in kept})


class _GatedAssigner(SegTaskAlignedAssigner):
    """YOLO26's assigner, which weighs box IoU and mask IoU; for objects without a mask it uses the box IoU alone."""

    def __init__(self, has_mask: Tensor, **settings: Any) -> None:
        super().__init__(**settings)
        self.has_mask = has_mask

    def forward(self, *args: Tensor, **extra: Tensor) -> Any:
        """Assign; `has_mask` is passed on as an extra, because images come one by one when memory is short."""
        return super().forward(*args, has_mask=self.has_mask, **extra)

    def pair_overlaps(  # type: ignore[override]
        self, indices: tuple[Tensor, ...], gt_bboxes: Tensor, pd_bboxes: Tensor, *, has_mask: Tensor, **extra: Tensor
    ) -> Tensor:
        """Return (P,) the overlap of each pair of an object and a cell; `indices` are its image, object and cell."""
        with_masks = super().pair_overlaps(indices, gt_bboxes, pd_bboxes, **extra)
        boxes = self.iou_calculation(gt_bboxes[indices[:2]], pd_bboxes[indices[0], indices[2]])
        return torch.where(has_mask[indices[:2]], with_masks, boxes)


class _OfMaskImages(nn.Module):
    """A loss of predictions and targets (B, ...) over the images where `has_mask`; 0 if there are none."""

    def __init__(self, loss: nn.Module, has_mask: Tensor) -> None:
        super().__init__()
        self.loss = loss
        self.has_mask = has_mask

    def forward(self, predicted: Tensor, wanted: Tensor) -> Tensor:
        if not self.has_mask.any():
            return predicted.sum() * 0
        loss: Tensor = self.loss(predicted[self.has_mask], wanted[self.has_mask])
        return loss


def gated_loss(network: UltralyticsNetwork, raw: dict[str, Any], batch: Batch) -> dict[str, Tensor]:
    """Return the parts of the loss times Ultralytics' gains and the number of images in the batch."""
    is_yolo26, gates = "one2one" in raw, _MaskGates.of(batch)
    criterion = (
        E2ELoss(network, partial(_GatedSegmentLoss26, gates=gates))
        if is_yolo26
        else _GatedSegmentationLoss(network, gates=gates)
    )
    # In bfloat16, the sides of a 600 px box would be off by 4 px.
    with torch.autocast(batch.images.device.type, enabled=False):
        parts, _ = criterion(_in_float32(raw), _ultralytics_labels(batch))
    names = ["box", "mask", "class", "distance", "semantic"] if is_yolo26 else ["box", "mask", "class", "distance"]
    return dict(zip(names, parts, strict=False))


def _ultralytics_labels(batch: Batch) -> dict[str, Tensor]:
    """Convert a batch's labels to Ultralytics' format; unknown masks are blank, so nothing downstream can read them.

    Returns:
        batch_idx (N,), cls (N,), bboxes (N, 4) centre and size in 0..1, masks (N, h, w) 0 or 1, and sem_masks
        (B, h, w): the class of each pixel, 0 where there is no object (Ultralytics distinguishes both by the masks).
    """
    order = batch.image_index.argsort(stable=True)  # Ultralytics expects objects image by image
    image, boxes, classes = batch.image_index[order], batch.boxes[order] / batch.images.shape[-1], batch.classes[order]
    masks = batch.masks[order] * batch.object_has_mask[order][:, None, None]
    semantic = [_class_map(masks[image == number], classes[image == number]) for number in range(len(batch.images))]
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return {
        "batch_idx": image,
        "cls": classes,
        "bboxes": torch.cat([centre, size], dim=1),
        "masks": masks.float(),
        "sem_masks": torch.stack(semantic),
    }


def _class_map(masks: Tensor, classes: Tensor) -> Tensor:
    """Combine classes (N,) and masks (N, h, w) in one (h, w) map; the smallest object at a pixel wins."""
    if not len(masks):
        return torch.zeros(masks.shape[1:], dtype=torch.long, device=masks.device)
    covers, areas = masks > 0, masks.sum(dim=(1, 2))
    smallest = torch.where(covers, areas[:, None, None], areas.max() + 1).argmin(dim=0)
    return torch.where(covers.any(dim=0), classes[smallest], 0)


def _in_float32(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {name: _in_float32(value) for name, value in raw.items()}
    if isinstance(raw, list | tuple):
        return type(raw)(_in_float32(value) for value in raw)
    return raw.float()
