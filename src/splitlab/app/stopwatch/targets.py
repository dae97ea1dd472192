"""The objects to label: those of a dataset, with their ground truth, or photos whose objects are yet to be marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from splitlab.app.stopwatch.series import Target
from splitlab.app.widgets.photos import Photo
from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.images import ImageArray, load_labelled
from splitlab.data.masks import with_masks
from splitlab.errors import DataError, SplitLabError
from splitlab.figures.mask_panels import as_jpeg
from splitlab.geometry import MaskArray, rle_to_mask

LEAST_SIDE = 0.06
"""Shorter side of the smallest object that is shown, as a share of the photo's longer side."""
_MOST_SIDE = 1000
_TRIED = 20


def targets_of_dataset(dataset: Dataset, number: int, page: int) -> tuple[Target, ...]:
    """Choose up to `number` objects at random by `page`, one in each image: with masks if there are any.

    Args:
        dataset: The training images.
        number: 1 or more.
        page: Chooses other objects.

    Raises:
        DataError: No image that can be read has an object that is large enough.
    """
    rng = np.random.default_rng(page)
    pool = [image for image in dataset.images if image.can_be_full and image.targets]
    pool = pool or [image for image in dataset.images if image.targets]
    chosen: list[Target] = []
    for place in rng.permutation(len(pool))[: number * _TRIED]:
        chosen += _target_in(pool[place], dataset.class_names, rng)
        if len(chosen) == number:
            return tuple(chosen)
    if not chosen:
        raise DataError(
            f"{dataset.name} has no labelled object of at least {LEAST_SIDE:.0%} of its photo's longer side. Choose "
            "another dataset, or own photos."
        )
    return tuple(chosen)


def target_of_photo(photo: Photo) -> Target:
    """Return a photo without ground truth; its objects are yet to be marked."""
    height, width = photo.pixels.shape[:2]
    return Target(photo.name, as_jpeg(_reduced(photo.pixels)), width, height)


def _target_in(image: ImageLabels, class_names: Sequence[str], rng: np.random.Generator) -> Iterator[Target]:
    """Yield one object of an image; none if the image has none, or cannot be read."""
    try:
        (read,) = with_masks([image])
        large = [(place, label) for place, label in enumerate(read.objects) if _is_large(label, image)]
        if not large:
            return
        place, label = large[rng.integers(len(large))]
        pixels = load_labelled(image)
    except SplitLabError:
        return  # one broken photo must not hide the others
    mask = label.mask if isinstance(label.mask, dict) else None
    yield Target(
        item=f"{image.image_id} #{place}",
        picture=as_jpeg(_reduced(pixels)),
        width=image.width,
        height=image.height,
        name=class_names[label.class_index],
        point=_centre(label) if mask is None else _inmost(rle_to_mask(mask)),
        box=label.box,
        mask=mask,
    )


def _is_large(label: ObjectLabel, image: ImageLabels) -> bool:
    left, top, right, bottom = label.box
    return not label.is_crowd and min(right - left, bottom - top) >= LEAST_SIDE * max(image.width, image.height)


def _centre(label: ObjectLabel) -> tuple[float, float]:
    left, top, right, bottom = label.box
    return (left + right) / 2, (top + bottom) / 2


def _inmost(mask: MaskArray) -> tuple[float, float]:
    """Return the point of a mask that is farthest from its edge, x and y: a centre may lie outside."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x) + 0.5, float(y) + 0.5


def _reduced(pixels: ImageArray) -> ImageArray:
    height, width = pixels.shape[:2]
    scale = _MOST_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
