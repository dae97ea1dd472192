"""The four-part loss of YOLOv5-seg (Eq. 1) on batches that mix mask images with box images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor
from torchvision.ops import complete_box_iou_loss

from splitlab.models.contract import Batch, BoxLesson, BoxMasks
from splitlab.models.precision import mean_over_processes
from splitlab.models.weak_masks.lesson import BoxInstances, box_mask_losses
from splitlab.models.weak_masks.windows import Windows

_LEVEL_BALANCE = (4.0, 1.0, 0.4)
_ANCHOR_RATIO = 4.0
_LEAST_SIDE = 1e-6
_LEAST_WEIGHT = 1e-9
_BOX_GAIN = 0.05


@dataclass(frozen=True)
class LossSettings:
    """The gains of the parts of the loss (docs/protocol.md, YOLOv5)."""

    class_count: int  # classes of the dataset
    image_size: int  # side of the training images, pixels
    class_factor: float = 1.0  # multiplies the class part relative to YOLOv5
    mask_factor: float = 1.0

    @property
    def gains(self) -> dict[str, float]:
        """The factor of each part of the loss."""
        return {
            "box": _BOX_GAIN,
            "objectness": (self.image_size / 640) ** 2,
            "class": self.class_factor * 0.5 * self.class_count / 80,
            "mask": self.mask_factor * _BOX_GAIN,
        }


@dataclass(frozen=True)
class _AnchorMatches:
    """The M cells of one level that predict an object."""

    image: Tensor  # the first four are the position in the level's prediction
    anchor: Tensor
    row: Tensor
    column: Tensor
    target: Tensor  # index of the object in the batch
    box: Tensor  # (M, 4) centre relative to the cell's corner, width, height, in cells
    anchor_size: Tensor  # (M, 2) in cells


def mixed_loss(
    levels: list[Tensor],
    prototypes: Tensor,
    anchors: Tensor,
    batch: Batch,
    settings: LossSettings,
    lesson: BoxLesson | None = None,
) -> dict[str, Tensor]:
    """Return the box, objectness, class and mask loss times their gains, summed over the batch as in YOLOv5.

    A lesson adds the part `weak_mask`, with the gain of the mask part.

    Args:
        levels: per level (B, A, rows, columns, 5 + classes + prototypes), raw.
        prototypes: (B, P, S/4, S/4).
        anchors: (levels, A, 2), cells.
        batch: the fused batch; only masks marked as known are read.
        settings: the gains.
        lesson: what box images teach about masks.
    """
    image_count = batch.images.shape[0]
    zero = prototypes.float().sum() * 0
    box_loss, objectness_loss, class_loss = zero, zero, zero
    all_matches, all_coefficients = [], []
    for raw, level_anchors, balance in zip(levels, anchors, _LEVEL_BALANCE, strict=True):
        level = raw.float()
        matches = _match_anchors(batch, level_anchors, (level.shape[2], level.shape[3]))
        predicted = level[matches.image, matches.anchor, matches.row, matches.column]
        iou_loss = _box_iou_loss(predicted[:, :4], matches)
        wanted = torch.zeros_like(level[..., 4])
        wanted[matches.image, matches.anchor, matches.row, matches.column] = (1 - iou_loss).detach().clamp(min=0)
        objectness_loss = objectness_loss + balance * nnf.binary_cross_entropy_with_logits(level[..., 4], wanted)
        scores = predicted[:, 5 : 5 + settings.class_count]
        box_loss = box_loss + _joint_mean(iou_loss)
        class_loss = class_loss + _class_loss(scores, batch.classes[matches.target])
        all_matches.append(matches)
        all_coefficients.append(predicted[:, 5 + settings.class_count :])
    mask = _mask_loss(all_coefficients, prototypes.float(), all_matches, batch)
    parts = {"box": box_loss, "objectness": objectness_loss, "class": class_loss, "mask": zero + mask}
    gains = settings.gains
    scaled = {name: part * gains[name] * image_count for name, part in parts.items()}
    if lesson is None:
        return scaled
    weak = _weak_mask_loss(all_coefficients, prototypes, all_matches, batch, lesson)
    return {**scaled, "weak_mask": (zero + weak) * gains["mask"] * image_count}


def masks_in_boxes(levels: list[Tensor], prototypes: Tensor, anchors: Tensor, batch: Batch) -> BoxMasks:
    """Return the masks of all objects of a batch, whose boxes and classes are given.

    A mask is the mean over the cells that match the object, weighted by objectness times the complete IoU of their
    box, at least 0. The confidence is the highest complete IoU of these boxes; neither it nor the mask is bound to the
    class, which is given.

    Args:
        levels: as in `mixed_loss`.
        prototypes: as in `mixed_loss`.
        anchors: as in `mixed_loss`.
        batch: the batch; its masks are not read.
    """
    targets, ious, weights, coefficients = [], [], [], []
    class_end = levels[0].shape[-1] - prototypes.shape[1]
    for raw, level_anchors in zip(levels, anchors, strict=True):
        matches = _match_anchors(batch, level_anchors, (raw.shape[2], raw.shape[3]))
        predicted = raw[matches.image, matches.anchor, matches.row, matches.column].float()
        iou = (1 - _box_iou_loss(predicted[:, :4], matches)).clamp(min=0)
        targets.append(matches.target)
        ious.append(iou)
        weights.append(iou * predicted[:, 4].sigmoid())
        coefficients.append(predicted[:, class_end:])
    target, iou, weight = torch.cat(targets), torch.cat(ious), torch.cat(weights)
    count = len(batch.boxes)
    confidence = iou.new_zeros(count).scatter_reduce(0, target, iou, "amax")
    total = weight.new_zeros(count).index_add(0, target, weight).clamp(min=_LEAST_WEIGHT)
    summed = weight.new_zeros(count, prototypes.shape[1]).index_add(
        0, target, weight[:, None] * torch.cat(coefficients)
    )
    cut = Windows.around(batch).cut(prototypes)
    with torch.autocast(cut.device.type, enabled=False):
        chance = torch.einsum("np,nphw->nhw", summed / total[:, None], cut).sigmoid()
    return BoxMasks(chance, confidence)


def _match_anchors(batch: Batch, anchors: Tensor, grid: tuple[int, int]) -> _AnchorMatches:
    """Find the cells of one level that predict each object.

    An anchor matches if width and height are within a factor of 4 of its own. It predicts the object in the cell with
    the object's centre, in the nearest neighbour left or right, and in the nearest neighbour above or below.
    """
    rows, columns = grid
    side = batch.images.shape[-1]
    boxes = batch.boxes * (columns / side)
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    ratio = sizes[None] / anchors[:, None]
    fits = torch.maximum(ratio, 1 / ratio).amax(dim=2) < _ANCHOR_RATIO
    anchor, target = fits.nonzero(as_tuple=True)
    centre = centres[target]
    mirrored = centre.new_tensor([columns, rows]) - centre
    near_low = (centre % 1 < 0.5) & (centre > 1)
    near_high = (mirrored % 1 < 0.5) & (mirrored > 1)
    used = torch.stack([torch.ones_like(near_low[:, 0]), *near_low.unbind(1), *near_high.unbind(1)])
    steps = centre.new_tensor([[0, 0], [0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5]])
    step, match = used.nonzero(as_tuple=True)
    anchor, target, centre = anchor[match], target[match], centre[match]
    cell = (centre - steps[step]).long()
    column, row = cell[:, 0].clamp(0, columns - 1), cell[:, 1].clamp(0, rows - 1)
    box = torch.cat([centre - torch.stack([column, row], dim=1), sizes[target]], dim=1)
    return _AnchorMatches(batch.image_index[target], anchor, row, column, target, box, anchors[anchor])


def _box_iou_loss(raw: Tensor, matches: _AnchorMatches) -> Tensor:
    squashed = raw.sigmoid() * 2
    # A box of zero width has no aspect ratio: its loss would be NaN.
    size = (squashed[:, 2:] ** 2 * matches.anchor_size).clamp(min=_LEAST_SIDE)
    centre = squashed[:, :2] - 0.5
    predicted = torch.cat([centre - size / 2, centre + size / 2], dim=1)
    centre, size = matches.box[:, :2], matches.box[:, 2:]
    truth = torch.cat([centre - size / 2, centre + size / 2], dim=1)
    loss: Tensor = complete_box_iou_loss(predicted, truth)
    return loss


def _class_loss(scores: Tensor, classes: Tensor) -> Tensor:
    if scores.shape[1] == 1:
        return scores.sum() * 0  # one class: there is nothing to distinguish
    wanted = nnf.one_hot(classes, scores.shape[1]).float()
    return _joint_mean(nnf.binary_cross_entropy_with_logits(scores, wanted, reduction="none"))


def _joint_mean(values: Tensor) -> Tensor:
    """Return the sum of this process's values over the mean count per process; 0 if there are none.

    Averaged over the processes, this is the mean of the joint batch, and so are its gradients; a mean per process would
    give objects different weights. With one process it is the plain mean.
    """
    count = mean_over_processes(values.new_tensor(float(values.numel())))
    return values.sum() / torch.where(count > 0, count, 1.0)


def _mask_loss(coefficients: list[Tensor], prototypes: Tensor, matches: list[_AnchorMatches], batch: Batch) -> Tensor:
    """Return the mask part: mean over instances, summed over levels and mask images, divided by the mask images.

    Box images affect neither the sum nor the divisor (docs/protocol.md, YOLOv5). Objects of a mask image whose mask is
    unknown are ignored; their image still counts in the divisor, as one without objects does.
    """
    total = prototypes.sum() * 0
    for image in batch.has_mask.nonzero().flatten():
        for coefficient, level in zip(coefficients, matches, strict=True):
            chosen = ((level.image == image) & batch.object_has_mask[level.target]).nonzero().flatten()
            if len(chosen):
                logits = torch.einsum("kp,phw->khw", coefficient[chosen], prototypes[image])
                target = level.target[chosen]
                boxes = batch.boxes[target] * (logits.shape[-1] / batch.images.shape[-1])
                total = total + _instance_losses(logits, batch.masks[target].float(), boxes).mean()
    return total / batch.has_mask.sum().clamp(min=1)


def _instance_losses(logits: Tensor, masks: Tensor, boxes: Tensor) -> Tensor:
    """Return per instance the BCE summed over its box (mask pixels), divided by the box's area."""
    pixelwise = nnf.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    cropped = (pixelwise * inside_boxes(boxes, logits.shape[-2], logits.shape[-1])).sum(dim=(1, 2))
    sizes = boxes[:, 2:] - boxes[:, :2]
    return cropped / sizes.prod(dim=1)


