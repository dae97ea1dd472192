"""Which query answers for which object: the cheapest one-to-one assignment (Carion et al. 2020, Sec. 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou

from splitlab.models.contract import Batch

CLASS_COST, L1_COST, GIOU_COST = 1.0, 5.0, 2.0


@dataclass(frozen=True)
class Targets:
    """The objects of a batch as DETR sees them.

    Attributes:
        boxes: (N, 4) centre x, centre y, width, height, shares of the image.
        classes: (N,) int64.
        image: (N,) int64, the image each object is in.
    """

    boxes: Tensor
    classes: Tensor
    image: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Targets:
        """Take the boxes of a batch; its masks are not looked at."""
        height, width = batch.images.shape[-2:]
        sides = batch.boxes.new_tensor([width, height, width, height])
        return cls(box_convert(batch.boxes / sides, "xyxy", "cxcywh"), batch.classes, batch.image_index)

    def only(self, kept: Tensor) -> Targets:
        """Return the objects where the (N,) bool is True."""
        return Targets(self.boxes[kept], self.classes[kept], self.image[kept])


@dataclass(frozen=True)
class QueryMatches:
    """Pairs of a query and an object, (M,) int64 each: the image, the query in it, the object's row in the batch."""

    image: Tensor
    query: Tensor
    target: Tensor

    def of_targets(self, kept: Tensor) -> QueryMatches:
        """Return the pairs of the objects where the (N,) bool is True."""
        rows = kept[self.target]
        return QueryMatches(self.image[rows], self.query[rows], self.target[rows])


@torch.no_grad()
def match_queries(logits: Tensor, boxes: Tensor, targets: Targets) -> QueryMatches:
    """Assign each object a query of its image; where objects outnumber queries, the dearest go without.

    Args:
        logits: (B, Q, classes + 1).
        boxes: (B, Q, 4) centre x, centre y, width, height, shares of the image.
        targets: the objects.
    """
    costs = _costs(logits.float(), boxes.float(), targets).cpu()
    owner = targets.image.cpu()
    images, queries, rows = [], [], []
    for image in range(len(logits)):
        own = (owner == image).nonzero().flatten()
        query, column = (torch.as_tensor(index) for index in linear_sum_assignment(costs[image][:, own].numpy()))
        images.append(torch.full_like(query, image))
        queries.append(query)
        rows.append(own[column])
    return QueryMatches(*(torch.cat(part).to(logits.device) for part in (images, queries, rows)))


def _costs(logits: Tensor, boxes: Tensor, targets: Targets) -> Tensor:
    """Return (B, Q, N). What is not a number becomes 0: the loss, not the assignment, tells that training broke."""
    image_count, query_count = logits.shape[:2]
    flat = boxes.flatten(0, 1)
    overlap = generalized_box_iou(box_convert(flat, "cxcywh", "xyxy"), box_convert(targets.boxes, "cxcywh", "xyxy"))
    distance = torch.cdist(flat, targets.boxes, p=1)
    chance = logits.flatten(0, 1).softmax(dim=1)[:, targets.classes]
    costs: Tensor = L1_COST * distance - CLASS_COST * chance - GIOU_COST * overlap
    return costs.nan_to_num().view(image_count, query_count, -1)
