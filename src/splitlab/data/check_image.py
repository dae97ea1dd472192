"""What is wrong with one labelled image."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from splitlab.data.dataset import Box, ImageLabels, IndexedMask, ObjectLabel
from splitlab.data.formats.photo_size import unread_photo
from splitlab.data.images import load_image
from splitlab.data.masks import read_mask
from splitlab.data.problem import Problem, ProblemKind
from splitlab.errors import DataError, ImageError
from splitlab.geometry import rle_area, rle_to_xyxy

# Labels are often drawn to parts of pixels, over the edge by less than one.
MARGIN_PIXELS = 1.0
LEAST_BOX_IOU = 0.5


def find_image_problems(image: ImageLabels) -> list[Problem]:
    """Open an image's photo and masks and return what is wrong with them or with its boxes; nothing is raised."""
    problems = [*_find_in_photo(image), *_find_repeats(image)]
    for number, label in enumerate(image.objects, start=1):
        problems += _find_in_box(image, label, number)
        problems += _find_in_mask(image, label, number)
    # Objects that share a broken mask file say the same of it.
    return list(dict.fromkeys(problems))


def _find_in_photo(image: ImageLabels) -> Iterator[Problem]:
    try:
        height, width = load_image(image.path).shape[:2]
    except ImageError as error:
        yield unread_photo(image.path, error)
        return
    if (width, height) != (image.width, image.height):
        what = f"the photo has {width} x {height} pixels, its labels say {image.width} x {image.height}"
        yield Problem(ProblemKind.PHOTO_SIZE, str(image.path), what, "Correct the labels or the photo.")


def _find_repeats(image: ImageLabels) -> Iterator[Problem]:
    """Count the objects that are equal to an earlier one in class, box and mask."""
    counts = Counter(map(_content, image.objects))
    repeats = counts.total() - len(counts)
    if repeats:
        number = len(image.objects)
        what = f"{repeats} of its {number} objects repeat another one exactly"
        yield Problem(ProblemKind.REPEATED, str(image.path), what, "Take the repeated ones out.")


def _content(label: ObjectLabel) -> tuple[object, ...]:
    mask = label.mask
    shape = mask if mask is None or isinstance(mask, IndexedMask) else mask["counts"]
    return label.class_index, label.box, shape, label.is_crowd


def _find_in_box(image: ImageLabels, label: ObjectLabel, number: int) -> Iterator[Problem]:
    left, top, right, bottom = label.box
    shown = ", ".join(f"{side:g}" for side in label.box)
    if not all(math.isfinite(side) for side in label.box) or right <= left or bottom <= top:
        yield Problem(
            ProblemKind.BOX, str(image.path), f"the box of object {number} is empty: {shown}", "Draw the box again."
        )
    elif (
        min(left, top) < -MARGIN_PIXELS or right > image.width + MARGIN_PIXELS or bottom > image.height + MARGIN_PIXELS
    ):
        what = f"the box of object {number} leaves the image of {image.width} x {image.height} pixels: {shown}"
        yield Problem(ProblemKind.BOX, str(image.path), what, "Draw the box again.")


def _find_in_mask(image: ImageLabels, label: ObjectLabel, number: int) -> Iterator[Problem]:
    if label.mask is None:
        return
    file = str(image.path if isinstance(label.mask, dict) else label.mask.path)
    try:
        mask = read_mask(label.mask)
    except DataError as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        what = "the masks are missing" if missing else f"the masks cannot be read ({error.__cause__ or error})"
        yield Problem(ProblemKind.MASK, file, what, "Unpack the data set again.")
        return
    if mask["size"] != [image.height, image.width]:
        height, width = mask["size"]
        what = f"the mask has {width} x {height} pixels, its image {image.width} x {image.height}"
        yield Problem(ProblemKind.MASK, file, what, "Export the masks again.")
    elif not rle_area(mask):
        yield Problem(
            ProblemKind.MASK,
            file,
            f"the mask of object {number} is empty",
            "Draw the mask again, or take the object out.",
        )
    elif (iou := _box_iou(_to_box(rle_to_xyxy(mask).tolist()), label.box)) < LEAST_BOX_IOU:
        what = f"the mask of object {number} does not fill its box (IoU of their boxes {iou:.2f})"
        yield Problem(ProblemKind.MASK, file, what, "Draw the box or the mask again.")


def _to_box(sides: list[float]) -> Box:
    left, top, right, bottom = sides
    return left, top, right, bottom


def _box_iou(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    both = max(width, 0.0) * max(height, 0.0)
    either = _area(first) + _area(second) - both
    return both / either if either > 0 else 0.0


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
