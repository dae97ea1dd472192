"""Masks inside label files: base64 text of a PNG or of a NumPy array, decoded within limits.

Functions raise ValueError or TypeError, with a clause that says what is wrong.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError

from splitlab.data.images import MAX_PIXELS
from splitlab.geometry import MaskArray

# A .npy file has up to eight bytes per pixel, and a header.
_PIXEL_BYTES, _HEADER_BYTES = 8, 100_000
_NPY_START = b"\x93NUMPY"
_NPY_HEADER = re.compile(
    rb"\{'descr': '(?P<kind>[<>|]?[buif]\d)', 'fortran_order': (?P<columns>True|False), "
    rb"'shape': \((?P<high>\d{1,9}), (?P<wide>\d{1,9})\), \}\s*"
)
_PNG_START = b"\x89PNG\r\n\x1a\n"
_BROKEN_PNG = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    struct.error,
)


def from_base64(text: object) -> bytes:
    """Decode base64 text."""
    if not isinstance(text, str):
        raise TypeError("its mask is not text")
    try:
        return base64.b64decode(text)
    except ValueError as error:
        raise ValueError(f"its mask is not base64 ({error})") from error


def inflated(raw: bytes, most_pixels: int = MAX_PIXELS) -> bytes:
    """Decompress zlib's format; what is too large for an image of `most_pixels` is refused before it is in memory."""
    inflater = zlib.decompressobj()
    most_bytes = _PIXEL_BYTES * min(most_pixels, MAX_PIXELS) + _HEADER_BYTES
    try:
        content = inflater.decompress(raw, most_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"its mask cannot be unpacked ({error})") from error
    if len(content) > most_bytes:
        raise ValueError(f"its mask is over {most_bytes:,} bytes large")
    if not inflater.eof:
        raise ValueError("its mask is cut short")
    return content


def png_to_mask(raw: bytes, most_pixels: int = MAX_PIXELS) -> MaskArray:
    """Decode a PNG as (H, W) bool: where it is not transparent, or not 0 if it has no transparency.

    Images of more than `most_pixels` are refused before they are decoded.
    """
    if raw[:8] != _PNG_START or raw[12:16] != b"IHDR" or len(raw) < 24:
        raise ValueError("its mask is not a PNG image")
    width, height = struct.unpack(">II", raw[16:24])
    if width * height > min(most_pixels, MAX_PIXELS):
        raise ValueError(f"its mask is {width} x {height} pixels, larger than its image")
    try:
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as image:
            # Pillow believes the last of several headers.
            if image.size != (width, height):
                raise ValueError("it states two sizes")
            values = np.asarray(image)
    except _BROKEN_PNG as error:
        raise ValueError(f"its mask is not a readable PNG ({error})") from error
    if values.ndim == 2:
        return np.asarray(values != 0)
    return np.asarray((values[..., -1] if values.shape[-1] in (2, 4) else values.max(axis=-1)) != 0)


def npy_to_mask(raw: bytes, most_pixels: int = MAX_PIXELS) -> MaskArray:
    """Decode the content of a .npy file as (H, W) bool: where it is not 0. Nothing in it is run."""
    # NumPy's own reader passes headers on to Python's parser, which raises much else than ValueError.
    start = 10 if raw[6:7] == b"\x01" else 12
    header = _NPY_HEADER.fullmatch(raw[start : start + int.from_bytes(raw[8:start], "little")])
    if not raw.startswith(_NPY_START) or header is None:
        raise ValueError("its mask is not a NumPy array of numbers with two dimensions")
    high, wide = int(header["high"]), int(header["wide"])
    if not 0 < high * wide <= min(most_pixels, MAX_PIXELS):
        raise ValueError(f"its mask is {wide} x {high} pixels, which do not fit its image")
    try:
        values = np.frombuffer(raw, header["kind"].decode(), high * wide, start + len(header[0]))
    except (ValueError, TypeError) as error:
        raise ValueError(f"its mask is a broken NumPy array ({error})") from error
    return np.asarray(values.reshape((high, wide), order="F" if header["columns"] == b"True" else "C") != 0)
