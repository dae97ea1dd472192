"""Photos: reading them with limits, scaling them down, and reading their sizes from the header."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from splitlab.data.dataset import ImageLabels, Problem, ProblemKind
from splitlab.errors import DataError, ImageError

# Cameras sold as 50 megapixels have up to 50.4 million pixels, such as 8192 x 6144.
_MEGAPIXELS, MAX_PIXELS = 50, 51_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
PHOTO_ENDINGS = (
    ".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".avif",
)  # fmt: skip
"""The endings of photos that can be read, in lower case."""
# ISO media files start with "ftyp" and a brand; phones store photos as HEIC.
_WEB_PAGE = re.compile(rb"\s*<(!doctype\s+)?html", re.IGNORECASE)
_FTYP, _HEIC_BRANDS = b"ftyp", (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"mif1", b"msf1")

# Pillow allocates some bytes for every row, so a column of 51 million pixels would be costly.
_MOST_SIDE = 65_535
_STRIP_PIXELS = 250_000

ImageArray = NDArray[np.uint8]

# EXIF's eight orientations: whether to mirror the pixels, and then how many quarter turns make them upright.
_TURNS = {1: (0, 0), 2: (1, 0), 3: (0, 2), 4: (1, 2), 5: (1, 1), 6: (0, -1), 7: (1, -1), 8: (0, 1)}
_SIDEWAYS = (5, 6, 7, 8)


def load_image(source: Path | BinaryIO, name: str | None = None) -> ImageArray:
    """Read a photo as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Messages call it `name`, by default its path.

    Raises:
        ImageError: it is missing, not an image, broken, over 50 megapixels, or over 65,535 pixels wide or high.
    """
    pixels, turn = _load_stored(source, name)
    return _turned(pixels, turn)


def _load_stored(source: Path | BinaryIO, name: str | None = None) -> tuple[ImageArray, int]:
    """Read a photo as it is stored, and its EXIF orientation."""
    with _opened(source, name or str(source)) as image:
        return _rgb(image, source, 1), _turn_of(image)


def load_reduced(
    source: Path | BinaryIO, most_side: int, name: str | None = None
) -> tuple[ImageArray, tuple[int, int]]:
    """Read a photo as `load_image` does, scaled down to at most `most_side` pixels on each side.

    It is scaled while it is read, so that a large photo takes little more memory than its decoder needs.

    Returns:
        The photo, (H, W, 3) uint8 RGB, and its original width and height.

    Raises:
        ImageError: as `load_image`.
    """
    with _opened(source, name or str(source)) as image:
        size = image.size
        image.draft(None, _within(size, most_side))  # decodes JPEG at 1/2, 1/4 or 1/8 of its size
        pixels = _rgb(image, source, max(max(image.size) // most_side, 1))
        if image.format == "TIFF":
            size = image.size  # Pillow turned it on loading
        turn = _turn_of(image)
    pixels = _turned(pixels, turn)
    if turn in _SIDEWAYS:
        size = size[::-1]
    target = _within(size, most_side)
    if pixels.shape[1::-1] != target:
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels, size


def load_labelled(labels: ImageLabels) -> ImageArray:
    """Read a dataset's photo, turned as in its labels: upright by EXIF, or as stored if only that size fits.

    Raises:
        ImageError: it cannot be read.
        DataError: its size differs from that in its labels.
    """
    stored, turn = _load_stored(labels.path)
    size = PhotoSize.of_stored(stored.shape[1], stored.shape[0], turn)
    if size.upright == (labels.width, labels.height):
        return _turned(stored, turn)
    if size.stored == (labels.width, labels.height):
        return stored
    raise DataError(f"{labels.path}: {size.differs_from(labels)}. Correct the labels or the photo.")


@dataclass(frozen=True, slots=True)
class PhotoSize:
    """The (width, height) of a photo in pixels: as stored, and upright, as its EXIF orientation turns it."""

    stored: tuple[int, int]
    upright: tuple[int, int]

    @classmethod
    def of_stored(cls, width: int, height: int, turn: int) -> PhotoSize:
        """Return the size of a photo with the EXIF orientation `turn`."""
        return cls((width, height), (height, width) if turn in _SIDEWAYS else (width, height))

    @property
    def is_sideways(self) -> bool:
        """Whether EXIF turns it by a quarter."""
        return self.stored != self.upright

    def fits(self, width: int, height: int) -> bool:
        """Return whether labels of this size fit the photo, in one of the two conventions."""
        return (width, height) in (self.stored, self.upright)

    def differs_from(self, labels: ImageLabels) -> str:
        """Return a clause that states both sizes."""
        turned = " once turned by its EXIF orientation" if self.is_sideways else ""
        return (
            f"the photo has {self.upright[0]} x {self.upright[1]} pixels{turned}, its labels say "
            f"{labels.width} x {labels.height}"
        )


def read_size(path: Path) -> PhotoSize:
    """Read a photo's size from its header.

    Raises:
        ImageError: as `load_image`, as far as the header shows it.
    """
    with _opened(path, str(path)) as image:
        upright = image.size[::-1] if _is_turned(image) else image.size
        return PhotoSize(image.size, upright)


def read_photo_size(path: Path) -> tuple[int, int]:
    """Return the (width, height) in pixels that `load_image` would return, from the file's header.

    Raises:
        ImageError: as `load_image`, as far as the header shows it.
    """
    return read_size(path).upright


def decode_size(path: Path) -> PhotoSize:
    """Decode a whole photo and return its size, to find files that are cut short.

    Raises:
        ImageError: as `load_image`.
    """
    stored, turn = _load_stored(path)
    return PhotoSize.of_stored(stored.shape[1], stored.shape[0], turn)


def find_photo_problem(image: ImageLabels, size_of: Callable[[Path], PhotoSize] = read_size) -> Problem | None:
    """Return the problem of a labelled photo, or None; by default only its header is read."""
    try:
        size = size_of(image.path)
    except ImageError as error:
        return unread_photo(image.path, error)
    if size.fits(image.width, image.height):
        return None
    return Problem(
        ProblemKind.PHOTO_SIZE, str(image.path), size.differs_from(image), "Correct the labels or the photo."
    )


def unread_photo(path: Path, error: ImageError) -> Problem:
    """Return the problem of a photo that raised `error`."""
    if not _is_file(path):
        what, way_out = "the photo is missing", "Add it, or remove its labels."
        return Problem(ProblemKind.PHOTO_MISSING, str(path), what, way_out)
    empty, cause = path.stat().st_size == 0, error.__cause__
    reason = f"it {_why_unread(path)}" if isinstance(cause, UnidentifiedImageError) else str(cause or error)
    what = f"the photo cannot be read ({'it is an empty file' if empty else reason})"
    return Problem(ProblemKind.PHOTO_UNREADABLE, str(path), what, "Save the photo again, or remove its labels.")


def _turned(pixels: ImageArray, turn: int) -> ImageArray:
    mirrored, quarters = _TURNS[turn]
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters))


@contextmanager
def _opened(source: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Yield an image with its header read; raise ImageError with one sentence for anything wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source, formats=_FORMATS) as image:
                _refuse_large(image, name)
                yield image
    except UnidentifiedImageError as error:
        raise ImageError(_unread(source, name)) from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(name)) from error
    except FileNotFoundError as error:
        raise ImageError(f"{name} is not there. Check the path.") from error
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than is available. Scale it down first.") from error
    except (OSError, SyntaxError, ValueError, TypeError, struct.error, cv2.error) as error:
        raise ImageError(f"{name} is broken or cut short ({error}). Save or upload it again.") from error


def _refuse_large(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(_too_large(name))
    if max(image.size) > _MOST_SIDE:
        raise ImageError(
            f"{name} has {image.width:,} x {image.height:,} pixels; a photo has at most {_MOST_SIDE:,} on a side. "
            "Cut it into pieces first."
        )


def _too_large(name: str) -> str:
    return f"{name} has over {_MEGAPIXELS} megapixels. Scale it down first."


def _unread(source: Path | BinaryIO, name: str) -> str:
    return f"{name} {_why_unread(source)}. Use JPEG, PNG, WebP, AVIF, BMP, TIFF or GIF."


def _why_unread(source: Path | BinaryIO) -> str:
    """Explain by a file's content why it cannot be read; its name may be misleading."""
    head = _content(source, 512)
    if head[4:8] == _FTYP and head[8:12] in _HEIC_BRANDS:
        return "is HEIC, which is not supported: save it as JPEG"
    if _WEB_PAGE.match(head):
        return "is a web page, perhaps of a failed download"
    return "is not a readable image"


