"""Masks from wherever they are: in memory, or in an indexed image on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from splitlab.data.dataset import ImageLabels, IndexedMask
from splitlab.data.images import MAX_PIXELS
from splitlab.errors import DataError
from splitlab.geometry import Rle, mask_to_rle, rle_area

INDEX_MODES = ("P", "L", "I", "I;16", "I;16B")


def read_mask(mask: Rle | IndexedMask) -> Rle:
    """Return a mask in memory.

    Raises:
        DataError: its file is missing, broken, or no indexed image.
    """
    return mask_to_rle(_indices(mask.path) == mask.value) if isinstance(mask, IndexedMask) else mask


def with_masks(images: Iterable[ImageLabels]) -> Iterator[ImageLabels]:
    """Read the masks of images, one image at a time; an object that no pixel shows is left out.

    Raises:
        DataError: a file is missing or broken, or has another size than its photo.
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


def _is_seen(mask: Rle | IndexedMask | None) -> bool:
    return not isinstance(mask, dict) or rle_area(mask) > 0


def read_indices(path: Path) -> NDArray[np.int32]:
    """Read an indexed image, such as a palette PNG, as (H, W) int32 of its stored values.

    Raises:
        DataError: it is missing, broken, too large or has colours instead of indices.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.mode not in INDEX_MODES or image.width * image.height > MAX_PIXELS:
                raise DataError(f"{path} is no indexed image of up to {MAX_PIXELS // 1_000_000} megapixels.")
            return np.asarray(image).astype(np.int32)
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there. Unpack the data set again.") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is no indexed PNG that can be read ({error}). Unpack the data set again.") from error


@lru_cache(maxsize=2)
def _indices(path: Path) -> NDArray[np.int32]:
    # The objects of an image are read one after the other.
    return read_indices(path)
