"""Weights of others under our names: published DETRs with and without masks, and torchvision's ResNets."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from splitlab.errors import CheckpointError
from splitlab.models.detr.detr_seg import build_detr
from splitlab.models.detr.sizes import COUNTER, SIZES, Norm
from splitlab.runs.checkpoint import MAX_CLASSES
from splitlab.runs.stored_weights import Weights

PREFIX, BODY = "detr.", "detr.backbone.0.body."
MASK_PARTS = ("bbox_attention.", "mask_head.")
CLASS_BIAS = PREFIX + "class_embed.bias"


@dataclass(frozen=True)
class PublishedDetr:
    """A DETR as it was found in a file.

    Attributes:
        model: a name of `SIZES`. The DC5 models have the tensors of "detr-r50" and are taken for it: who has such a
            file builds "detr-r50-dc5" instead.
        class_count: classes without "nothing"; ids count from 0, so COCO's are 91 with gaps.
        has_masks: whether the mask head is among the weights.
        weights: by the names of `DETRSeg`.
    """

    model: str
    class_count: int
    has_masks: bool
    weights: Weights


def find_detr(weights: Weights) -> PublishedDetr:
    """Tell size and classes from the tensors of a state dict (what the files hold under "model").

    Raises:
        CheckpointError: they are not those of a DETR of a known size; the text goes on from the file's name and a
            colon.
    """
    named = {_own_name(name): tensor for name, tensor in weights.items() if not name.endswith(COUNTER)}
    if CLASS_BIAS not in named:
        raise CheckpointError("it holds no DETR: a tensor class_embed.bias is missing.")
    class_count = named[CLASS_BIAS].size - 1
    if not 1 <= class_count <= MAX_CLASSES:
        raise CheckpointError(f"its DETR has {class_count} classes; 1 to {MAX_CLASSES} can be read.")
    has_masks = any(name.startswith(MASK_PARTS) for name in named)
    found = {name: tuple(tensor.shape) for name, tensor in named.items()}
    expected = {size: _shapes(size, class_count, (PREFIX, *MASK_PARTS) if has_masks else (PREFIX,)) for size in SIZES}
    for size, shapes in expected.items():
        if found == shapes:
            return PublishedDetr(size, class_count, has_masks, named)
    raise CheckpointError(_difference(found, expected["detr-r50"]))


def resnet_weights(weights: Weights) -> Weights:
    """Rename the state dict of torchvision's ResNet classifier to that of DETR's backbone; the classifier is left out.

    Fill them into a model built with `Norm.FROZEN`.
    """
    return {
        BODY + name: tensor
        for name, tensor in weights.items()
        if not name.startswith("fc.") and not name.endswith(COUNTER)
    }


def _own_name(name: str) -> str:
    """Put "detr." before the names of a model that was published without its mask head."""
    return name if name.startswith((PREFIX, *MASK_PARTS)) else PREFIX + name


def _shapes(size: str, class_count: int, parts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return the tensors of these parts; nothing is allocated."""
    with torch.device("meta"):
        state = build_detr(size, class_count, Norm.FROZEN).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name.startswith(parts)}


def _difference(found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> str:
    for name, shape in expected.items():
        if name not in found:
            return f"it is no DETR of a known size: a tensor {name} is missing."
        if found[name] != shape:
            return f"it is no DETR of a known size: its tensor {name} has shape {found[name]} where {shape} fits."
    other = next(name for name in found if name not in expected)
    return f"it has a tensor {other[:200]}, which DETR has not."
