"""The classes and parts of a YOLO dataset: from its YAML file, or from the lists that CVAT and Label Studio write."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from splitlab.data.dataset import Problem, ProblemKind
from splitlab.data.formats.yolo.heads import DARKNET, most_class
from splitlab.data.label_files.photo_index import PhotoIndex
from splitlab.data.label_files.records import part_of
from splitlab.data.reading import decoded, printable, read_bounded
from splitlab.errors import DataError

_MAX_BYTES = 1_000_000
_LICENCE = re.compile(r"^# licen[cs]e: (?P<licence>.+)$", re.MULTILINE | re.IGNORECASE)
_LICENCE_LETTERS = 200
_MOST_CLASSES = 10_000
_YAML_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class YoloSettings:
    """The content of the head of a dataset.

    Attributes:
        path: the file itself.
        base: the folder that `train` and `val` are relative to.
        class_names: by number.
        train: folders or .txt lists of photos, as written; empty if the file does not say.
        val: likewise.
        has_test: whether it names a test part.
        licence: empty if none is stated.
        problems: of the classes' names.
    """

    path: Path
    base: Path
    class_names: tuple[str, ...]
    train: tuple[str, ...]
    val: tuple[str, ...]
    has_test: bool = False
    licence: str = ""
    problems: tuple[Problem, ...] = ()


def read_settings(path: Path, photos: PhotoIndex) -> YoloSettings:
    """Read the head of a YOLO dataset, as `find_head` finds it; without one, classes are called by their numbers.

    Raises:
        DataError: it is broken or too large, has aliases, or lacks the classes' names.
    """
    if path == photos.root:
        return _numbered(path, most_class(photos))
    if path.suffix in _YAML_ENDINGS:
        return _read_yaml(path, photos)
    return _read_darknet(path) if path.name == DARKNET else YoloSettings(path, photos.root, _listed(path), (), ())


def _numbered(folder: Path, last: int) -> YoloSettings:
    names = tuple(str(number) for number in range(last + 1))
    what = "no file names the classes, so they are called by their numbers"
    problem = Problem(ProblemKind.CLASS_NAMES, str(folder), what, "Put a classes.txt with one name a line there.")
    return YoloSettings(folder, folder, names, (), (), problems=(problem,))


def _read_yaml(path: Path, photos: PhotoIndex) -> YoloSettings:
    content = _parse(path)
    if "kpt_shape" in content:
        raise DataError(f"{path}: 'kpt_shape' makes it a pose dataset. Use one with outlines or boxes.")
    if content.get("names") is None and any(map(part_of, map(str, content))):
        count = content.get("nc")
        names, problems = _unnamed(count if isinstance(count, int) else most_class(photos) + 1, path)
    else:
        names, problems = _class_names(content, path)
    settings = YoloSettings(path, _base(content, path), names, (), (), licence=_licence(content, path))
    return replace(_with_parts(settings, content), problems=tuple(problems))


def _with_parts(settings: YoloSettings, content: dict[Any, Any]) -> YoloSettings:
    """Add the parts; CVAT and FiftyOne also write keys such as Train and validation."""
    stated = {
        part_of(str(key)): _places(content, key, settings.path) for key in sorted(content, key=str) if part_of(str(key))
    }
    stated |= {part: _places(content, part, settings.path) for part in stated if part in content}
    train, val, test = (stated.get(part, ()) for part in ("train", "val", "test"))
    first = train or val or test
    return replace(settings, train=first, val=val if val != first else (), has_test=bool(test) and test != first)


def _licence(content: dict[Any, Any], path: Path) -> str:
    """Return the licence, which our own export writes as a comment: CVAT takes unknown keys for parts."""
    stated = content.get("license")
    if not isinstance(stated, str):
        comment = _LICENCE.search(_text(path))
        stated = comment["licence"].strip() if comment else ""
    return printable(stated)[:_LICENCE_LETTERS]


def _read_darknet(path: Path) -> YoloSettings:
    """Read lines `key = value`; the names are one a line in obj.names, whatever folder is stated."""
    lines = (line.partition("=") for line in _text(path).splitlines())
    stated = {key.strip(): value.strip().replace("\\", "/") for key, _, value in lines if value.strip()}
    names = path.parent / stated.get("names", "obj.names").rpartition("/")[2]
    if not names.is_file():
        raise DataError(f"{path}: the class names are missing, {names.name} is not beside it. Export the labels again.")
    return _with_parts(YoloSettings(path, path.parent, _listed(names), (), ()), stated)


def _listed(path: Path) -> tuple[str, ...]:
    return _checked([line.strip() for line in _text(path).splitlines() if line.strip()], path)


def _text(path: Path) -> str:
    return decoded(read_bounded(path, _MAX_BYTES))


def _parse(path: Path) -> dict[Any, Any]:
    text = _text(path)
    try:
        content = _PlainLoader(text).get_single_data()
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


def _class_names(content: dict[Any, Any], path: Path) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the names, and the problem of numbers without one: those are called by their number."""
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, str) and count == 1:
        names = [names]
    unnamed: list[int] = []
    if isinstance(names, dict):
        by_number = {int(key): name for key, name in names.items() if str(key).isdecimal()}
        if len(by_number) == len(names) and max(by_number, default=_MOST_CLASSES) < _MOST_CLASSES:
            unnamed = [number for number in range(max(by_number)) if number not in by_number]
            names = [by_number.get(number, str(number)) for number in range(max(by_number) + 1)]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: 'names' must list the classes, or number them 0, 1, 2, ...")
    problems = []
    if unnamed:
        problems.append(f"'names' has no class {unnamed[0]}, so it is called '{unnamed[0]}'")
    if isinstance(count, int) and count != len(names):
        problems.append(f"'nc' is {count}, but 'names' has {len(names)} classes")
    way_out = "Correct 'names'; lines give its numbers."
    return _checked(names, path), [Problem(ProblemKind.CLASS_NAMES, str(path), what, way_out) for what in problems]


def _unnamed(count: int, path: Path) -> tuple[tuple[str, ...], list[Problem]]:
    what = "has no 'names', so the classes are called by their numbers"
    problem = Problem(ProblemKind.CLASS_NAMES, str(path), what, "Add the names.")
    return tuple(str(number) for number in range(min(max(count, 1), _MOST_CLASSES))), [problem]


def _checked(names: list[Any], path: Path) -> tuple[str, ...]:
    # YAML reads no as false and 3 as a number; only a number can be written in one way.
    odd = [index for index, name in enumerate(names) if isinstance(name, bool) or not isinstance(name, str | int)]
    if odd:
        raise DataError(f"{path}: the name of class {odd[0]} is not text. Put it into quotes.")
    texts = [printable(str(name)) for name in names]
    twice = [name for name, count in Counter(texts).items() if count > 1]
    if twice:
        raise DataError(f"{path}: two classes are called '{twice[0]}'. Give each class its own name.")
    if not texts:
        raise DataError(f"{path}: names no class. Export the labels again.")
    return tuple(texts)


def _places(content: dict[Any, Any], subset: Any, path: Path) -> tuple[str, ...]:
    value = content.get(subset)
    if value is None or value == "":
        return ()
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not all(isinstance(place, str) and place for place in places):
        raise DataError(f"{path}: '{subset}' must name a folder of photos, a .txt list of them, or several of those.")
    return tuple(places)
