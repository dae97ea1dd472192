"""The lines of a YOLO label file: boxes, outlines, and what tools add to them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import EntryError, ObjectLabel, Problem, ProblemKind, entry_error, unreadable
from splitlab.data.reading import decoded
from splitlab.geometry import LEAST_OUTLINE_NUMBERS, MAX_OUTLINE_PIXELS, outline_length, polygons_to_rle

# How far outside the image a point may be, as a fraction of its side: CVAT does not cut shapes at the border.
_TOLERANCE = 0.5
_MOST_TRACKS = 10_000_000
_BOX_NUMBERS = 4
_EXPORT_AGAIN = "Export the labels again."
_COMMAS = re.compile(r"[^\s,]+(,[^\s,]+)+|[^\s,]+(,\s+[^\s,]+)+", re.ASCII)
_LINE_END = re.compile(r"\r\n|\r|\n")


def parse_labels(
    raw: bytes, path: Path, class_count: int, width: int, height: int
) -> tuple[tuple[ObjectLabel, ...], list[Problem]]:
    """Parse lines "class x1 y1 x2 y2 ..." (an outline) or "class cx cy w h" (a box).

    A confidence and a track number after them, as predictions have, are ignored. Lines that start with # are comments.

    Returns:
        The objects in order of the lines; the box of an outline is its bounding rectangle, and both are cut at the
        borders of the photo of `width` x `height` pixels. Then the problems of the other lines: another form, or points
        far outside.
    """
    text = decoded(raw)
    if "\0" in text:
        return (), [Problem(ProblemKind.LABELS_UNREADABLE, str(path), "is not text", _EXPORT_AGAIN)]
    lines = _LINE_END.split(text)
    objects: list[ObjectLabel] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            objects.append(_to_object(_words(line), f"{path}, line {number}", class_count, width, height))
        except EntryError as error:
            problems.append(error.problem)
    return tuple(objects), problems


def _words(line: str) -> list[str]:
    """Return the words of a line, which commas may separate: each before a blank, or in a line without blanks.

    Other commas are those of decimals.
    """
    return (line.replace(",", " ") if _COMMAS.fullmatch(line.strip()) else line).split()


def _to_object(words: list[str], where: str, class_count: int, width: int, height: int) -> ObjectLabel:
    class_index = _class_index(words[0], where, class_count)
    numbers = _fractions(_coordinates(words[1:]), where)
    sides = np.array([width, height], dtype=np.float64)
    if numbers.size == _BOX_NUMBERS:
        if (numbers[2:] <= 0).any():
            what = f"its box is {numbers[2]:g} wide and {numbers[3]:g} high"
            raise entry_error(ProblemKind.BOX, where, what, "Draw it again.")
        corners = np.stack([numbers[:2] - numbers[2:] / 2, numbers[:2] + numbers[2:] / 2]).clip(0, 1) * sides
        return ObjectLabel(class_index, _around(corners), None)
    if numbers.size < LEAST_OUTLINE_NUMBERS or numbers.size % 2:
        what = f"has {numbers.size} numbers after the class; a box has 4, an outline an even number from 6"
        raise unreadable(where, what, _EXPORT_AGAIN)
    points = numbers.clip(0, 1).reshape(-1, 2) * sides
    if outline_length(points) > MAX_OUTLINE_PIXELS:
        what = f"the outline is over {MAX_OUTLINE_PIXELS:,} pixels long"
        raise unreadable(where, what, "Simplify it.")
    return ObjectLabel(class_index, _around(points), polygons_to_rle([points.ravel().tolist()], height, width))


def _coordinates(words: list[str]) -> list[str]:
    """Return the words without a track number, and without a confidence, which makes an odd number of them."""
    if len(words) > _BOX_NUMBERS and words[-1].isdecimal() and 1 < int(words[-1][:9]) <= _MOST_TRACKS:
        words = words[:-1]
    return words[:-1] if len(words) > _BOX_NUMBERS and len(words) % 2 else words


def _class_index(word: str, where: str, class_count: int) -> int:
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not number.is_integer() or not 0 <= number < class_count:
        what = f"'{word[:40]}' is not a class; classes are numbered 0 to {class_count - 1}"
        way_out = "Correct the line, or 'names' in the YAML file."
        raise unreadable(where, what, way_out)
    return int(number)


def _fractions(words: list[str], where: str) -> NDArray[np.float64]:
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError as error:
        what = "has a word that is not a number"
        raise unreadable(where, what, _EXPORT_AGAIN) from error
    outside = ~((numbers >= -_TOLERANCE) & (numbers <= 1 + _TOLERANCE))
    if outside.any():
        what = f"{numbers[outside][0]} lies far outside the image; coordinates are fractions of its sides, from 0 to 1"
        raise unreadable(where, what, _EXPORT_AGAIN)
    return numbers


def _around(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom
