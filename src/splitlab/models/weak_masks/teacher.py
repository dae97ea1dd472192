"""Masks from boxes by a teacher, the moving average of the model in training, after BoxTeacher.

Cheng, Wang, Chen, Zhang, Liu: BoxTeacher: Exploring High-Quality Pseudo Masks for Weakly Supervised Instance
Segmentation, CVPR 2023, arXiv 2210.05174. The weights of pixels are in the spirit of Noisy Boundaries (Wang et al.,
CVPR 2022), which trusts the pixels near an outline less.
"""

from __future__ import annotations

import torch.nn.functional as nnf
from torch import Tensor

from splitlab.models.contract import BoxMasks
from splitlab.models.weak_masks.windows import Windows

STARTS_AT = 0.25
"""The share of the run's steps without a teacher, whose masks are no good yet."""


def taught_losses(logits: Tensor, windows: Windows, masks: BoxMasks, objects: Tensor) -> Tensor:
    """Return (M,) the distance of each mask from the teacher's mask of its object, in the box.

    For the teacher's probabilities t and the logits a of the mask, over the cells of the box:

        L = trust * mean(|2 t - 1| * cross entropy of a and (t > 1/2))

    The trust is like BoxTeacher's mask-aware confidence: sqrt(c * mean of t where t > 1/2), with the overlap c of the
    teacher's box and the given one in place of a detection's score. So a teacher that sees nothing in the box teaches
    nothing. BoxTeacher has a dice loss, and drops objects by thresholds of trust and IoU instead of weighing pixels.

    Args:
        logits: (M, SIDE, SIDE) of masks in their windows.
        windows: of the objects.
        masks: the teacher's, of the objects.
        objects: (M,) int64, the object of each mask.
    """
    inside = windows.inside.float()
    found = (masks.chance > 0.5).float()
    within = found * inside
    sure = (within * masks.chance).sum(dim=(1, 2)) / within.sum(dim=(1, 2)).clamp(min=1)
    trust = (masks.confidence * sure).sqrt() / inside.sum(dim=(1, 2))
    weight = (2 * masks.chance - 1).abs() * inside * trust[:, None, None]
    entropy = nnf.binary_cross_entropy_with_logits(logits, found[objects], reduction="none")
    return (entropy * weight[objects]).sum(dim=(1, 2))
