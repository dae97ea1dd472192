"""The classes of a COCO dataset: one table for the files of all parts, whatever the ids and the order in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitlab.data.dataset import ImageId
from splitlab.data.reading import printable
from splitlab.errors import DataError

_MOST_LETTERS = 200
_ROOTS = ("", "none", "None", None)


@dataclass(frozen=True)
class ClassTable:
    """The classes of all parts.

    Attributes:
        names: those of the first file by category id, then those that only other files have.
        category_ids: an id for each, for exports and evaluation.
        index_of: for each file, the index into `names` of each of its category ids.
        own_names: for each file, the names of its own categories by id.
    """

    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    index_of: Mapping[Path, dict[ImageId, int]]
    own_names: Mapping[Path, tuple[str, ...]]

    def is_of(self, path: Path) -> bool:
        """Return whether a file has exactly these classes in this order."""
        return self.own_names[path] == self.names


def coco_id(value: object) -> ImageId:
    """Return the id of an image or category: whole numbers, also written as text, are numbers; other texts stay.

    Raises:
        TypeError, ValueError, OverflowError: it is neither.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text or len(text) > _MOST_LETTERS:
            raise ValueError(f"the id {text[:40]!r} is empty or over {_MOST_LETTERS} letters long")
        return int(text) if text.isascii() and text.isdecimal() else printable(text)
    if isinstance(value, int | float) and not isinstance(value, bool) and int(value) == value:
        return int(value)
    raise TypeError(f"the id {value!r:.40} is neither a whole number nor a text")


def class_table(contents: Mapping[Path, dict[str, Any]]) -> ClassTable:
    """Match the categories of all files by name.

    Raises:
        DataError: a file has no categories, names an id twice, or has two categories of one name with objects.
    """
    used = {path: _used(content) for path, content in contents.items()}
    by_file = {path: _by_id(content["categories"], used[path], path) for path, content in contents.items()}
    every = [category for categories in by_file.values() for category in categories]
    seen = {name for path, categories in by_file.items() for name in _names_of(categories, used[path])}
    roots = {_name(one) for one in every if _is_root(one, every) and _name(one) not in seen}
    kept = {path: [one for one in categories if _name(one) not in roots] for path, categories in by_file.items()}
    names = dict.fromkeys(_name(one) for categories in kept.values() for one in categories)
    index = {name: place for place, name in enumerate(names)}
    ids: dict[str, ImageId] = {}
    for categories in kept.values():
        for one in categories:
            ids.setdefault(_name(one), coco_id(one["id"]))
    return ClassTable(
        tuple(names),
        _numbers(list(ids.values())),
        {path: {coco_id(one["id"]): index[_name(one)] for one in categories} for path, categories in kept.items()},
        {path: tuple(map(_name, categories)) for path, categories in kept.items()},
    )


def _used(content: dict[str, Any]) -> set[ImageId]:
    """Return the category ids of a file that objects have."""
    found: set[ImageId] = set()
    for annotation in content["annotations"]:
        try:
            found.add(coco_id(annotation["category_id"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            continue  # reported when the annotation is read
    return found


def _by_id(categories: list[Any], used: set[ImageId], path: Path) -> list[dict[str, Any]]:
    """Return a file's classes by id; of classes with equal names, the one with objects, else the last."""
    try:
        ordered = sorted(categories, key=lambda one: _order(coco_id(one["id"])))
        ids = [coco_id(one["id"]) for one in ordered]
        names = [_name(one) for one in ordered]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(
            f"{path}: a category is not valid COCO ({type(error).__name__}: {error}). Each needs an id and a name."
        ) from error
    if not ids or len(set(ids)) < len(ids):
        raise DataError(f"{path}: 'categories' is empty or names an id twice. Give each class an id of its own.")
    kept: dict[str, dict[str, Any]] = {}
    for one, number, name in zip(ordered, ids, names, strict=True):
        # Some tools list a group before its only class, with the same name.
        before = kept.get(name)
        before_is_used = before is not None and coco_id(before["id"]) in used
        if before_is_used and number in used:
            raise DataError(f"{path}: two categories with objects are called '{name}'. Rename one.")
        if not before_is_used:
            kept[name] = one
    return sorted(kept.values(), key=lambda one: _order(coco_id(one["id"])))


def _order(number: ImageId) -> tuple[bool, ImageId]:
    return isinstance(number, str), number


def _name(category: dict[str, Any]) -> str:
    return printable(str(category["name"]))


def _names_of(categories: Iterable[dict[str, Any]], used: set[ImageId]) -> set[str]:
    return {_name(one) for one in categories if coco_id(one["id"]) in used}


def _is_root(category: dict[str, Any], categories: list[dict[str, Any]]) -> bool:
    """Return whether a category is the group of all others, as Roboflow writes it."""
    others = [one for one in categories if _name(one) != _name(category)]
    return (
        bool(others)
        and category.get("supercategory") in _ROOTS
        and all(one.get("supercategory") == category["name"] for one in others)
    )


def _numbers(ids: list[ImageId]) -> tuple[int, ...]:
    """Return the ids if they are distinct numbers, else 1, 2, ..."""
    numbers = [one for one in ids if isinstance(one, int)]
    return tuple(numbers) if len(set(numbers)) == len(ids) else tuple(range(1, len(ids) + 1))
