"""The classes of a COCO dataset: one table for the files of all parts, whatever the ids and the order in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitlab.data.dataset import ImageId, Problem, ProblemKind
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
        problems: for each file, those of its names.
    """

    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    index_of: Mapping[Path, dict[ImageId, int]]
    own_names: Mapping[Path, tuple[str, ...]]
    problems: Mapping[Path, tuple[Problem, ...]]

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
    """Match the categories of all files by name; categories of one name are one class.

    Where a file has objects but no categories, their classes are called by their ids.

    Raises:
        DataError: a file has an id with two names.
    """
    used = {path: _used(content) for path, content in contents.items()}
    stated = {path: content["categories"] or _numbered(used[path]) for path, content in contents.items()}
    by_file = {path: _by_id(categories, used[path], path) for path, categories in stated.items()}
    distinct = {path: list({_name(one): one for one in categories}.values()) for path, categories in by_file.items()}
    every = [category for categories in by_file.values() for category in categories]
    seen = {name for path, categories in by_file.items() for name in _names_of(categories, used[path])}
    roots = {_name(one) for one in every if _is_root(one, every) and _name(one) not in seen}
    kept = {path: [one for one in categories if _name(one) not in roots] for path, categories in distinct.items()}
    names = dict.fromkeys(_name(one) for categories in kept.values() for one in categories)
    index = {name: place for place, name in enumerate(names)}
    ids: dict[str, ImageId] = {}
    for categories in kept.values():
        for one in categories:
            ids.setdefault(_name(one), coco_id(one["id"]))
    return ClassTable(
        tuple(names),
        _numbers(list(ids.values())),
        {
            path: {coco_id(one["id"]): index[_name(one)] for one in categories if _name(one) in index}
            for path, categories in by_file.items()
        },
        {path: tuple(map(_name, categories)) for path, categories in kept.items()},
        {path: tuple(_problems(contents[path], categories, path)) for path, categories in by_file.items()},
    )


def _numbered(used: set[ImageId]) -> list[dict[str, Any]]:
    return [{"id": number, "name": str(number)} for number in used]


def _problems(content: dict[str, Any], categories: list[dict[str, Any]], path: Path) -> Iterator[Problem]:
    """Yield the problems of classes without a name, and of names that two classes with objects share."""
    if categories and not content["categories"]:
        what = "has no categories, so the classes are called by their ids"
        yield Problem(ProblemKind.CLASS_NAMES, str(path), what, "Export the labels with categories.")
    times = Counter(map(_name, categories))
    for name in (name for name, count in times.items() if count > 1):
        what = f"{times[name]} categories with objects are called '{name}', so they are one class"
        yield Problem(ProblemKind.CLASS_NAMES, str(path), what, "If they are not, rename one.")


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
    """Return a file's classes by id; of classes with equal names, those with objects, else the last."""
    try:
        ordered = sorted(_once(categories), key=lambda one: _order(coco_id(one["id"])))
        ids = [coco_id(one["id"]) for one in ordered]
        names = [_name(one) for one in ordered]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(
            f"{path}: a category is not valid COCO ({type(error).__name__}: {error}). Each needs an id and a name."
        ) from error
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: 'categories' has an id with two names. Give each class an id of its own.")
    # Some tools list a group before its only class, with the same name.
    last = {name: number for number, name in zip(ids, names, strict=True)}
    have_objects = {name for number, name in zip(ids, names, strict=True) if number in used}
    return [
        one
        for one, number, name in zip(ordered, ids, names, strict=True)
        if number in used or (name not in have_objects and number == last[name])
    ]


def _once(categories: list[Any]) -> list[dict[str, Any]]:
    """Leave out categories that repeat the id and the name of another."""
    return list({(coco_id(one["id"]), _name(one)): one for one in categories}.values())


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
