"""From a record of a tensor to its numbers, checked before anything is allocated."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from splitlab.models.foreign_archive import ReadStorage, item_size
from splitlab.models.foreign_pickle import BFLOAT16, RefusedError, TensorRecord

MAX_TENSOR_BYTES = 2**30
MAX_DIMENSIONS = 8

Array = NDArray[np.generic]


class TensorReader:
    """Reads a file's tensors up to a total size."""

    def __init__(self, read_storage: ReadStorage) -> None:
        self._read_storage = read_storage
        self._bytes_left = MAX_TENSOR_BYTES

    def read(self, record: TensorRecord) -> Array:
        """Return a tensor's numbers, contiguous; bfloat16 becomes float32.

        Raises:
            RefusedError: the tensor is larger than its storage or than what is left of the total, or its storage is
                not in the file.
        """
        _check_extent(record)
        width = item_size(record.storage.dtype)
        self._spend(max(math.prod(record.shape), record.storage.length) * width)
        data = self._read_storage(record.storage.key)
        if len(data) != record.storage.length * width:
            raise RefusedError(
                f"a tensor's storage should have {record.storage.length * width} bytes and has {len(data)}"
            )
        numbers = _as_numbers(data, record.storage.dtype)
        steps = [step * numbers.itemsize for step in record.strides]
        view = np.lib.stride_tricks.as_strided(numbers[record.offset :], record.shape, steps, writeable=False)
        return np.ascontiguousarray(view).reshape(record.shape)

    def _spend(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise RefusedError(f"its tensors are over {MAX_TENSOR_BYTES // 2**30} GiB, more than any model of ours")


def _check_extent(record: TensorRecord) -> None:
    """Refuse a tensor that reaches outside of its storage."""
    shape, strides, count = record.shape, record.strides, record.storage.length
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise RefusedError(f"it has a tensor of shape {shape[:9]} with strides {strides[:9]}")
    last = record.offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if record.offset < 0 or count < 0 or (0 not in shape and last >= count):
        raise RefusedError(f"it has a tensor of shape {shape}, but only {count} numbers for it")


def _as_numbers(data: bytes, dtype: str) -> Array:
    if dtype != BFLOAT16:
        return np.frombuffer(data, dtype)
    upper_halves = np.frombuffer(data, "<u2").astype("<u4")
    return (upper_halves << 16).view("<f4")
