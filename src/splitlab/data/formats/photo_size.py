"""The size of a photo from its header, without decoding its pixels."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from splitlab.data.images import FORMATS, MAX_PIXELS
from splitlab.data.problem import Problem, ProblemKind
from splitlab.errors import ImageError

QUARTER_TURNS = (5, 6, 7, 8)


def read_photo_size(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels as `load_image` gives the photo: turned as its EXIF says.

    Raises:
        ImageError: it is missing, no image, its header is broken, or it is over 50 megapixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size[::-1] if _is_turned(image) else image.size
    except FileNotFoundError as error:
        raise ImageError(f"{path} is not there. Check the path.") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is no image that can be read. Use JPEG, PNG, WebP, BMP, TIFF or GIF.") from error
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(f"{path} cannot be opened as a photo ({error}). Save it again.") from error
    if width * height > MAX_PIXELS:
        raise ImageError(f"{path} has over {MAX_PIXELS // 1_000_000} megapixels. Scale it down first.")
    return width, height


def find_photo_problem(path: Path, width: int, height: int) -> Problem | None:
    """Return what is wrong with a labelled photo by its header alone, or None.

    Args:
        path: the photo.
        width: as its labels say, pixels.
        height: as its labels say, pixels.
    """
    try:
        found = read_photo_size(path)
    except ImageError as error:
        return unread_photo(path, error)
    if found == (width, height):
        return None
    what = f"the photo has {found[0]} x {found[1]} pixels, its labels say {width} x {height}"
    return Problem(ProblemKind.PHOTO_SIZE, str(path), what, "Correct the labels or the photo.")


def unread_photo(path: Path, error: ImageError) -> Problem:
    """Return the problem of a photo that gave `error`."""
    if not is_file(path):
        what, way_out = "the photo is missing", "Put it there, or take its labels out."
        return Problem(ProblemKind.PHOTO_MISSING, str(path), what, way_out)
    empty = path.stat().st_size == 0
    what = f"the photo cannot be read ({'it is an empty file' if empty else error.__cause__ or error})"
    return Problem(ProblemKind.PHOTO_UNREADABLE, str(path), what, "Save the photo again, or take its labels out.")


def is_file(path: Path) -> bool:
    """Say whether a file is there; a path that no disk can hold is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_turned(image: Image.Image) -> bool:
    # Pillow has turned the size of a TIFF already; and it decodes a whole PNG for its EXIF unless the base method asks.
    turn = 1 if image.format == "TIFF" else Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return turn in QUARTER_TURNS
