"""The YAML file that heads a YOLO data set: its classes and where its photos lie."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from splitlab.data.formats.label_files import printable, read_bounded
from splitlab.errors import DataError

MAX_YAML_BYTES = 1_000_000
NAMES_AND_TRAIN = (re.compile(rb"^names\s*:", re.MULTILINE), re.compile(rb"^train\s*:", re.MULTILINE))


@dataclass(frozen=True, slots=True)
class YoloSettings:
    """What the YAML file says.

    Attributes:
        path: the file itself.
        base: the folder that `train` and `val` start from.
        class_names: in the order of their numbers.
        train: folders or .txt lists of photos, as written.
        val: the same for the validation set.
        licence: empty where the file says nothing.
    """

    path: Path
    base: Path
    class_names: tuple[str, ...]
    train: tuple[str, ...]
    val: tuple[str, ...]
    licence: str


class _PlainLoader(yaml.SafeLoader):
    """A safe loader without aliases: they let a small file stand for an endless one."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias, such as *name")
        return super().compose_node(parent, index)


def find_yaml(folder: Path) -> Path | None:
    """Return the folder's data.yaml, else its one YAML file that has `names` and `train`, else None.

    Raises:
        DataError, OSError: a file cannot be read, or is too large.
    """
    if (folder / "data.yaml").is_file():
        return folder / "data.yaml"
    files = [path for ending in ("yaml", "yml") for path in folder.glob(f"*.{ending}") if path.is_file()]
    heads = [path for path in files if _has_names_and_train(path)]
    return heads[0] if len(heads) == 1 else None


def _has_names_and_train(path: Path) -> bool:
    text = read_bounded(path, MAX_YAML_BYTES)
    return all(key.search(text) for key in NAMES_AND_TRAIN)


def read_settings(path: Path) -> YoloSettings:
    """Read the YAML file of a YOLO data set.

    Raises:
        DataError: it is broken or too large, has aliases, or lacks `names`, `train` or `val`.
    """
    content = _parse(path)
    if "kpt_shape" in content:
        raise DataError(f"{path}: 'kpt_shape' makes it a pose data set. Give one with outlines or boxes.")
    return YoloSettings(
        path,
        _base(content, path),
        _class_names(content, path),
        _places(content, "train", path),
        _places(content, "val", path),
        content["license"][:200] if isinstance(content.get("license"), str) else "",
    )


def _parse(path: Path) -> dict[Any, Any]:
    raw = read_bounded(path, MAX_YAML_BYTES)
    try:
        content = _PlainLoader(raw).get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: is no YAML that can be read ({reason}). Export the data set again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: has no 'names' and 'train'. It must be the YAML file of a YOLO data set.")
    return content


def _class_names(content: dict[Any, Any], path: Path) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: 'names' must list the classes, or number them 0, 1, 2, ... without a gap.")
    # YAML reads a bare no as false and a bare 3 as a number; only the number has one way to be written.
    odd = [index for index, name in enumerate(names) if isinstance(name, bool) or not isinstance(name, str | int)]
    if odd:
        raise DataError(f"{path}: the name of class {odd[0]} is no text. Put it into quotes.")
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


def _base(content: dict[Any, Any], path: Path) -> Path:
    """Follow `path:` where it stays in the data set; most files name the folder of whoever exported them."""
    folder, stated = path.parent, content.get("path")
    if isinstance(stated, str) and "\0" not in stated:
        base = folder / stated
        if base.resolve().is_relative_to(folder.resolve()) and base.is_dir():
            return base
    return folder
