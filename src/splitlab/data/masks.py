"""Masks on disk: reading them, and an index of the bounding boxes in indexed images."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from splitlab.data.dataset import Box, ImageLabels, IndexedMask, Problem, ProblemKind
from splitlab.data.file_index import file_key, index_path, load_index, save_index
from splitlab.data.images import MAX_PIXELS
from splitlab.errors import DataError
from splitlab.geometry import Rle, mask_to_rle, rle_area

_INDEX = "mask_boxes"
_INDEX_MODES = ("P", "L", "I", "I;16", "I;16B", "RGB")

_MOST_NUMBER = 65_535

# Called with how many images were opened, and how many will be.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class MaskBoxes:
    """The values in an indexed image.

    Attributes:
        width, height: of the image, pixels.
        boxes: the bounding box (xyxy, pixels, far edge outside) of each value but 0, in rising order.
        areas: the number of pixels of each of these values.
        sha256: of the file.
    """

    width: int
    height: int
    boxes: dict[int, Box]
    areas: dict[int, int]
    sha256: str


def read_mask(mask: Rle | IndexedMask) -> Rle:
    """Return a mask in memory.

    Raises:
        DataError: its file is missing, broken, or not an indexed image.
    """
    return mask_to_rle(_indices(mask.path) == mask.value) if isinstance(mask, IndexedMask) else mask


def with_masks(images: Iterable[ImageLabels]) -> Iterator[ImageLabels]:
    """Yield images with their masks read, one image at a time; objects with empty masks are left out.

    Raises:
        DataError: a file is missing or broken, or differs in size from its photo.
    """
    for image in images:
        read = [label if label.mask is None else replace(label, mask=read_mask(label.mask)) for label in image.objects]
        for label in read:
            if isinstance(label.mask, dict) and label.mask["size"] != [image.height, image.width]:
                height, width = label.mask["size"]
                raise DataError(
                    f"The masks of {image.path} are {width} x {height} pixels, its labels say "
                    f"{image.width} x {image.height}. Correct one of them."
                )
        yield replace(image, objects=tuple(label for label in read if _is_seen(label.mask)))


def silent(_done: int, _total: int) -> None:
    """Ignore progress."""


def read_mask_boxes(
    paths: Sequence[Path], root: Path, index_dir: Path, progress: Progress = silent
) -> list[MaskBoxes | Problem]:
    """Return the boxes in each indexed image of a dataset, or the problem of an image that cannot be read.

    Only images whose path, size or modification time differ from the index are opened. The index is one JSON file per
    `root`. A broken one is rebuilt; without write permission, images are read again next time.

    Args:
        paths: all indexed images of the dataset, below `root`.
        root: the dataset's folder.
        index_dir: the folder of the index file, created if missing.
        progress: called after every image that is opened.
    """
    index_file = index_path(_INDEX, root, index_dir)
    index = _load(index_file)
    keys = [_key(path, root) for path in paths]
    found = {key: index[key] for key in keys if isinstance(key, str) and key in index}
    unread = [(key, path) for key, path in zip(keys, paths, strict=True) if isinstance(key, str) and key not in found]
    wrong: dict[str, Problem] = {}
    try:
        for done, (key, path) in enumerate(unread, start=1):
            try:
                found[key] = _read(path)
            except DataError as error:
                wrong[key] = _unread(path, f"the masks cannot be read ({error})")
            progress(done, len(unread))
    finally:
        # Keep what was read even after Ctrl-C.
        if unread:
            save_index(index_file, {key: _to_json(entry) for key, entry in found.items()})
    return [key if isinstance(key, Problem) else found.get(key) or wrong[key] for key in keys]


def move_index(before: Path, after: Path, index_dir: Path, new_index_dir: Path) -> None:
    """Keep the index of a dataset whose folder was renamed from `before` to `after`; it is rebuilt if that fails.

    `index_dir` has the index file now; `new_index_dir`, on the same disk, gets it.
    """
    # Some formats read their images from a folder below the dataset's own.
    for root in (after, *after.glob("*/")):
        index_file = index_path(_INDEX, before / root.relative_to(after), index_dir)
        if index_file.is_file():
            with contextlib.suppress(OSError):
                new_index_dir.mkdir(parents=True, exist_ok=True)
                index_file.replace(index_path(_INDEX, root, new_index_dir))


@lru_cache(maxsize=2)
def _indices(path: Path) -> NDArray[np.int32]:
    # The objects of one image are read one after another.
    return _read_indices(path)


def _read_indices(path: Path) -> NDArray[np.int32]:
    """Read an indexed image, such as a palette PNG, as (H, W) int32 of its stored values.

    The colours of an RGB image are turned back into the numbers that they have in VOC's palette.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.mode not in _INDEX_MODES or image.width * image.height > MAX_PIXELS:
                raise DataError(f"{path} is not an indexed image of up to {MAX_PIXELS // 1_000_000} megapixels.")
            pixels = np.asarray(image)
            return _numbers_of_colours(pixels) if image.mode == "RGB" else pixels.astype(np.int32)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist. Unpack the dataset again.") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is not a readable indexed PNG ({error}). Unpack the dataset again.") from error


def _numbers_of_colours(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Invert VOC's palette: bits 0, 1, 2 of a number are the highest bits of R, G, B, the next three those below.

    Colours of numbers over 16 bits are no palette's, and become 0.
    """
    numbers = np.zeros(pixels.shape[:2], np.int32)
    for place in range(8):
        for channel in range(3):
            bit = (pixels[:, :, channel] >> (7 - place)) & 1
            numbers |= bit.astype(np.int32) << (3 * place + channel)
    numbers[numbers > _MOST_NUMBER] = 0
    return numbers


def _is_seen(mask: Rle | IndexedMask | None) -> bool:
    return not isinstance(mask, dict) or rle_area(mask) > 0


def _load(index_file: Path) -> dict[str, MaskBoxes]:
    try:
        return {key: _from_json(entry) for key, entry in load_index(index_file).items()}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return {}


def _from_json(entry: dict[str, Any]) -> MaskBoxes:
    boxes: dict[int, Box] = {}
    for value, (left, top, right, bottom) in entry["boxes"].items():
        boxes[int(value)] = (float(left), float(top), float(right), float(bottom))
    areas = {value: int(entry["areas"][str(value)]) for value in boxes}
    return MaskBoxes(int(entry["width"]), int(entry["height"]), boxes, areas, str(entry["sha256"]))


def _key(path: Path, root: Path) -> str | Problem:
    try:
        return file_key(path, root)
    except OSError as error:
        return _unread(path, f"the masks are missing ({error.strerror})")


def _unread(path: Path, what: str) -> Problem:
    return Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Unpack the dataset again.")


def _to_json(entry: MaskBoxes) -> dict[str, Any]:
    boxes = {str(value): [int(side) for side in box] for value, box in entry.boxes.items()}
    areas = {str(value): area for value, area in entry.areas.items()}
    return {"width": entry.width, "height": entry.height, "boxes": boxes, "areas": areas, "sha256": entry.sha256}


def _read(path: Path) -> MaskBoxes:
    # A PNG has at most 16 bits per pixel, so there are at most 65535 places.
    indices = _read_indices(path)
    places = ndimage.find_objects(indices)
    boxes = {
        value: (float(place[1].start), float(place[0].start), float(place[1].stop), float(place[0].stop))
        for value, place in enumerate(places, start=1)
        if place is not None
    }
    counts = np.bincount(indices.ravel())
    areas = {value: int(counts[value]) for value in boxes}
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return MaskBoxes(indices.shape[1], indices.shape[0], boxes, areas, sha256)
