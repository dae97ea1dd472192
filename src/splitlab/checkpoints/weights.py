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
_VARIANCE = ".running_var"
_ANOTHER = "Take the file from its source again."
_LARGEST_HALF = 65504
# Of larger ones not even the square is a float32, so a model's answers become infinite. Trained ones stay under 1,000.
_LARGEST_USABLE = 1e18
# The only whole numbers in a model's state: how many batches a batch norm has seen.
_COUNT = "num_batches_tracked"


def check_usable(name: str, tensor: NDArray[Any]) -> None:
    """Refuse numbers that no model can look with: it would find nothing, or fail long after it was loaded.

    Raises:
        CheckpointError: a number is NaN, infinite or over 1e18, an anchor or a scale is not above 0, or a variance is
            below 0; the text goes on from the file's name and a colon.
    """
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise CheckpointError(f"its tensor {name} has numbers that are NaN or infinite. {_ANOTHER}")
    # Half precision cannot hold the bound, nor anything above it.
    if tensor.dtype.kind == "f" and tensor.dtype.itemsize > 2 and (np.abs(tensor) > _LARGEST_USABLE).any():
        raise CheckpointError(f"its tensor {name} has numbers over {_LARGEST_USABLE:g}. {_ANOTHER}")
    if name.endswith(_SCALE) and not (tensor > 0).all():
        raise CheckpointError(f"its tensor {name} has scales that are not above 0. {_ANOTHER}")
    if name.endswith(_ANCHORS) and not (tensor > 0).all():
        raise CheckpointError(f"its tensor {name} has anchors that are not above 0. {_ANOTHER}")
    if name.endswith(_VARIANCE) and not (tensor >= 0).all():
        raise CheckpointError(f"its tensor {name} has variances below 0. {_ANOTHER}")


def check_halves(name: str, tensor: NDArray[Any]) -> None:
    """Refuse weights of another program that no model can look with, or that half precision cannot hold.

    Raises:
        CheckpointError: they are no numbers, or one is too large, or as `check_usable`.
    """
    if tensor.dtype.kind not in "fiu":
        raise CheckpointError(f"its tensor {name} holds no numbers. {_ANOTHER}")
    check_usable(name, tensor)
    if not (np.abs(tensor) <= _LARGEST_HALF).all():
        raise CheckpointError(f"its tensor {name} has numbers over {_LARGEST_HALF}. {_ANOTHER}")


def half_precision(weights: Weights) -> Weights:
    """Store floats as float16, and all else as it is; a tensor with numbers too large for that stays as it is."""
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
        scale = (largest / _LARGEST).astype(np.float32)
        # A channel of zeros, or of numbers so small that their scale is none.
        scale[scale == 0] = 1
        stored[name] = np.rint(tensor / scale).astype(np.int8)
        stored[name + _SCALE] = scale.reshape(-1)
    return stored


def full_precision(stored: Weights) -> Weights:
    """Return stored weights as float32, whichever way they were stored.

    Raises:
        ValueError: a scale belongs to no tensor, or is not one number for each of its channels.
        CheckpointError: a scale is NaN, infinite, over 1e18 or not above 0, or weights are whole numbers without
            scales.
    """
    scales = {name.removesuffix(_SCALE): scale for name, scale in stored.items() if name.endswith(_SCALE)}
    if strays := scales.keys() - stored.keys():
        raise ValueError(f"there are scales of {sorted(strays)[0]!r}, but no such weights")
    tensors = {name: tensor for name, tensor in stored.items() if not name.endswith(_SCALE)}
    return {
        name: _scaled(name, tensor, scales[name]) if name in scales else _widen(name, tensor)
        for name, tensor in tensors.items()
    }


def _scaled(name: str, tensor: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    if tensor.dtype != np.int8 or scale.dtype != np.float32 or scale.shape != tensor.shape[:1]:
        raise ValueError(f"the scales of {name!r} are not one for each of its channels")
    check_usable(name + _SCALE, scale)
    # What is too large for float32 becomes infinite, and is refused as that.
    with np.errstate(over="ignore"):
        scaled: NDArray[Any] = np.multiply(tensor, scale.reshape(-1, *[1] * (tensor.ndim - 1)), dtype=np.float32)
    return scaled


def _halve(tensor: NDArray[Any]) -> NDArray[Any]:
    fits = tensor.dtype == np.float32 and not (np.abs(tensor) > _LARGEST_HALF).any()
    return tensor.astype(np.float16) if fits else tensor


def _widen(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    if tensor.dtype.kind != "f":
        if not name.endswith(_COUNT):
            raise CheckpointError(f"its tensor {name} is of type {tensor.dtype} and has no scales. {_ANOTHER}")
        return tensor
    with np.errstate(over="ignore"):
        return tensor.astype(np.float32)
