"""Photos: reading them with limits, shrinking them, and their sizes from the file header alone."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from splitlab.data.dataset import ImageLabels, Problem, ProblemKind
from splitlab.errors import DataError, ImageError

# What is sold as 50 megapixels gives up to 50.4 million pixels, such as 8192 x 6144.
_MEGAPIXELS, MAX_PIXELS = 50, 51_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# The first bytes of ISO media files say "ftyp" and a brand; phones store photos as the first ones.
_FTYP, _HEIC_BRANDS, _AVIF_BRANDS = b"ftyp", (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"mif1", b"msf1"), (b"avif",)

# A picture of 51 million pixels in one column is no photo; Pillow keeps some bytes for every row.
_MOST_SIDE = 65_535
_STRIP_PIXELS = 250_000

ImageArray = NDArray[np.uint8]

# EXIF's eight ways to hold a camera, and what turns the pixels upright.
_TURNS: dict[int, Callable[[ImageArray], ImageArray]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}
_SIDEWAYS = (5, 6, 7, 8)


def load_image(source: Path | BinaryIO, name: str | None = None) -> ImageArray:
    """Read a photo as (H, W, 3) uint8 RGB, turned as its EXIF says.

    Args:
        source: a path or an open file.
        name: what to call it in messages; the path where none is given.

    Raises:
        ImageError: it is missing, no image, broken, over 50 megapixels, or over 65,535 pixels wide or high.
    """
    with _opened(source, name or str(source)) as image:
        pixels, turn = _rgb(image, source, 1), _turn_of(image)
    return _turned(pixels, turn)


def load_reduced(
    source: Path | BinaryIO, most_side: int, name: str | None = None
) -> tuple[ImageArray, tuple[int, int]]:
    """Read a photo as `load_image` does, scaled down until no side is over `most_side`.

    It is scaled while it is read, so that a large photo takes little more memory than its decoder needs.

    Returns:
        The photo, (H, W, 3) uint8 RGB, and its width and height before it was scaled.

    Raises:
        ImageError: as `load_image`.
    """
    with _opened(source, name or str(source)) as image:
        size = image.size
        image.draft(None, _within(size, most_side))  # decodes a JPEG at 1/2, 1/4 or 1/8 of its size; nothing else
        pixels = _rgb(image, source, max(max(image.size) // most_side, 1))
        if image.format == "TIFF":
            size = image.size  # it was turned while it was loaded
        turn = _turn_of(image)
    pixels = _turned(pixels, turn)
    if turn in _SIDEWAYS:
        size = size[::-1]
    target = _within(size, most_side)
    if pixels.shape[1::-1] != target:
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels, size


@contextmanager
def _opened(source: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Yield an image whose header is read, and name whatever is wrong with it in one sentence."""
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
        raise ImageError(f"{name} needs more memory than is free. Scale it down first.") from error
    except (OSError, SyntaxError, ValueError, TypeError, struct.error, cv2.error) as error:
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
    return f"{name} is not a readable image. Use JPEG, PNG, WebP, BMP, TIFF or GIF."


def _head(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(12)
    source.seek(0)
    return source.read(12)


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


def _turn_of(image: Image.Image) -> int:
    """Return how EXIF says the camera was held; of a loaded image, because a TIFF turns itself while it is loaded."""
    turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    return turn if turn in _TURNS else 1


def _turned(pixels: ImageArray, turn: int) -> ImageArray:
    return np.ascontiguousarray(_TURNS[turn](pixels))


def _within(size: tuple[int, int], most_side: int) -> tuple[int, int]:
    """Return the size that a photo has once no side is over `most_side`."""
    ratio = min(most_side / max(size), 1.0)
    return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)


def _rgb(image: Image.Image, source: Path | BinaryIO, factor: int) -> ImageArray:
    """Decode an image to RGB; the mean of `factor` x `factor` pixels becomes one.

    It is converted a few rows at a time: whole copies in other modes would take several times the photo's size.
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
    """Load an image's pixels. Pillow reads WebP as an animation, which takes four times the memory of one picture."""
    if image.format != "WEBP":
        image.load()
        return image
    pixels = cv2.imdecode(np.frombuffer(_content(source), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("its pixels cannot be decoded")
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == len("RGBA") else cv2.COLOR_BGR2RGB
    cv2.cvtColor(pixels, order, dst=pixels)
    return Image.fromarray(pixels)


def _content(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        return source.read_bytes()
    source.seek(0)
    return source.read()


def _strips(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


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
    """Return what scales 32-bit levels to 0..255: from 0..1 or 0..65535 where they lie there, else from their range."""
    ends = [(float(known.min()), float(known.max())) for known in map(_known_levels, _strips(image, rows))]
    low, high = min(0.0, *(end[0] for end in ends)), max(end[1] for end in ends)
    top = next((bound for bound in (1.0, 255.0, 65535.0) if high <= bound), high)

    def to_rgb(strip: Image.Image) -> Image.Image:
        levels = (_known_levels(strip) - low) / max(top - low, 1e-9) * 255
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")

    return to_rgb


def _known_levels(image: Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(image, np.float64), posinf=0.0, neginf=0.0)


_QUARTER_TURNS = (5, 6, 7, 8)


def read_photo_size(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels as `load_image` gives the photo: turned as its EXIF says.

    Raises:
        ImageError: it is missing, no image, its header is broken, or it is over 50 megapixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_FORMATS) as image:
                width, height = image.size[::-1] if _is_turned(image) else image.size
    except FileNotFoundError as error:
        raise ImageError(f"{path} is not there. Check the path.") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not a readable image. Use JPEG, PNG, WebP, BMP, TIFF or GIF.") from error
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
    if not _is_file(path):
        what, way_out = "the photo is missing", "Put it there, or take its labels out."
        return Problem(ProblemKind.PHOTO_MISSING, str(path), what, way_out)
    empty = path.stat().st_size == 0
    what = f"the photo cannot be read ({'it is an empty file' if empty else error.__cause__ or error})"
    return Problem(ProblemKind.PHOTO_UNREADABLE, str(path), what, "Save the photo again, or take its labels out.")


def _is_file(path: Path) -> bool:
    """Return whether a file is there; a path that no disk can hold is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_turned(image: Image.Image) -> bool:
    # Pillow has turned the size of a TIFF already; and it decodes a whole PNG for its EXIF unless the base method asks.
    turn = 1 if image.format == "TIFF" else Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return turn in _QUARTER_TURNS
