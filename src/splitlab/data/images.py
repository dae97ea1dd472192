"""Open photos safely: right way up, RGB, bounded in size."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from splitlab.data.dataset import ImageLabels
from splitlab.errors import DataError, ImageError

# What is sold as 50 megapixels gives up to 50.4 million pixels, such as 8192 x 6144.
MEGAPIXELS, MAX_PIXELS = 50, 51_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# The first bytes of ISO media files say "ftyp" and a brand; phones store photos as the first ones.
_FTYP, _HEIC_BRANDS, _AVIF_BRANDS = b"ftyp", (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"mif1", b"msf1"), (b"avif",)

# EXIF's eight ways to hold a camera; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

ImageArray = NDArray[np.uint8]


def load_image(source: Path | BinaryIO, name: str | None = None) -> ImageArray:
    """Read a photo as (H, W, 3) uint8 RGB, turned as its EXIF says.

    Args:
        source: a path or an open file.
        name: what to call it in messages; the path where none is given.

    Raises:
        ImageError: it is missing, no image, broken, or over 50 megapixels.
    """
    name = name or str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source, formats=FORMATS) as image:
                _refuse_large(image, name)
                return np.asarray(_to_rgb(_upright(image)))
    except UnidentifiedImageError as error:
        raise ImageError(_unread(source, name)) from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(name)) from error
    except FileNotFoundError as error:
        raise ImageError(f"{name} is not there. Check the path.") from error
    except (OSError, SyntaxError, ValueError, TypeError, struct.error) as error:
        raise ImageError(f"{name} is broken or cut short ({error}). Save or upload it again.") from error


def load_labelled(labels: ImageLabels) -> ImageArray:
    """Read a dataset's photo, in the size that its labels are drawn in.

    Raises:
        ImageError: it cannot be read.
        DataError: it has another size than its labels say.
    """
    photo = load_image(labels.path)
    if photo.shape[:2] != (labels.height, labels.width):
        raise DataError(
            f"{labels.path} has {photo.shape[1]} x {photo.shape[0]} pixels, its labels say "
            f"{labels.width} x {labels.height}. Correct the labels or the photo."
        )
    return photo


def _unread(source: Path | BinaryIO, name: str) -> str:
    """Say by a file's content why it is not read: what it is called may be wrong."""
    head = _head(source)
    brand = head[8:12] if head[4:8] == _FTYP else b""
    for kind, brands in (("HEIC", _HEIC_BRANDS), ("AVIF", _AVIF_BRANDS)):
        if brand in brands:
            return f"{name} is {kind}, which is not read: save it as JPEG."
    return f"{name} is no image that can be read. Use JPEG, PNG, WebP, BMP, TIFF or GIF."


def _head(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(12)
    source.seek(0)
    return source.read(12)


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF says; unlike PIL's own way it writes no EXIF back, which fails on odd entries."""
    image.load()  # a TIFF turns itself
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _refuse_large(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(_too_large(name))


def _too_large(name: str) -> str:
    return f"{name} has over {MEGAPIXELS} megapixels. Scale it down first."


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image, dtype=np.uint16) >> 8
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        return Image.fromarray(_to_bytes(np.asarray(image, np.float64))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _to_bytes(levels: NDArray[np.float64]) -> ImageArray:
    """Scale 32-bit levels to 0..255: from 0..1 or 0..65535 where they lie there, else from their own range."""
    known = np.nan_to_num(levels, posinf=0.0, neginf=0.0)
    low, high = min(float(known.min()), 0.0), float(known.max())
    top = next((bound for bound in (1.0, 255.0, 65535.0) if high <= bound), high)
    return np.asarray((known - low) / max(top - low, 1e-9) * 255, np.uint8)
