"""The losses of DETR: Hungarian matching, then class, box and mask losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou, generalized_box_iou_loss, sigmoid_focal_loss

from splitlab.models.contract import Batch
from splitlab.models.precision import mean_over_processes

_CLASS_COST, _L1_COST, _GIOU_COST = 1.0, 5.0, 2.0
# Boxes are fractions of the image, so the area of a small one is about 1e-5; the library's 1e-7 would change its loss.
_EPSILON = 1e-12
_FOCAL_ALPHA, _FOCAL_GAMMA = 0.25, 2.0


@dataclass(frozen=True)
class Targets:
    """The objects of a batch in DETR's format."""

    boxes: Tensor  # (N, 4) centre x, centre y, width, height, fractions of the image
    classes: Tensor  # (N,) int64
    image: Tensor  # (N,) int64, the image of each object

    @classmethod
    def of(cls, batch: Batch) -> Targets:
        """Convert the boxes of a batch; its masks are not read."""
        height, width = batch.images.shape[-2:]
        sides = batch.boxes.new_tensor([width, height, width, height])
        return cls(box_convert(batch.boxes / sides, "xyxy", "cxcywh"), batch.classes, batch.image_index)

    def only(self, kept: Tensor) -> Targets:
        """Return the objects where the (N,) bool is True."""
        return Targets(self.boxes[kept], self.classes[kept], self.image[kept])


@dataclass(frozen=True)
class _QueryMatches:
    """Pairs of a query and an object, (M,) int64 each: the image, the query, the object's row in the batch."""

    image: Tensor
    query: Tensor
    target: Tensor

    def of_targets(self, kept: Tensor) -> _QueryMatches:
        """Return the pairs of the objects where the (N,) bool is True."""
        rows = kept[self.target]
        return _QueryMatches(self.image[rows], self.query[rows], self.target[rows])


@torch.no_grad()
def match_queries(logits: Tensor, boxes: Tensor, targets: Targets) -> _QueryMatches:
    """Assign a query of the image to each object; if objects outnumber queries, the most costly stay unmatched."""
    costs = _costs(logits.float(), boxes.float(), targets).cpu()
    owner = targets.image.cpu()
    images, queries, rows = [], [], []
    for image in range(len(logits)):
        own = (owner == image).nonzero().flatten()
        query, column = (torch.as_tensor(index) for index in linear_sum_assignment(costs[image][:, own].numpy()))
        images.append(torch.full_like(query, image))
        queries.append(query)
        rows.append(own[column])
    return _QueryMatches(*(torch.cat(part).to(logits.device) for part in (images, queries, rows)))


def _costs(logits: Tensor, boxes: Tensor, targets: Targets) -> Tensor:
    """Return (B, Q, N). NaN becomes 0, because the loss, not the assignment, reports that training diverged."""
    image_count, query_count = logits.shape[:2]
    flat = boxes.flatten(0, 1)
    overlap = generalized_box_iou(box_convert(flat, "cxcywh", "xyxy"), box_convert(targets.boxes, "cxcywh", "xyxy"))
    distance = torch.cdist(flat, targets.boxes, p=1)
    chance = logits.flatten(0, 1).softmax(dim=1)[:, targets.classes]
    costs: Tensor = _L1_COST * distance - _CLASS_COST * chance - _GIOU_COST * overlap
    return costs.nan_to_num().view(image_count, query_count, -1)


@dataclass(frozen=True)
class LossWeights:
    """The weights of the parts; `no_object` is that of the class "nothing" (eos_coef; 0.1 in the original)."""

    classes: float = 1.0
    l1: float = 5.0
    giou: float = 2.0
    mask_focal: float = 1.0
    mask_dice: float = 1.0
    no_object: float = 0.03


