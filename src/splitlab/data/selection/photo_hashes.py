"""Hashes of photos: photos that look alike have hashes that differ in few bits.

A hash has 256 bits: the signs of the 16 x 16 lowest frequencies (DCT-II) of the photo as 32 x 32 grey levels. The first
64 are the 8 x 8 lowest, which change least when a photo is scaled, saved again or cropped a little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from splitlab.data.file_index import file_key, index_path, load_index, save_index
from splitlab.data.images import load_reduced
from splitlab.errors import ImageError
from splitlab.io import Progress, no_progress

HASH_BITS, LOW_BITS = 256, 64
HASH_BYTES = HASH_BITS // 8

_INDEX = "photo_hashes"
# Of the photo that is read, and of its grey levels.
_READ_SIDE, _GREY_SIDE = 128, 32
_SIDE, _LOW_SIDE = 16, 8
_IS_LOW = np.add.outer(np.arange(_SIDE) >= _LOW_SIDE, np.arange(_SIDE) >= _LOW_SIDE) == 0
# No frequency of a flat photo reaches this; the faintest of 626 photos of dark cells had 7.7.
_FLAT = 1.0
# Frequencies that are zero, as in drawn pictures, differ from it by rounding.
_ROUNDING = 1e-6


def hash_photo(path: Path) -> bytes:
    """Return the hash of a photo. A flat photo has nothing to compare, so that of its file stands for it.

    Raises:
        ImageError: the photo cannot be read.
    """
    pixels, _ = load_reduced(path, _READ_SIDE)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (_GREY_SIDE, _GREY_SIDE), interpolation=cv2.INTER_AREA)
    waves: NDArray[np.float64] = dctn(small.astype(np.float64), norm="ortho")[:_SIDE, :_SIDE]
    waves[0, 0] = 0.0  # the brightness
    if np.abs(waves).max() < _FLAT:
        return _file_hash(path)
    signs = waves > _ROUNDING
    return np.packbits(np.concatenate([signs[_IS_LOW], signs[~_IS_LOW]])).tobytes()


def read_photo_hashes(
    paths: Sequence[Path], root: Path, index_dir: Path, progress: Progress = no_progress
) -> list[bytes | None]:
    """Return the hash of each photo of a dataset, or None for a photo that cannot be read.

    Only photos whose path, size or modification time differ from the index are opened. The index is one JSON file per
    `root`. A broken one is rebuilt; without write permission, photos are read again next time.

    Args:
        paths: all photos that are compared, below `root`.
        root: the dataset's folder.
        index_dir: the folder of the index file, created if missing.
        progress: called after every photo that is opened.
    """
    index_file = index_path(_INDEX, root, index_dir)
    index = load_index(index_file)
    keys = [_key(path, root) for path in paths]
    found = {key: known for key in keys if key and (known := _from_hex(index.get(key)))}
    unread = {key: path for key, path in zip(keys, paths, strict=True) if key and key not in found}
    try:
        for done, (key, path) in enumerate(unread.items(), start=1):
            hashed = _hash_or_none(path)
            if hashed:
                found[key] = hashed
            progress("compare photos", done, len(unread))
    finally:
        # Keep what was read even after Ctrl-C.
        if unread:
            save_index(index_file, {key: known.hex() for key, known in found.items()})
    return [found.get(key) if key else None for key in keys]


def _key(path: Path, root: Path) -> str | None:
    try:
        return file_key(path, root)
    except OSError:
        return None


def _from_hex(entry: object) -> bytes | None:
    try:
        known = bytes.fromhex(entry) if isinstance(entry, str) else b""
    except ValueError:
        return None
    return known if len(known) == HASH_BYTES else None


def _hash_or_none(path: Path) -> bytes | None:
    try:
        return hash_photo(path)
    except (ImageError, OSError):
        return None


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
