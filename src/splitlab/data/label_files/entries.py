"""Values in the label files of annotation tools: read within limits and checked.

Functions on values raise one of `ODD_ENTRY`; readers turn it into the problem of an entry.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.dataset import Box, Problem, ProblemKind, unreadable
from splitlab.data.label_files.records import Outline
from splitlab.data.reading import decoded, read_bounded
from splitlab.io import plain_json

ODD_ENTRY = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""Raised for entries that are not what a format says."""

# Photos have at most 65,535 pixels on a side; larger numbers would overflow later sums.
_FARTHEST = 1e7
_PEEKED_BYTES = 65_536
_MOST_PEEKED, _MOST_FOLDERS, _MOST_LISTED, _DEEPEST = 4, 60, 200_000, 2


def read_json(path: Path, max_bytes: int) -> Any:
    """Read a JSON file.

    Raises:
        EntryError: it is missing, larger than `max_bytes`, or not JSON.
    """
    return as_json(read_bounded(path, max_bytes), path)


def as_json(raw: bytes, path: Path) -> Any:
    """Parse the content of a JSON file; `path` names it in messages.

    Raises:
        EntryError: it is not JSON.
    """
    try:
        return plain_json(decoded(raw, "strict"))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"is not valid JSON ({str(error)[:200]})", "Export the labels again.") from error


def number(value: object) -> float:
    """Return a number in pixels, written as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{str(value)[:40]!r} is not a number")
    found = float(value)
    if not abs(found) <= _FARTHEST:
        raise ValueError(f"{str(value)[:40]} is not a place in an image")
    return found


def text(value: object) -> str:
    """Return a text, or a number as text; names of classes may be numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"{str(value)[:40]!r} is not a text")
    return str(value)


def as_list(value: object) -> list[Any]:
    """Return a list; an entry that is missing (None) is an empty one."""
    if not isinstance(value, list | None):
        raise TypeError(f"{str(value)[:40]!r} is not a list")
    return value or []


def points(value: object) -> Outline:
    """Return a list of [x, y] as an (N, 2) array."""
    found = np.array([[number(x), number(y)] for x, y in as_list(value)], np.float64)
    return found.reshape(-1, 2)


def box_around(outline: Outline) -> Box:
    """Return the rectangle around points."""
    if not outline.size:
        raise ValueError("it has no points")
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    return left, top, right, bottom


def ellipse(x: float, y: float, radius_x: float, radius_y: float, radians: float = 0.0) -> Outline:
    """Return the outline of an ellipse around (x, y), turned clockwise; it is at most a tenth of a pixel off."""
    largest = max(radius_x, radius_y)
    if min(radius_x, radius_y) <= 0 or largest > _FARTHEST:
        raise ValueError(f"its radius is {radius_x:g}, {radius_y:g}")
    count = min(max(math.ceil(np.pi * math.sqrt(5 * largest)), 32), 1000)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return turned(np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1), x, y, radians)


def turned(outline: Outline, x: float, y: float, radians: float) -> Outline:
    """Return points turned clockwise (as seen, y points down) around (x, y)."""
    cos, sin = math.cos(radians), math.sin(radians)
    return np.asarray((outline - (x, y)) @ np.array([[cos, sin], [-sin, cos]]) + (x, y))


def no_areas(names: Sequence[str], label_file: Path, where: str = "") -> list[Problem]:
    """Return the problem of shapes that are no areas, such as points and lines; `names` has one entry for each."""
    if not names:
        return []
    kinds = ", ".join(dict.fromkeys(name[:40] for name in names))
    what = f"{where}{len(names)} of its shapes ({kinds}) are neither boxes nor areas"
    way_out = "Draw boxes or outlines in their place, or remove them."
    return [Problem(ProblemKind.LABELS_UNREADABLE, str(label_file), what, way_out)]


def peeked(folder: Path, ending: str) -> Iterator[tuple[Path, bytes]]:
    """Yield a few files with an ending, in a folder and up to two levels below it, with what they say in UTF-8.

    Only the first and the last 64 KiB of each are read. Of each folder, at most four files are.
    """
    for path in near_files(folder, (ending,)):
        try:
            yield path, decoded(b"".join(ends_of(path))).encode(errors="replace")
        except OSError:
            continue


def ends_of(path: Path) -> tuple[bytes, bytes]:
    """Return the first 64 KiB of a file, and of the rest the last 64 KiB.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_PEEKED_BYTES)
        file.seek(max(file.seek(0, 2) - _PEEKED_BYTES, len(start)))
        return start, file.read(_PEEKED_BYTES)


def near_files(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Yield files with an ending (in lower case) in a folder and up to two levels below it, at most four of each."""
    waiting = deque([(folder, 0)])
    visited = listed = 0
    while waiting and visited < _MOST_FOLDERS and listed < _MOST_LISTED:
        here, depth = waiting.popleft()
        visited += 1
        found = 0
        for entry in _listed(here):
            listed += 1
            if entry.name.startswith((".", "__MACOSX")):
                continue
            if entry.name.lower().endswith(endings) and entry.is_file():
                found += 1
                if found <= _MOST_PEEKED:
                    yield Path(entry.path)
            elif depth < _DEEPEST and entry.is_dir():
                waiting.append((Path(entry.path), depth + 1))


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, _MOST_LISTED))
    except OSError:
        return []
