"""One label file of a YOLO data set: a line for each object, an outline or a box, in parts of the image's sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import ObjectLabel
from splitlab.data.problem import EntryError, Problem, ProblemKind, entry_error
from splitlab.geometry import LEAST_OUTLINE_NUMBERS, MAX_OUTLINE_PIXELS, outline_length, polygons_to_rle

# How far outside the image, in parts of its side, rounding may put a point.
TOLERANCE = 0.01
BOX_NUMBERS = 4
EXPORT_AGAIN = "Export the labels again."


def parse_labels(
    raw: bytes, path: Path, class_count: int, width: int, height: int
) -> tuple[tuple[ObjectLabel, ...], list[Problem]]:
    """Parse lines "class x1 y1 x2 y2 ..." (an outline) or "class cx cy w h" (a box only).

    Args:
        raw: the file's content.
        path: the file, for messages.
        class_count: class numbers are below it.
        width: of the photo, pixels.
        height: of the photo, pixels.

    Returns:
        The objects in the order of the lines; the box of an outline is its bounding rectangle. Then what is wrong with
        the other lines: they are not of that form, or lead outside the image. Each names its line.
    """
    try:
        lines = raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return (), [Problem(ProblemKind.LABELS_UNREADABLE, str(path), "is no text in UTF-8", EXPORT_AGAIN)]
    objects: list[ObjectLabel] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            objects.append(_to_object(line.split(), f"{path}, line {number}", class_count, width, height))
        except EntryError as error:
            problems.append(error.problem)
    return tuple(objects), problems


def _to_object(words: list[str], where: str, class_count: int, width: int, height: int) -> ObjectLabel:
    class_index = _class_index(words[0], where, class_count)
    numbers = _fractions(words[1:], where)
    sides = np.array([width, height], dtype=np.float64)
    if numbers.size == BOX_NUMBERS:
        corners = np.stack([numbers[:2] - numbers[2:] / 2, numbers[:2] + numbers[2:] / 2]).clip(0, 1) * sides
        return ObjectLabel(class_index, _around(corners), None)
    if numbers.size < LEAST_OUTLINE_NUMBERS or numbers.size % 2:
        what = f"has {numbers.size} numbers after the class; a box has 4, an outline an even number from 6"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, where, what, EXPORT_AGAIN)
    points = numbers.reshape(-1, 2) * sides
    if outline_length(points) > MAX_OUTLINE_PIXELS:
        what = f"the outline is over {MAX_OUTLINE_PIXELS:,} pixels long"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, where, what, "Simplify it.")
    return ObjectLabel(class_index, _around(points), polygons_to_rle([points.ravel().tolist()], height, width))


def _class_index(word: str, where: str, class_count: int) -> int:
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not number.is_integer() or not 0 <= number < class_count:
        what = f"'{word[:40]}' is no class; they are numbered 0 to {class_count - 1}"
        way_out = "Correct the line, or 'names' in the YAML file."
        raise entry_error(ProblemKind.LABELS_UNREADABLE, where, what, way_out)
    return int(number)


def _fractions(words: list[str], where: str) -> NDArray[np.float64]:
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError as error:
        what = "has a word that is no number"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, where, what, EXPORT_AGAIN) from error
    outside = ~((numbers >= -TOLERANCE) & (numbers <= 1 + TOLERANCE))
    if outside.any():
        what = (
            f"{numbers[outside][0]} lies outside the image; each number is a part of its width or height, from 0 to 1"
        )
        raise entry_error(ProblemKind.LABELS_UNREADABLE, where, what, EXPORT_AGAIN)
    return numbers.clip(0, 1)


def _around(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom
