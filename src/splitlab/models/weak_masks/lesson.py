"""What box images teach about masks at a step, and the loss of that."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splitlab.families import IGNORE, TEACHER
from splitlab.models.contract import Batch, BoxLesson, BoxMasks, SegmentationModel
from splitlab.models.weak_masks.projection import (
    pairwise_losses,
    pairwise_weight,
    projection_losses,
    similar_pairs,
)
from splitlab.models.weak_masks.teacher import STARTS_AT, taught_losses
from splitlab.models.weak_masks.windows import SIDE, Windows

# The teacher looks at every second box image of a batch: at all, a step would take 1.3 times as long as without
# (benchmarks/weak_masks.py). Batches are shuffled, so each image has its turn.
_TAUGHT_EVERY = 2


@dataclass(frozen=True)
class BoxInstances:
    """M predicted masks of objects in box images, as coefficients of prototypes."""

    coefficients: Tensor  # (M, P)
    objects: Tensor  # (M,) int64, the row of the object in the box images' batch


def lesson_at(way: str, done: float, batch: Batch, average: SegmentationModel) -> BoxLesson | None:
    """Return what the box images of a batch teach about masks, None if nothing.

    Args:
        way: the run's `weak_masks`.
        done: the share of the run's steps that are done.
        batch: the fused batch; the masks of box images are not read.
        average: the moving average of the model, the teacher.
    """
    if way == IGNORE or bool(batch.has_mask.all()):
        return None
    if way != TEACHER or done < STARTS_AT:
        return BoxLesson(pairwise_weight(done), None)
    return BoxLesson(pairwise_weight(done), _taught(batch.only(~batch.has_mask), average.eval()))


@torch.no_grad()
def _taught(boxes: Batch, teacher: SegmentationModel) -> BoxMasks:
    """Return the teacher's masks of the objects of box images, with no confidence in those that it does not look at."""
    looked_at = torch.arange(len(boxes.images), device=boxes.images.device) % _TAUGHT_EVERY == 0
    rows = looked_at[boxes.image_index]
    found = teacher.masks_in_boxes(boxes.only(looked_at))
    chance = found.chance.new_zeros(len(rows), SIDE, SIDE)
    confidence = found.confidence.new_zeros(len(rows))
    chance[rows], confidence[rows] = found.chance, found.confidence
    return BoxMasks(chance, confidence)


def box_mask_losses(instances: BoxInstances, prototypes: Tensor, batch: Batch, lesson: BoxLesson) -> Tensor:
    """Return (M,) the loss of each mask, in float32 under autocast too.

    In bf16, colours could not be told apart by less than the limit of the pairwise term, and its logarithms cancel.

    Args:
        instances: the masks.
        prototypes: (B, P, h, w) of the box images.
        batch: the box images alone.
        lesson: what they teach.
    """
    with torch.autocast(prototypes.device.type, enabled=False):
        objects, windows = instances.objects, Windows.around(batch)
        logits = _logits(instances, windows.cut(prototypes))
        losses = projection_losses(logits, windows, objects)
        if lesson.pairwise:
            pairs = similar_pairs(batch.images, windows)
            losses = losses + lesson.pairwise * pairwise_losses(logits, pairs, objects)
        if lesson.masks is not None:
            losses = losses + taught_losses(logits, windows, lesson.masks, objects)
    return losses


def _logits(instances: BoxInstances, prototypes: Tensor) -> Tensor:
    """Return (M, SIDE, SIDE) logits; `prototypes` (N, P, SIDE, SIDE) are those in the windows of the objects.

    A row of coefficients per object and mask makes it one product of matrices for each object, which copies no
    prototypes.
    """
    objects = instances.objects
    order = objects.argsort(stable=True)
    counts = torch.bincount(objects, minlength=len(prototypes))
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[objects[order]]
    table = prototypes.new_zeros(len(prototypes), int(counts.max()), prototypes.shape[1])
    table = table.index_put((objects, place), instances.coefficients)
    return torch.einsum("nkp,nphw->nkhw", table, prototypes)[objects, place]
