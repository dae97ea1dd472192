"""How a checkpoint's weights lie on disk: in half precision, or in 8 bits each where they have to be small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.errors import CheckpointError

Weights = dict[str, NDArray[Any]]

_SCALE = "::scale"
_LARGEST = 127
# No weights: who rounds them moves every box.
_ANCHORS = ".anchors"
_LARGEST_HALF = 65504


def check_halves(name: str, tensor: NDArray[Any]) -> None:
    """Refuse weights of another program that half precision cannot hold.

    Raises:
        CheckpointError: they are no numbers, or one is NaN or too large.
    """
    if tensor.dtype.kind not in "fiu" or not (np.abs(tensor) <= _LARGEST_HALF).all():
        raise CheckpointError(f"its tensor {name} has numbers that are NaN or over {_LARGEST_HALF}.")


def half_precision(weights: Weights) -> Weights:
    """Store floats as float16, and all else as it is."""
    return {name: _halve(tensor) for name, tensor in weights.items()}


def eight_bits(weights: Weights) -> Weights:
    """Store each float matrix or kernel as int8, with one float32 scale for each output channel (its first axis).

    The largest weight of a channel becomes 127 or -127, so a weight is wrong by at most 1/254 of it. Vectors, such as
    biases and those of batch norm, and anchors stay in half precision.

    Raises:
        CheckpointError: a weight is infinite or no number, so that it has no scale.
    """
    stored: Weights = {}
    for name, tensor in weights.items():
        is_weights = tensor.ndim > 1 and tensor.size and np.issubdtype(tensor.dtype, np.floating)
        if not is_weights or name.endswith(_ANCHORS):
            stored[name] = _halve(tensor)
            continue
        largest = np.abs(tensor).max(axis=tuple(range(1, tensor.ndim)), keepdims=True).astype(np.float32)
        if not np.isfinite(largest).all():
            raise CheckpointError(f"The weights '{name}' have a value that is no finite number. Train the model again.")
        scale = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
        stored[name] = np.rint(tensor / scale).astype(np.int8)
        stored[name + _SCALE] = scale.reshape(-1)
    return stored


def full_precision(stored: Weights) -> Weights:
    """Return stored weights as float32, whichever way they were stored.

    Raises:
        ValueError: a scale belongs to no tensor, or is not one number for each of its channels.
    """
    scales = {name.removesuffix(_SCALE): scale for name, scale in stored.items() if name.endswith(_SCALE)}
    if strays := scales.keys() - stored.keys():
        raise ValueError(f"there are scales of {sorted(strays)[0]!r}, but no such weights")
    tensors = {name: tensor for name, tensor in stored.items() if not name.endswith(_SCALE)}
    return {
        name: _scaled(name, tensor, scales[name]) if name in scales else _widen(tensor)
        for name, tensor in tensors.items()
    }


def _scaled(name: str, tensor: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    if tensor.dtype != np.int8 or scale.dtype != np.float32 or scale.shape != tensor.shape[:1]:
        raise ValueError(f"the scales of {name!r} are not one for each of its channels")
    scaled: NDArray[Any] = np.multiply(tensor, scale.reshape(-1, *[1] * (tensor.ndim - 1)), dtype=np.float32)
    return scaled


def _halve(tensor: NDArray[Any]) -> NDArray[Any]:
    return tensor.astype(np.float16) if tensor.dtype == np.float32 else tensor


def _widen(tensor: NDArray[Any]) -> NDArray[Any]:
    return tensor.astype(np.float32) if tensor.dtype == np.float16 else tensor
