"""The files of a YOLO dataset: label lines, and the settings in data.yaml."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from splitlab.data.dataset import EntryError, ObjectLabel, Problem, ProblemKind, unreadable
from splitlab.data.reading import printable, read_bounded
from splitlab.errors import DataError
from splitlab.geometry import LEAST_OUTLINE_NUMBERS, MAX_OUTLINE_PIXELS, outline_length, polygons_to_rle

# How far outside the image rounding may put a point, as a fraction of its side.
_TOLERANCE = 0.01
_BOX_NUMBERS = 4
_EXPORT_AGAIN = "Export the labels again."

_MAX_YAML_BYTES = 1_000_000
_NAMES_AND_TRAIN = (re.compile(rb"^names\s*:", re.MULTILINE), re.compile(rb"^train\s*:", re.MULTILINE))


@dataclass(frozen=True, slots=True)
class YoloSettings:
    """The content of the YAML file.

    Attributes:
        path: the file itself.
        base: the folder that `train` and `val` are relative to.
        class_names: by number.
        train: folders or .txt lists of photos, as written.
        val: likewise.
        licence: empty if none is stated.
    """

    path: Path
    base: Path
    class_names: tuple[str, ...]
    train: tuple[str, ...]
    val: tuple[str, ...]
    licence: str


def parse_labels(
    raw: bytes, path: Path, class_count: int, width: int, height: int
) -> tuple[tuple[ObjectLabel, ...], list[Problem]]:
    """Parse lines "class x1 y1 x2 y2 ..." (an outline) or "class cx cy w h" (a box).

    Returns:
        The objects in order of the lines; the box of an outline is its bounding rectangle. Then the problems of the
        other lines: another form, or points outside the photo of `width` x `height` pixels.
    """
    try:
        lines = raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return (), [Problem(ProblemKind.LABELS_UNREADABLE, str(path), "is not UTF-8 text", _EXPORT_AGAIN)]
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


def find_yaml(folder: Path) -> Path | None:
    """Return the folder's data.yaml, else its only YAML file with `names` and `train`, else None.

    Raises:
        DataError, OSError: a file cannot be read, or is too large.
    """
    if (folder / "data.yaml").is_file():
        return folder / "data.yaml"
    files = [path for ending in ("yaml", "yml") for path in folder.glob(f"*.{ending}") if path.is_file()]
    heads = [path for path in files if _has_names_and_train(path)]
    return heads[0] if len(heads) == 1 else None


def read_settings(path: Path) -> YoloSettings:
    """Read the YAML file of a YOLO dataset.

    Raises:
        DataError: it is broken or too large, has aliases, or lacks `names`, `train` or `val`.
    """
    content = _parse(path)
    if "kpt_shape" in content:
        raise DataError(f"{path}: 'kpt_shape' makes it a pose dataset. Use one with outlines or boxes.")
    return YoloSettings(
        path,
        _base(content, path),
        _class_names(content, path),
        _places(content, "train", path),
        _places(content, "val", path),
        content["license"][:200] if isinstance(content.get("license"), str) else "",
    )


def _to_object(words: list[str], where: str, class_count: int, width: int, height: int) -> ObjectLabel:
    class_index = _class_index(words[0], where, class_count)
    numbers = _fractions(words[1:], where)
    sides = np.array([width, height], dtype=np.float64)
    if numbers.size == _BOX_NUMBERS:
        corners = np.stack([numbers[:2] - numbers[2:] / 2, numbers[:2] + numbers[2:] / 2]).clip(0, 1) * sides
        return ObjectLabel(class_index, _around(corners), None)
    if numbers.size < LEAST_OUTLINE_NUMBERS or numbers.size % 2:
        what = f"has {numbers.size} numbers after the class; a box has 4, an outline an even number from 6"
        raise unreadable(where, what, _EXPORT_AGAIN)
    points = numbers.reshape(-1, 2) * sides
    if outline_length(points) > MAX_OUTLINE_PIXELS:
        what = f"the outline is over {MAX_OUTLINE_PIXELS:,} pixels long"
        raise unreadable(where, what, "Simplify it.")
    return ObjectLabel(class_index, _around(points), polygons_to_rle([points.ravel().tolist()], height, width))


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
        what = f"{numbers[outside][0]} lies outside the image; coordinates are fractions of its sides, from 0 to 1"
        raise unreadable(where, what, _EXPORT_AGAIN)
    return numbers.clip(0, 1)


def _around(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom


def _has_names_and_train(path: Path) -> bool:
    text = read_bounded(path, _MAX_YAML_BYTES)
    return all(key.search(text) for key in _NAMES_AND_TRAIN)


def _parse(path: Path) -> dict[Any, Any]:
    raw = read_bounded(path, _MAX_YAML_BYTES)
    try:
        content = _PlainLoader(raw).get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: is not valid YAML ({reason}). Export the dataset again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: has no 'names' and 'train'. It must be the YAML file of a YOLO dataset.")
    return content


class _PlainLoader(yaml.SafeLoader):
    """A safe loader without aliases, which could make a small file expand without end."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias, such as *name")
        return super().compose_node(parent, index)


def _base(content: dict[Any, Any], path: Path) -> Path:
    """Follow `path:` if it stays in the dataset; most files name a folder of the exporter."""
    folder, stated = path.parent, content.get("path")
    if isinstance(stated, str) and "\0" not in stated:
        base = folder / stated
        if base.resolve().is_relative_to(folder.resolve()) and base.is_dir():
            return base
    return folder


def _class_names(content: dict[Any, Any], path: Path) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: 'names' must list the classes, or number them 0, 1, 2, ... without a gap.")
    # YAML reads no as false and 3 as a number; only a number can be written in one way.
    odd = [index for index, name in enumerate(names) if isinstance(name, bool) or not isinstance(name, str | int)]
    if odd:
        raise DataError(f"{path}: the name of class {odd[0]} is not text. Put it into quotes.")
    names = [printable(str(name)) for name in names]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: two classes are called '{twice[0]}'. Give each class its own name.")
    return tuple(names)


def _places(content: dict[Any, Any], subset: str, path: Path) -> tuple[str, ...]:
    value = content.get(subset)
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not places or not all(isinstance(place, str) and place for place in places):
        raise DataError(f"{path}: '{subset}' must name a folder of photos, a .txt list of them, or several of those.")
    return tuple(places)
