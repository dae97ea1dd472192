"""Rows of numbers about photos, computed once and kept on disk: a killed process goes on with the next block."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Problem
from splitlab.data.file_index import file_key, index_path
from splitlab.data.images import ImageArray, load_reduced, unread_photo
from splitlab.errors import ImageError, RunError
from splitlab.io import Progress, holding, make_folder, no_progress

Rows = NDArray[np.float16]

_KEY_BYTES = 16
_BLOCK = 32


@dataclass(frozen=True)
class RowKind:
    """One kind of rows.

    Attributes:
        name: in the name of the file; another one wherever the numbers would be others.
        what: said with the progress, such as "look at photos".
        width: numbers in a row.
        side: photos are read with at most this many pixels on each side.
        compute: turns B photos, (H, W, 3) uint8 RGB of any size, into (B, width) numbers.
    """

    name: str
    what: str
    width: int
    side: int
    compute: Callable[[Sequence[ImageArray]], NDArray[np.float32]]

    @property
    def record(self) -> np.dtype[np.void]:
        """A record of the file: the hash of a photo's path, size and modification time, and its row."""
        return np.dtype([("key", f"V{_KEY_BYTES}"), ("row", "<f2", (self.width,))])


@dataclass(frozen=True)
class PhotoRows:
    """The rows of some photos.

    Attributes:
        rows: (N, width) float16, in the order of the photos; NaN for those that cannot be read.
        problems: of those that cannot be read.
    """

    rows: Rows
    problems: tuple[Problem, ...]


def rows_of_photos(
    kind: RowKind, paths: Sequence[Path], root: Path, index_dir: Path, progress: Progress = no_progress
) -> PhotoRows:
    """Return a row for each photo; only new and changed photos are opened.

    The rows are kept in one file per kind and `root`. Each block of 32 photos is added to it at once, so a process that
    is killed loses the block it was working on.

    Args:
        kind: what is computed.
        paths: the photos, below `root`.
        root: the dataset's folder.
        index_dir: the folder of the file, created if missing.
        progress: called after each block.

    Raises:
        RunError: the file cannot be written, or another process computes the same rows.
    """
    file = index_path(kind.name, root, index_dir).with_suffix(".rows")
    make_folder(index_dir)
    refusal = f"Another process is looking at the photos of {root}. Wait for it to end."
    with holding(file.with_suffix(".lock"), refusal):
        return _completed(kind, file, paths, root, progress)


def _completed(kind: RowKind, file: Path, paths: Sequence[Path], root: Path, progress: Progress) -> PhotoRows:
    known = _stored(kind, file)
    problems: dict[Path, Problem] = {}
    keys = [_key(path, root) for path in paths]
    missing = {key: path for key, path in zip(keys, paths, strict=True) if key not in known}
    waiting = list(missing.items())
    for start in range(0, len(waiting), _BLOCK):
        read: dict[bytes, ImageArray] = {}
        for key, path in waiting[start : start + _BLOCK]:
            try:
                read[key] = load_reduced(path, kind.side)[0]
            except ImageError as error:
                problems[path] = unread_photo(path, error)
        if read:
            rows = kind.compute(list(read.values())).astype(np.float16)
            known.update(zip(read, rows, strict=True))
            _append(kind, file, list(read), rows)
        progress(kind.what, min(start + _BLOCK, len(waiting)), len(waiting))
    none = np.full(kind.width, np.nan, np.float16)
    rows = np.array([known.get(key, none) for key in keys], np.float16).reshape(-1, kind.width)
    return PhotoRows(rows, tuple(problems.values()))


def _key(path: Path, root: Path) -> bytes:
    try:
        text = file_key(path, root)
    except OSError:
        text = str(path)  # it cannot be read, and is reported
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=_KEY_BYTES).digest()


def _stored(kind: RowKind, file: Path) -> dict[bytes, Rows]:
    """Return the rows of a file by their keys. What a killed process left of a last record is cut off."""
    if not file.exists():
        return {}
    size = kind.record.itemsize
    try:
        whole = file.stat().st_size // size * size
        if whole < file.stat().st_size:
            os.truncate(file, whole)
        records = np.fromfile(file, kind.record)
    except OSError as error:
        raise RunError(f"{file}: cannot be read ({error.strerror}). Delete it, or choose another workspace.") from error
    finite = np.isfinite(records["row"]).all(axis=1)
    return dict(zip(map(bytes, records["key"][finite]), records["row"][finite], strict=True))


def _append(kind: RowKind, file: Path, keys: Sequence[bytes], rows: Rows) -> None:
    records = np.empty(len(keys), kind.record)
    records["key"] = np.array(keys, f"V{_KEY_BYTES}")
    records["row"] = rows
    try:
        with file.open("ab") as out:
            out.write(records.tobytes())
    except OSError as error:
        raise RunError(
            f"{file}: cannot be written ({error.strerror}). Free some space or choose another folder."
        ) from error