def box_losses(logits: Tensor, boxes: Tensor, targets: Targets, weights: LossWeights) -> dict[str, Tensor]:
    """Return the parts of the last decoder layer by name, and the sum over all earlier layers as "auxiliary".

    Sums over boxes are divided by the number of objects in the batch, as published.

    Args:
        logits: (layers, B, Q, classes + 1).
        boxes: (layers, B, Q, 4) centre x, centre y, width, height, fractions of the image.
        targets: the objects.
        weights: of the parts.
    """
    count = object_count(targets)
    *earlier, last = [
        _layer_losses(*layer, targets, count, weights) for layer in zip(logits.float(), boxes.float(), strict=True)
    ]
    auxiliary = sum((part for parts in earlier for part in parts.values()), start=logits.new_zeros(()).float())
    return {**last, "auxiliary": auxiliary}


def _layer_losses(
    logits: Tensor, boxes: Tensor, targets: Targets, count: Tensor, weights: LossWeights
) -> dict[str, Tensor]:
    matches = match_queries(logits, boxes, targets)
    matched, wanted = boxes[matches.image, matches.query], targets.boxes[matches.target]
    return {
        "class": weights.classes * _class_loss(logits, targets, matches, weights.no_object),
        "l1": weights.l1 * nnf.l1_loss(matched, wanted, reduction="sum") / count,
        "giou": weights.giou * _giou_losses(matched, wanted).sum() / count,
    }


def object_count(targets: Targets) -> Tensor:
    """Return the number of objects in the batch, at least 1: the divisor of sums over boxes.

    With several processes, whose gradients are averaged, it is the mean per process; each process must call this.
    """
    return mean_over_processes(targets.boxes.new_tensor(float(len(targets.classes)))).clamp(min=1)


def _class_loss(logits: Tensor, targets: Targets, matches: _QueryMatches, no_object: float) -> Tensor:
    """Return the cross-entropy over all queries; those without an object have the target "nothing" at a low weight.

    It is divided by the sum of the weights, averaged over the processes as in `object_count`.
    """
    nothing = logits.shape[-1] - 1
    wanted = torch.full(logits.shape[:2], nothing, device=logits.device)
    wanted[matches.image, matches.query] = targets.classes[matches.target]
    weight = logits.new_ones(nothing + 1)
    weight[nothing] = no_object
    summed = nnf.cross_entropy(logits.transpose(1, 2), wanted, weight, reduction="sum")
    return summed / mean_over_processes(weight[wanted].sum())


def _giou_losses(boxes: Tensor, wanted: Tensor) -> Tensor:
    """Return (M,) 1 - GIoU of (M, 4) pairs, centre x, centre y, width, height."""
    pair = (box_convert(one, "cxcywh", "xyxy") for one in (boxes, wanted))
    losses: Tensor = generalized_box_iou_loss(*pair, reduction="none", eps=_EPSILON)
    return losses


def mask_losses(logits: Tensor, masks: Tensor, count: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """Return focal and dice loss of matched queries, divided by `count`.

    Args:
        logits: (M, h, w); resized to the masks.
        masks: (M, H, W) 0 or 1, at a quarter of the image's size; published: at the image's size.
        count: see `object_count`.
        weights: of the parts.
    """
    wanted = masks.float().flatten(1)
    scaled = nnf.interpolate(logits.float()[:, None], size=masks.shape[-2:], mode="bilinear", align_corners=False)
    flat = scaled.flatten(1)
    focal = sigmoid_focal_loss(flat, wanted, alpha=_FOCAL_ALPHA, gamma=_FOCAL_GAMMA).mean(dim=1)
    return {
        "mask_focal": weights.mask_focal * focal.sum() / count,
        "mask_dice": weights.mask_dice * _dice_losses(flat, wanted).sum() / count,
    }


def _dice_losses(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return (M,) 1 - dice of (M, pixels) logits and masks; the added 1 defines it for empty masks."""
    chance = logits.sigmoid()
    shared = (chance * wanted).sum(dim=1)
    return 1 - (2 * shared + 1) / (chance.sum(dim=1) + wanted.sum(dim=1) + 1)