def _weak_mask_loss(
    coefficients: list[Tensor], prototypes: Tensor, matches: list[_AnchorMatches], batch: Batch, lesson: BoxLesson
) -> Tensor:
    """Return what box images teach about masks, as `_mask_loss` does for mask images: a box image counts as one."""
    of_boxes = ~batch.has_mask
    row = of_boxes[batch.image_index].cumsum(0) - 1
    chosen, shares, objects = [], [], []
    for coefficient, level in zip(coefficients, matches, strict=True):
        kept = of_boxes[level.image].nonzero().flatten()
        image = level.image[kept]
        chosen.append(coefficient[kept])
        shares.append(1 / torch.bincount(image, minlength=len(of_boxes)).float()[image])
        objects.append(row[level.target[kept]])
    instances = BoxInstances(torch.cat(chosen), torch.cat(objects))
    if not len(instances.objects):
        return prototypes.float().sum() * 0
    losses = box_mask_losses(instances, prototypes[of_boxes], batch.only(of_boxes), lesson)
    return (losses * torch.cat(shares)).sum() / of_boxes.sum()


def inside_boxes(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return (N, height, width) bool: the pixels whose corner is inside each (N, 4) xyxy box."""
    x = torch.arange(width, device=boxes.device)
    y = torch.arange(height, device=boxes.device)
    left, top, right, bottom = (side[:, None] for side in boxes.unbind(1))
    return ((x >= left) & (x < right))[:, None, :] & ((y >= top) & (y < bottom))[:, :, None]
