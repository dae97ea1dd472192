"""The network in a foreign file: its tensors and class names, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from splitlab.checkpoints.weights import Weights, check_halves
from splitlab.data.reading import printable
from splitlab.errors import CheckpointError
from splitlab.models.foreign.options import RunOptions
from splitlab.models.foreign.tree import ForeignObject, children_of, tensors_of

MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class ForeignYOLO:
    """A YOLO found in a file."""

    model: str  # such as "yolo11s-seg", or "yolov5s-cls" for a classifier, whose backbone is kept
    weights: Weights  # float32, by the names of the model
    class_names: list[str]  # in the order of the class scores
    options: RunOptions  # of its training run


Network = ForeignObject | dict[str, Any]
"""A pickled module, or a state dict."""


def network_of(tree: Any) -> Network:
    """Return the network in the tree of `read_foreign`: the moving average if there is one, as training runs save both.

    Raises:
        CheckpointError: there is none; the text continues the file's name and a colon.
    """
    inner = [tree.get(key) for key in ("ema", "model", "state_dict")] if isinstance(tree, dict) else []
    for candidate in (*inner, tree):
        if isinstance(candidate, ForeignObject):
            return candidate
        if isinstance(candidate, dict) and any(isinstance(value, np.ndarray) for value in candidate.values()):
            return candidate
    raise CheckpointError("it holds no network: no module and no state dict under 'ema', 'model' or 'state_dict'.")


def state_of(network: Network) -> Weights:
    """Return the tensors of a network by name, as in its state dict.

    Raises:
        CheckpointError: it has an activation that the models here lack; the text continues the file's name and a colon.
    """
    if isinstance(network, dict):
        return {name: value for name, value in network.items() if isinstance(value, np.ndarray)}
    _check_activations(network, "")
    return dict(tensors_of(network, ""))


def checked(found: Weights, expected: Mapping[str, torch.Tensor]) -> Weights:
    """Return the expected tensors in float32 (counters in int64).

    Raises:
        CheckpointError: one is missing, has another shape or unusable numbers; the text continues the file's name and
            a colon.
    """
    weights = {}
    for name, tensor in expected.items():
        if name not in found:
            raise CheckpointError(f"the tensor {name} is missing.")
        shape = tuple(tensor.shape)
        if found[name].shape != shape:
            raise CheckpointError(f"its tensor {name} has shape {found[name].shape}, not {shape}.")
        weights[name] = found[name].astype(np.float32 if tensor.is_floating_point() else np.int64)
        if tensor.is_floating_point():
            check_halves(name, weights[name])
    return weights


def class_names_of(network: Network, count: int) -> list[str]:
    """Return the names of a network's classes; their numbers if it has no names.

    Raises:
        CheckpointError: the names do not fit; the text continues the file's name and a colon.
    """
    names = network.attributes.get("names") if isinstance(network, ForeignObject) else None
    if names is None:
        return [str(number) for number in range(count)]
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list) or len(names) != count:
        raise CheckpointError(f"its class names do not match its {count} class scores.")
    if not all(isinstance(name, str) and len(name) <= MAX_NAME_LENGTH for name in names):
        raise CheckpointError(f"a class name is not text of at most {MAX_NAME_LENGTH} characters.")
    return [printable(name) for name in names]


def _check_activations(module: ForeignObject, prefix: str) -> None:
    package, _, name = module.class_name.rpartition(".")
    if package == "torch.nn.modules.activation" and name != "SiLU":
        layer = prefix.rstrip(".")[:MAX_NAME_LENGTH]
        raise CheckpointError(f"its layer {layer!r} is a {name[:MAX_NAME_LENGTH]}, not a SiLU: outputs would differ.")
    for child_name, child in children_of(module):
        _check_activations(child, f"{prefix}{child_name}.")
