"""Store a checkpoint's weights in 16 or 8 bits, and check their numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.errors import CheckpointError

Weights = dict[str, NDArray[Any]]

_SCALE = "::scale"
_LARGEST = 127
# Never rounded to 8 bits: that would move every box.
_ANCHORS = ".anchors"
_VARIANCE = ".running_var"
_ANOTHER = "Download the file again from its source."
_LARGEST_HALF = 65504
# The square of larger numbers exceeds float32, so outputs become infinite. Trained weights stay under 1,000.
_LARGEST_USABLE = 1e18
# The only whole numbers in a model's state: the batch counters of batch norms.
_COUNT = "num_batches_tracked"
# What must hold for tensors with these name endings.
_RULES = (
    (_SCALE, "scales that are not above 0", operator.gt),
    (_ANCHORS, "anchors that are not above 0", operator.gt),
    (_VARIANCE, "variances below 0", operator.ge),
)


def check_usable(name: str, tensor: NDArray[Any]) -> None:
    """Refuse numbers with which a model would find nothing or fail later.

    Raises:
        CheckpointError: a number is NaN, infinite or over 1e18, an anchor or a scale is not above 0, or a variance is
            below 0; the text continues the file's name and a colon.
    """
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise CheckpointError(f"its tensor {name} has numbers that are NaN or infinite. {_ANOTHER}")
    # Half precision cannot hold the bound, nor anything above it.
    if tensor.dtype.kind == "f" and tensor.dtype.itemsize > 2 and (np.abs(tensor) > _LARGEST_USABLE).any():
        raise CheckpointError(f"its tensor {name} has numbers over {_LARGEST_USABLE:g}. {_ANOTHER}")
    for ending, problem, holds in _RULES:
        if name.endswith(ending) and not holds(tensor, 0).all():
            raise CheckpointError(f"its tensor {name} has {problem}. {_ANOTHER}")


def check_halves(name: str, tensor: NDArray[Any]) -> None:
    """Refuse imported weights that are unusable or exceed the range of half precision.

    Raises:
        CheckpointError: not numbers, a number is too large, or as `check_usable`.
    """
    if tensor.dtype.kind not in "fiu":
        raise CheckpointError(f"its tensor {name} does not hold numbers. {_ANOTHER}")
    check_usable(name, tensor)
    if not (np.abs(tensor) <= _LARGEST_HALF).all():
        raise CheckpointError(f"its tensor {name} has numbers over {_LARGEST_HALF}. {_ANOTHER}")


def half_precision(weights: Weights) -> Weights:
    """Store floats as float16; tensors with numbers too large for it, and all others, stay unchanged."""
    return {name: _halve(tensor) for name, tensor in weights.items()}


def without_loss(weights: Weights) -> Weights:
    """Store float tensors as float16 where this changes no number; all others stay unchanged."""
    halves = half_precision(weights)
    return {name: halves[name] if np.array_equal(halves[name], tensor) else tensor for name, tensor in weights.items()}


def eight_bits(weights: Weights) -> Weights:
    """Store each float matrix or kernel as int8 with one float32 scale per output channel (the first axis).

    A channel's largest weight becomes 127 or -127, so the error is at most 1/254 of it. Vectors, such as biases and
    batch norms, and anchors are stored in half precision.

    Raises:
        CheckpointError: a weight is NaN or infinite.
    """
    stored: Weights = {}
    for name, tensor in weights.items():
        is_weights = tensor.ndim > 1 and tensor.size and np.issubdtype(tensor.dtype, np.floating)
        if not is_weights or name.endswith(_ANCHORS):
            stored[name] = _halve(tensor)
            continue
        largest = np.abs(tensor).max(axis=tuple(range(1, tensor.ndim)), keepdims=True).astype(np.float32)
        if not np.isfinite(largest).all():
            raise CheckpointError(f"The weights '{name}' have a NaN or infinite value. Train the model again.")
        scale = (largest / _LARGEST).astype(np.float32)
        # A channel of zeros, or of numbers so small that their scale rounds to 0.
        scale[scale == 0] = 1
        stored[name] = np.rint(tensor / scale).astype(np.int8)
        stored[name + _SCALE] = scale.reshape(-1)
    return stored


def full_precision(stored: Weights) -> Weights:
    """Return stored weights as float32.

    Raises:
        ValueError: a scale has no tensor, or not one number per channel.
        CheckpointError: a scale is unusable, or weights are whole numbers without scales.
    """
    scales = {name.removesuffix(_SCALE): scale for name, scale in stored.items() if name.endswith(_SCALE)}
    if strays := scales.keys() - stored.keys():
        raise ValueError(f"there are scales but no weights of {sorted(strays)[0]!r}")
    tensors = {name: tensor for name, tensor in stored.items() if not name.endswith(_SCALE)}
    return {
        name: _scaled(name, tensor, scales[name]) if name in scales else _widen(name, tensor)
        for name, tensor in tensors.items()
    }


def _scaled(name: str, tensor: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    if tensor.dtype != np.int8 or scale.dtype != np.float32 or scale.shape != tensor.shape[:1]:
        raise ValueError(f"the scales of {name!r} do not match its channels")
    check_usable(name + _SCALE, scale)
    # Numbers too large for float32 become infinite and are refused later.
    with np.errstate(over="ignore"):
        scaled: NDArray[Any] = np.multiply(tensor, scale.reshape(-1, *[1] * (tensor.ndim - 1)), dtype=np.float32)
    return scaled


def _halve(tensor: NDArray[Any]) -> NDArray[Any]:
    fits = tensor.dtype == np.float32 and not (np.abs(tensor) > _LARGEST_HALF).any()
    return tensor.astype(np.float16) if fits else tensor


def _widen(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    if tensor.dtype.kind != "f":
        if not name.endswith(_COUNT):
            raise CheckpointError(f"its tensor {name} has the type {tensor.dtype} but no scales. {_ANOTHER}")
        return tensor
    with np.errstate(over="ignore"):
        return tensor.astype(np.float32)
