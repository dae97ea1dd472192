"""Find a YOLOv5 in a foreign file: its state dict, size, class names and what its run was told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from splitlab.data.formats.label_files import printable
from splitlab.errors import CheckpointError
from splitlab.models.foreign_modules import children_of, tensors_of
from splitlab.models.foreign_options import RunOptions, read_options
from splitlab.models.foreign_tree import ForeignObject
from splitlab.models.registry import build_model
from splitlab.models.yolov5_backbones import scaled_channels
from splitlab.models.yolov5_seg import PROTOTYPES, SCALES
from splitlab.runs.checkpoint import MAX_CLASSES
from splitlab.runs.stored_weights import Weights, check_halves

FIRST_WEIGHT, LAST_BIAS, CLASSIFIER_BIAS = "model.0.conv.weight", "model.24.m.0.bias", "model.9.linear.bias"
BACKBONE_NAME = re.compile(r"model\.[0-8]\.")
ANCHORS_A_LEVEL = 3
MAX_NAME_LENGTH = 200

T = TypeVar("T")


@dataclass(frozen=True)
class ForeignYOLOv5:
    """A YOLOv5 as it was found.

    Attributes:
        model: such as "yolov5s-seg", or "yolov5s-cls" for a classifier, of which the backbone is kept.
        weights: float32, by the official names.
        class_names: in the order of the class scores.
        options: what its run was told: image size, data set, split and more.
    """

    model: str
    weights: Weights
    class_names: list[str]
    options: RunOptions


def find_yolov5(tree: Any) -> ForeignYOLOv5:
    """Find the model in what `read_foreign` gave.

    Raises:
        CheckpointError: there is none, or its tensors are not those of YOLOv5-seg or -cls; the text goes on from the
            file's name and a colon.
    """
    network = _network_of(tree)
    found = _state_of(network)
    letter = _letter_of(found)
    if CLASSIFIER_BIAS in found:
        kind, class_count = "cls", found[CLASSIFIER_BIAS].size
        expected = backbone_of(_official_state(letter, 1))
    else:
        kind, class_count = "seg", _class_count(found)
        expected = _official_state(letter, class_count)
        _refuse_others(found, expected)
    return ForeignYOLOv5(
        model=f"yolov5{letter}-{kind}",
        weights=_checked(found, expected),
        class_names=_class_names(network, class_count),
        options=read_options(tree),
    )


def backbone_of(weights: Mapping[str, T]) -> dict[str, T]:
    """Return the layers 0 to 8, which YOLOv5-seg and -cls share."""
    return {name: tensor for name, tensor in weights.items() if BACKBONE_NAME.match(name)}


def _network_of(tree: Any) -> ForeignObject | dict[str, Any]:
    """Take the moving average before the model, as a training run keeps both."""
    inner = [tree.get(key) for key in ("ema", "model", "state_dict")] if isinstance(tree, dict) else []
    for candidate in (*inner, tree):
        if isinstance(candidate, ForeignObject) or (isinstance(candidate, dict) and _holds_arrays(candidate)):
            return candidate
    raise CheckpointError("it holds no network: no module and no state dict under 'ema', 'model' or 'state_dict'.")


def _holds_arrays(candidate: dict[str, Any]) -> bool:
    return any(isinstance(value, np.ndarray) for value in candidate.values())


def _state_of(network: ForeignObject | dict[str, Any]) -> Weights:
    if isinstance(network, dict):
        return {name: value for name, value in network.items() if isinstance(value, np.ndarray)}
    _check_activations(network, "")
    return dict(tensors_of(network, ""))


def _check_activations(module: ForeignObject, prefix: str) -> None:
    package, _, name = module.class_name.rpartition(".")
    if package == "torch.nn.modules.activation" and name != "SiLU":
        layer = prefix.rstrip(".")[:MAX_NAME_LENGTH]
        raise CheckpointError(
            f"its layer {layer!r} is a {name[:MAX_NAME_LENGTH]} where ours is a SiLU: outputs differ."
        )
    for child_name, child in children_of(module):
        _check_activations(child, f"{prefix}{child_name}.")


def _letter_of(tensors: Weights) -> str:
    if FIRST_WEIGHT not in tensors:
        raise CheckpointError(f"it holds no YOLOv5: a tensor {FIRST_WEIGHT} is missing.")
    shape = tensors[FIRST_WEIGHT].shape
    for letter, scale in SCALES.items():
        if shape == (scaled_channels(64, scale.width), 3, 6, 6):
            return letter
    raise CheckpointError(f"its tensor {FIRST_WEIGHT} has shape {shape}, which is that of no YOLOv5 n, s, m, l or x.")


def _class_count(tensors: Weights) -> int:
    if LAST_BIAS not in tensors:
        raise CheckpointError(f"it is no YOLOv5-seg and no -cls: a tensor {LAST_BIAS} is missing.")
    count, rest = divmod(tensors[LAST_BIAS].size, ANCHORS_A_LEVEL)
    count -= 5 + PROTOTYPES
    if rest or not 1 <= count <= MAX_CLASSES:
        raise CheckpointError(
            f"its tensor {LAST_BIAS} has {tensors[LAST_BIAS].size} numbers, which fits no count of classes from 1 to "
            f"{MAX_CLASSES}. A detection model (without -seg) has no masks and cannot be used."
        )
    return count


def _refuse_others(found: Weights, expected: dict[str, torch.Tensor]) -> None:
    other = next((name for name in found if name not in expected), None)
    if other is not None:
        raise CheckpointError(f"it has a tensor {other[:MAX_NAME_LENGTH]!r}, which YOLOv5-seg has not.")


def _checked(found: Weights, expected: dict[str, torch.Tensor]) -> Weights:
    """Return the expected tensors in float32 (counters in int64)."""
    weights = {}
    for name, tensor in expected.items():
        if name not in found:
            raise CheckpointError(f"a tensor {name} is missing.")
        shape = tuple(tensor.shape)
        if found[name].shape != shape:
            raise CheckpointError(f"its tensor {name} has shape {found[name].shape} where {shape} fits.")
        weights[name] = found[name].astype(np.float32 if tensor.is_floating_point() else np.int64)
        if tensor.is_floating_point():
            check_halves(name, weights[name])
    return weights


def _official_state(letter: str, class_count: int) -> dict[str, torch.Tensor]:
    """Return names and shapes of YOLOv5-seg; nothing is allocated."""
    with torch.device("meta"):
        return dict(build_model(f"yolov5{letter}-seg", class_count, 640).state_dict())


def _class_names(network: ForeignObject | dict[str, Any], count: int) -> list[str]:
    names = network.attributes.get("names") if isinstance(network, ForeignObject) else None
    if names is None:
        return [str(number) for number in range(count)]
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list) or len(names) != count:
        raise CheckpointError(f"its class names do not fit its {count} class scores.")
    if not all(isinstance(name, str) and len(name) <= MAX_NAME_LENGTH for name in names):
        raise CheckpointError(f"a class name is no text of up to {MAX_NAME_LENGTH} letters.")
    return [printable(name) for name in names]
