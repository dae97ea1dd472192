"""The classes and parts of a YOLO dataset: from its YAML file, or from the lists that CVAT and Label Studio write."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from splitlab.data.reading import printable, read_bounded
from splitlab.errors import DataError

_MAX_BYTES = 1_000_000
_NAMES = re.compile(rb"^names\s*:", re.MULTILINE)
_PARTS = re.compile(rb"^(train|val|test)\s*:", re.MULTILINE)
_LICENCE = re.compile(r"^# licen[cs]e: (?P<licence>.+)$", re.MULTILINE | re.IGNORECASE)
_LICENCE_LETTERS = 200
_YAML, _DARKNET, _CLASSES = "data.yaml", "obj.data", "classes.txt"


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
    """

    path: Path
    base: Path
    class_names: tuple[str, ...]
    train: tuple[str, ...]
    val: tuple[str, ...]
    has_test: bool = False
    licence: str = ""


def find_head(folder: Path) -> Path | None:
    """Return the file that names the classes, or None.

    It is data.yaml, else the only YAML file with `names` and a part, else obj.data (YOLO 1.1 of CVAT), else classes.txt
    beside labels/ (Label Studio).

    Raises:
        DataError, OSError: a file cannot be read, or is too large.
    """
    if (folder / _YAML).is_file():
        return folder / _YAML
    files = [path for ending in ("yaml", "yml") for path in folder.glob(f"*.{ending}") if path.is_file()]
    heads = [path for path in files if _has_names_and_part(path)]
    if len(heads) == 1:
        return heads[0]
    if (folder / _DARKNET).is_file():
        return folder / _DARKNET
    return folder / _CLASSES if (folder / _CLASSES).is_file() and (folder / "labels").is_dir() else None


def read_settings(path: Path) -> YoloSettings:
    """Read the head of a YOLO dataset.

    Raises:
        DataError: it is broken or too large, has aliases, or lacks the classes' names.
    """
    if path.name == _CLASSES:
        return YoloSettings(path, path.parent, _listed(path), (), ())
    return _read_darknet(path) if path.name == _DARKNET else _read_yaml(path)


def _read_yaml(path: Path) -> YoloSettings:
    content = _parse(path)
    if "kpt_shape" in content:
        raise DataError(f"{path}: 'kpt_shape' makes it a pose dataset. Use one with outlines or boxes.")
    train, val = _places(content, "train", path), _places(content, "val", path)
    return YoloSettings(
        path,
        _base(content, path),
        _class_names(content, path),
        train or val,
        val if train and val != train else (),
        bool(content.get("test")),
        _licence(content, path),
    )


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
    train, val = stated.get("train", ""), stated.get("valid", "")
    return YoloSettings(
        path, path.parent, _listed(names), (train,) if train else (), (val,) if val and val != train else ()
    )


def _listed(path: Path) -> tuple[str, ...]:
    return _checked([line.strip() for line in _text(path).splitlines() if line.strip()], path)


def _text(path: Path) -> str:
    return read_bounded(path, _MAX_BYTES).decode("utf-8-sig", errors="replace")


def _has_names_and_part(path: Path) -> bool:
    text = read_bounded(path, _MAX_BYTES)
    return bool(_NAMES.search(text) and _PARTS.search(text))


def _parse(path: Path) -> dict[Any, Any]:
    raw = read_bounded(path, _MAX_BYTES)
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
    if isinstance(names, dict):
        by_number = {int(key) if str(key).isdecimal() else key: name for key, name in names.items()}
        if set(by_number) == set(range(len(names))):
            names = [by_number[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: 'names' must list the classes, or number them 0, 1, 2, ... without a gap.")
    return _checked(names, path)


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


def _places(content: dict[Any, Any], subset: str, path: Path) -> tuple[str, ...]:
    value = content.get(subset)
    if value is None or value == "":
        return ()
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not all(isinstance(place, str) and place for place in places):
        raise DataError(f"{path}: '{subset}' must name a folder of photos, a .txt list of them, or several of those.")
    return tuple(places)
