"""Read the tensors of a PyTorch file, zipped or in the old format, without running its code."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splitlab.models.foreign.other_kinds import START_BYTES, kind_by_members, kind_by_start
from splitlab.models.foreign.pickle import BFLOAT16, RefusedError, RestrictedUnpickler, TensorRecord

Array = NDArray[np.generic]

MAX_TENSOR_BYTES = 2**30
_MAX_DIMENSIONS = 8
_MAX_MEMBERS = 20_000
_MAX_PICKLE_BYTES = 32 * 2**20
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

_ReadStorage = Callable[[str], bytes]


class _Opened(NamedTuple):
    """A file's root object, with records in place of tensors, and a function that reads a storage."""

    root: Any
    read_storage: _ReadStorage


def open_archive(file: BinaryIO) -> _Opened:
    """Read the root object of a PyTorch file; its tensors stay in the file.

    Raises:
        RefusedError: not a PyTorch file, broken, or it requests what weights do not need.
    """
    start = file.read(START_BYTES)
    file.seek(0)
    if start[:2] == b"PK":
        return _open_zip(file)
    # Before pickles, because the length of a safetensors header may look like one.
    if kind := kind_by_start(start):
        raise RefusedError(kind)
    if start[:1] == b"\x80":
        return _open_legacy(file)
    raise RefusedError("it is not a PyTorch file (neither a zip archive nor a pickle)")


def _item_size(dtype: str) -> int:
    """Return the bytes of one number."""
    return 2 if dtype == BFLOAT16 else int(dtype[-1])


def _open_zip(file: BinaryIO) -> _Opened:
    archive = zipfile.ZipFile(file)
    if kind := kind_by_members(archive.namelist()):
        raise RefusedError(kind)
    members = _checked_members(archive, file_bytes=file.seek(0, os.SEEK_END))
    roots = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise RefusedError("it is a zip archive without a data.pkl, so not a PyTorch file")
    folder = roots[0].removesuffix("data.pkl")
    if members[roots[0]].file_size > _MAX_PICKLE_BYTES:
        raise RefusedError(
            f"its data.pkl is over {_MAX_PICKLE_BYTES // 2**20} MiB, far more than a network's structure"
        )
    if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") != b"little":
        raise RefusedError("it was written on a big-endian machine; save it again on a common one")

    def read_storage(key: str) -> bytes:
        if f"{folder}data/{key}" not in members:
            raise _missing(key)
        return archive.read(f"{folder}data/{key}")

    with archive.open(roots[0]) as pickled:
        return _Opened(RestrictedUnpickler(pickled).load(), read_storage)


def _checked_members(archive: zipfile.ZipFile, file_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Refuse decompression bombs: PyTorch never compresses, so the parts cannot be larger than the file."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    if len(infos) > _MAX_MEMBERS or len(members) < len(infos):
        raise RefusedError(f"its archive has duplicate names or over {_MAX_MEMBERS} parts")
    if any(info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in infos):
        raise RefusedError("its archive is compressed, which PyTorch never does; it could unpack to any size")
    if sum(info.file_size for info in infos) > file_bytes:
        raise RefusedError("the parts of its archive overlap: together they are larger than the file")
    return members


def _open_legacy(file: BinaryIO) -> _Opened:
    """Read magic number, version, machine, root object, storage keys, then each storage: its length and its bytes."""
    if RestrictedUnpickler(file).load() != _LEGACY_MAGIC or RestrictedUnpickler(file).load() != _LEGACY_PROTOCOL:
        raise RefusedError("it is a pickle, but not one of PyTorch")
    machine = RestrictedUnpickler(file).load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise RefusedError("it was written on a big-endian machine; save it again on a common one")
    root_unpickler = _LegacyUnpickler(file)
    root = root_unpickler.load()
    keys = RestrictedUnpickler(file).load()
    return _Opened(root, _legacy_storages(file, keys, root_unpickler.item_sizes))


class _LegacyUnpickler(RestrictedUnpickler):
    """Records the item size of each storage: the old format gives lengths in items."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.item_sizes: dict[str, int] = {}

    def persistent_load(self, pid: Any, /) -> Any:
        loaded = super().persistent_load(pid)
        if pid[0] == "storage":
            self.item_sizes[loaded.key] = _item_size(loaded.dtype)
        return loaded


def _legacy_storages(file: BinaryIO, keys: object, item_sizes: dict[str, int]) -> _ReadStorage:
    if not isinstance(keys, list) or len(keys) > _MAX_MEMBERS or not all(key in item_sizes for key in keys):
        raise RefusedError("its list of storages does not match its tensors")
    start, end = file.tell(), file.seek(0, os.SEEK_END)
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        file.seek(start)
        length = int.from_bytes(file.read(8), "little") * item_sizes[key]
        places[key] = (start + 8, length)
        start += 8 + length
        if start > end:
            raise RefusedError("it is truncated: it ends before its last tensor")

    def read_storage(key: str) -> bytes:
        if key not in places:
            raise _missing(key)
        file.seek(places[key][0])
        return file.read(places[key][1])

    return read_storage


def _missing(key: str) -> RefusedError:
    return RefusedError(f"it is incomplete: the storage {key[:40]!r} of a tensor is missing")


class TensorReader:
    """Reads a file's tensors up to a total size."""

    def __init__(self, read_storage: _ReadStorage) -> None:
        self._read_storage = read_storage
        self._bytes_left = MAX_TENSOR_BYTES

    def read(self, record: TensorRecord) -> Array:
        """Return a tensor as a contiguous array; bfloat16 becomes float32."""
        _check_extent(record)
        width = _item_size(record.storage.dtype)
        self._bytes_left -= max(math.prod(record.shape), record.storage.length) * width
        if self._bytes_left < 0:
            raise RefusedError(f"its tensors are over {MAX_TENSOR_BYTES // 2**30} GiB, more than any supported model")
        data = self._read_storage(record.storage.key)
        if len(data) != record.storage.length * width:
            raise RefusedError(f"a tensor's storage has {len(data)} bytes, not {record.storage.length * width}")
        numbers = _as_numbers(data, record.storage.dtype)
        steps = [step * numbers.itemsize for step in record.strides]
        view = np.lib.stride_tricks.as_strided(numbers[record.offset :], record.shape, steps, writeable=False)
        return np.ascontiguousarray(view).reshape(record.shape)


def _check_extent(record: TensorRecord) -> None:
    """Refuse a tensor that reaches outside its storage."""
    shape, strides, count = record.shape, record.strides, record.storage.length
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise RefusedError(f"it has a tensor of shape {shape[:9]} with strides {strides[:9]}")
    last = record.offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if record.offset < 0 or count < 0 or (0 not in shape and last >= count):
        raise RefusedError(f"it has a tensor of shape {shape}, but only {count} numbers for it")


def _as_numbers(data: bytes, dtype: str) -> Array:
    if dtype != BFLOAT16:
        return np.frombuffer(data, dtype)
    upper_halves = np.frombuffer(data, "<u2").astype("<u4")
    return (upper_halves << 16).view("<f4")
