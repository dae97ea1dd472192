"""A class map as users write it: the name of a table, pairs, or a YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from splitlab.data.classes import TABLES, UNUSED, same_classes
from splitlab.data.reading import read_bounded
from splitlab.errors import CheckpointError, DataError, SettingsError
from splitlab.evaluation.class_map import IN_ORDER, NO_CLASS, ClassMap, few, require_known, used_names

_MAX_FILE_BYTES = 1_000_000
_MOST_LETTERS = 200


@dataclass(frozen=True)
class AskedClassMap:
    """The content of `--class-map`; classes that it does not mention are matched by name.

    Attributes:
        names: the names of the model's classes by number; None to use those on its card.
        in_order: the model's classes are the dataset's, in its order.
        pairs: the dataset's class for each of the model's, given by name or number; None to leave a class out.
    """

    names: tuple[str, ...] | None = None
    in_order: bool = False
    pairs: Mapping[str | int, str | None] = field(default_factory=dict)


def read_asked(words: Sequence[str]) -> AskedClassMap:
    """Parse `--class-map`, given any number of times: a table's name, `order`, MODEL=DATA or a YAML file.

    The file has pairs, or `names`: the model's class names by number, as in YOLO's data files. MODEL may be the number
    of a class. An empty DATA leaves the class out.

    Raises:
        SettingsError: a word is none of these, or the file cannot be read.
    """
    names, in_order, pairs = None, False, dict[str | int, str | None]()
    for word in words:
        if word in TABLES:
            names = TABLES[word]
        elif word == IN_ORDER:
            in_order = True
        elif "=" in word and not _is_file(word):
            model_class, _, data_class = word.partition("=")
            pairs[model_class.strip()] = data_class.strip() or None
        else:
            content = _read_file(word)
            names = _names_in(content, word) or names
            pairs |= _pairs_in(content, word)
    return AskedClassMap(names, in_order, pairs)


def asked_class_map(
    asked: AskedClassMap, model_classes: Sequence[str], class_names: Sequence[str], model: str, dataset: str
) -> ClassMap:
    """Return the class map for a model and a dataset.

    `model_classes` and `class_names` are the classes of the model and the dataset; messages name `model` and `dataset`.

    Raises:
        CheckpointError: the map does not fit the classes, or no class has a counterpart.
    """
    count = len(model_classes)
    if asked.names is not None and len(asked.names) != count:
        raise CheckpointError(f"{model} has {count:,} classes, the class map names {len(asked.names):,}. Take another.")
    if asked.in_order and count != len(class_names):
        raise CheckpointError(
            f"{model} has {count:,} classes, '{dataset}' has {len(class_names):,}, so '{IN_ORDER}' does not fit. Give "
            "pairs, such as a=b."
        )
    if asked.in_order:
        places = list(range(count))
    else:
        found = same_classes(asked.names or model_classes, class_names)
        places = [NO_CLASS if place is None else place for place in found]
    for model_class, data_class in asked.pairs.items():
        counterpart = NO_CLASS if data_class is None else _data_place(data_class, class_names, dataset)
        for place in _model_places(model_class, model_classes, model):
            places[place] = counterpart
    return require_known(ClassMap(tuple(model_classes), tuple(class_names), tuple(places)), model, dataset)


def _read_file(word: str) -> dict[Any, Any]:
    if not _is_file(word):
        raise SettingsError(
            f"--class-map '{word[:_MOST_LETTERS]}' is not a table ({', '.join(TABLES)}), nor '{IN_ORDER}', a "
            "pair such as a=b, or an existing file."
        )
    try:
        content = yaml.safe_load(read_bounded(Path(word), _MAX_FILE_BYTES))
    except (DataError, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:_MOST_LETTERS]
        raise SettingsError(f"--class-map {word}: cannot be read as YAML ({reason}).") from error
    if not isinstance(content, dict) or not content:
        raise SettingsError(f"--class-map {word}: must hold lines such as 'tv: tvmonitor', or 'names' with a list.")
    return content


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _pairs_in(content: Mapping[Any, Any], word: str) -> dict[str | int, str | None]:
    # A YOLO data file also has the paths of photos, which are not pairs.
    if not isinstance(content.get("names", ""), str):
        return {}
    return {
        key if type(key) is int else _text(key, word): None if value is None else _text(value, word)
        for key, value in content.items()
    }


def _text(value: object, word: str) -> str:
    # YAML reads no as false and 3 as a number; only a number can be written in one way.
    if isinstance(value, bool) or not isinstance(value, str | int):
        kind = type(value).__name__
        raise SettingsError(f"--class-map {word}: a class name is read as {kind}, not text. Put names in quotes.")
    return str(value)


def _names_in(content: Mapping[Any, Any], word: str) -> tuple[str, ...] | None:
    names = content.get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if names is None or isinstance(names, str):  # a class may have this name
        return None
    if not isinstance(names, list) or not names:
        raise SettingsError(f"--class-map {word}: 'names' must list the model's classes, or number them from 0.")
    return tuple(_text(name, word) for name in names)


def _model_places(wanted: str | int, model_classes: Sequence[str], model: str) -> list[int]:
    """Find the model's classes by name, or by number."""
    places = [place for place, name in enumerate(model_classes) if name == wanted != UNUSED]
    if not places and isinstance(wanted, str):
        places = [place for place in same_classes([wanted], model_classes) if place is not None]
    number = int(wanted) if isinstance(wanted, int) or (wanted.isdecimal() and len(wanted) <= 6) else NO_CLASS
    if not places and 0 <= number < len(model_classes):
        places = [number]
    if not places:
        raise CheckpointError(
            f"{model} has no class '{str(wanted)[:_MOST_LETTERS]}'. It has {few(used_names(model_classes))}. "
            "Numbers count from 0."
        )
    return places


def _data_place(wanted: str, class_names: Sequence[str], dataset: str) -> int:
    (place,) = same_classes([wanted], class_names)
    if place is None:
        raise CheckpointError(f"'{dataset}' has no class '{wanted[:_MOST_LETTERS]}'. Choose among {few(class_names)}.")
    return place