def _content(source: Path | BinaryIO, size: int = -1) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(size)
    source.seek(0)
    return source.read(size)


def _rgb(image: Image.Image, source: Path | BinaryIO, factor: int) -> ImageArray:
    """Decode an image to RGB; each block of `factor` x `factor` pixels becomes its mean.

    It is converted a few rows at a time, because whole copies in other modes would take several times the memory.
    """
    decoded = _decoded(image, source)
    rows = factor * max(_STRIP_PIXELS // (decoded.width * factor), 1)
    to_rgb = _levels_to_rgb(decoded, rows) if decoded.mode in ("I", "F") else _to_rgb
    pixels = np.empty((-(-decoded.height // factor), -(-decoded.width // factor), 3), np.uint8)
    for number, strip in enumerate(_strips(decoded, rows)):
        reduced = np.asarray(to_rgb(strip).reduce(factor))
        start = number * (rows // factor)
        pixels[start : start + len(reduced)] = reduced
    return pixels


def _decoded(image: Image.Image, source: Path | BinaryIO) -> Image.Image:
    """Load the pixels. Pillow reads WebP as an animation, which takes four times the memory, so OpenCV reads it."""
    if image.format != "WEBP":
        image.load()
        return image
    pixels = cv2.imdecode(np.frombuffer(_content(source), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("its pixels cannot be decoded")
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == len("RGBA") else cv2.COLOR_BGR2RGB
    cv2.cvtColor(pixels, order, dst=pixels)
    return Image.fromarray(pixels)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):
        levels = np.asarray(image, dtype=np.uint16) >> 8
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _levels_to_rgb(image: Image.Image, rows: int) -> Callable[[Image.Image], Image.Image]:
    """Return a function that scales 32-bit levels to 0..255: from 0..1, 0..255, 0..65535 or else their range."""
    ends = [(float(known.min()), float(known.max())) for known in map(_known_levels, _strips(image, rows))]
    low, high = min(0.0, *(end[0] for end in ends)), max(end[1] for end in ends)
    top = next((bound for bound in (1.0, 255.0, 65535.0) if high <= bound), high)

    def to_rgb(strip: Image.Image) -> Image.Image:
        levels = (_known_levels(strip) - low) / max(top - low, 1e-9) * 255
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")

    return to_rgb


def _known_levels(image: Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(image, np.float64), posinf=0.0, neginf=0.0)


def _strips(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _turn_of(image: Image.Image) -> int:
    """Return the EXIF orientation of a loaded image; a TIFF is turned when it is loaded."""
    turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    return turn if turn in _TURNS else 1


def _within(size: tuple[int, int], most_side: int) -> tuple[int, int]:
    """Return the size of a photo scaled down to at most `most_side`."""
    ratio = min(most_side / max(size), 1.0)
    return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)


def _is_turned(image: Image.Image) -> bool:
    # Pillow turns the size of a TIFF itself, and decodes a whole PNG for its EXIF unless the base method is called.
    turn = 1 if image.format == "TIFF" else Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return turn in _SIDEWAYS


def _is_file(path: Path) -> bool:
    """Return whether a file exists; False for impossible paths."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
