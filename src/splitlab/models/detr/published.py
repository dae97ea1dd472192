"""Read DETR checkpoints and ResNet classifiers as their authors publish them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from splitlab.checkpoints.checkpoint import MAX_CLASSES
from splitlab.checkpoints.weights import Weights, check_halves
from splitlab.data.classes import TABLES, fitting_tables
from splitlab.errors import CheckpointError
from splitlab.models.detr.backbone import RESNET_CHANNELS, ResNetBackbone
from splitlab.models.detr.seg import build_detr
from splitlab.models.detr.sizes import COUNTER, SIZES, DetrSize, Norm

_PREFIX, _BODY = "detr.", "detr.backbone.0.body."
_MASK_PARTS = ("bbox_attention.", "mask_head.")
_CLASS_BIAS = _PREFIX + "class_embed.bias"
_CLASS_BIASES = ("class_embed.bias", _CLASS_BIAS)
_CLASSIFIER_BIAS, _LAST_LAYER = "fc.bias", "layer4.0.conv1.weight"
_IMAGE_SIZE, _CLASSIFIER_IMAGE_SIZE = 800, 224
# Of two tables with as many classes, the one that numbers by id, as DETR's code does.
_BY_ID = ("coco91", "voc21", "voc20-ids")


@dataclass(frozen=True)
class ForeignDetr:
    """A DETR or a ResNet classifier found in a file."""

    model: str  # a name of `SIZES`, or such as "resnet50-cls" for a classifier, whose backbone is kept
    weights: Weights  # float32, by the names of `DETRSeg`; the mask head is random unless `has_masks`
    class_names: list[str]  # in the order of the class scores: those of `class_table`, else numbered
    image_size: int  # pixels
    has_masks: bool  # whether the file has a mask head
    class_table: str = ""  # the table with as many classes; empty if there is none. The files hold no names
    dataset: str = "unknown"  # the files do not say


def find_foreign_detr(tree: Any) -> ForeignDetr | None:
    """Find the model in the tree of `read_foreign`; None if it is neither a DETR nor a ResNet.

    Raises:
        CheckpointError: the model is not supported; the text continues the file's name and a colon.
    """
    inner = tree.get("model", tree) if isinstance(tree, dict) else {}
    items = inner.items() if isinstance(inner, dict) else ()
    tensors = {name: value for name, value in items if isinstance(value, np.ndarray)}
    if any(name in tensors for name in _CLASS_BIASES):
        return _detr(tensors)
    if _CLASSIFIER_BIAS in tensors and _LAST_LAYER in tensors:
        return _resnet(tensors)
    return None


def _detr(tensors: Weights) -> ForeignDetr:
    found = _find_detr(tensors)
    weights = _storable(found.weights)
    if not found.has_masks:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            state = build_detr(found.model, found.class_count, Norm.FROZEN).state_dict()
        weights = {name: tensor.numpy() for name, tensor in state.items()} | weights
    table = _table_of(found.class_count)
    names = list(TABLES[table]) if table else _numbered(found.class_count)
    return ForeignDetr(found.model, weights, names, _IMAGE_SIZE, found.has_masks, table)


@dataclass(frozen=True)
class _PublishedDetr:
    """A DETR found in a file."""

    model: str  # a name of `SIZES`. The DC5 models have the same tensors as "detr-r50" and are read as that
    class_count: int  # classes without "nothing"; ids count from 0, so COCO has 91 with gaps
    has_masks: bool  # whether the weights include the mask head
    weights: Weights  # by the names of `DETRSeg`


def _find_detr(weights: Weights) -> _PublishedDetr:
    """Recognise the size and classes of a DETR by the tensors of its state dict."""
    # Models published without their mask head lack the prefix.
    named = {
        name if name.startswith((_PREFIX, *_MASK_PARTS)) else _PREFIX + name: tensor
        for name, tensor in weights.items()
        if not name.endswith(COUNTER)
    }
    if _CLASS_BIAS not in named:
        raise CheckpointError("it holds no DETR: the tensor class_embed.bias is missing.")
    class_count = named[_CLASS_BIAS].size - 1
    if not 1 <= class_count <= MAX_CLASSES:
        raise CheckpointError(f"its DETR has {class_count} classes; 1 to {MAX_CLASSES} can be read.")
    has_masks = any(name.startswith(_MASK_PARTS) for name in named)
    found = {name: tuple(tensor.shape) for name, tensor in named.items()}
    expected = {
        size: _shapes(size, class_count, (_PREFIX, *_MASK_PARTS) if has_masks else (_PREFIX,)) for size in SIZES
    }
    for size, shapes in expected.items():
        if found == shapes:
            return _PublishedDetr(size, class_count, has_masks, named)
    raise CheckpointError(_difference(found, expected["detr-r50"]))


def _resnet_weights(weights: Weights) -> Weights:
    """Rename the tensors of torchvision's ResNet for DETR's backbone with `Norm.FROZEN`; drop the classifier."""
    return {
        _BODY + name: tensor
        for name, tensor in weights.items()
        if not name.startswith("fc.") and not name.endswith(COUNTER)
    }


def _shapes(size: str, class_count: int, parts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors of these parts; no memory is allocated."""
    with torch.device("meta"):
        state = build_detr(size, class_count, Norm.FROZEN).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name.startswith(parts)}


def _difference(found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> str:
    for name, shape in expected.items():
        if name not in found:
            return f"it is no DETR of a known size: the tensor {name} is missing."
        if found[name] != shape:
            return f"it is no DETR of a known size: its tensor {name} has shape {found[name]}, not {shape}."
    other = next(name for name in found if name not in expected)
    return f"it has a tensor {other[:200]}, which is not part of DETR."


def _resnet(tensors: Weights) -> ForeignDetr:
    class_count = tensors[_CLASSIFIER_BIAS].size
    if not 1 <= class_count <= MAX_CLASSES:
        raise CheckpointError(f"its classifier has {class_count} classes; 1 to {MAX_CLASSES} can be read.")
    weights = _resnet_weights(tensors)
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    for name in RESNET_CHANNELS:
        if shapes == _body_shapes(name):
            numbered = _numbered(class_count)
            return ForeignDetr(f"{name}-cls", _storable(weights), numbered, _CLASSIFIER_IMAGE_SIZE, has_masks=False)
    raise CheckpointError(f"it is a ResNet, but not one of {', '.join(RESNET_CHANNELS)}.")


def _body_shapes(name: str) -> Mapping[str, tuple[int, ...]]:
    with torch.device("meta"):
        body = ResNetBackbone(DetrSize(name), Norm.FROZEN).body
    return {_BODY + own: tuple(tensor.shape) for own, tensor in body.state_dict().items()}


def _storable(weights: Weights) -> Weights:
    """Return the tensors in float32, checked."""
    for name, tensor in weights.items():
        check_halves(name, tensor)
    return {name: tensor.astype(np.float32) for name, tensor in weights.items()}


def _table_of(count: int) -> str:
    fitting = fitting_tables(count)
    return next((table for table in (*_BY_ID, *fitting) if table in fitting), "")


def _numbered(count: int) -> list[str]:
    return [f"class_{number}" for number in range(count)]
