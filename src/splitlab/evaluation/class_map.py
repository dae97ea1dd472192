"""Class maps: which class of a checkpoint is which class of a dataset. Maps can be kept on the checkpoint's card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.checkpoints.checkpoint import MAX_CLASS_MAPS, Card, read_card, write_card
from splitlab.data.classes import UNUSED, fitting_tables, same_classes
from splitlab.data.dataset import json_hash
from splitlab.errors import CheckpointError
from splitlab.evaluation.detections import ImageDetections

_Counterparts = Sequence[str | None]

NO_CLASS = -1
_MOST_NAMED = 8
# In place of a table: the model's classes are the dataset's, in its order.
IN_ORDER = "order"


@dataclass(frozen=True)
class ClassMap:
    """The class of a dataset for each class of a model.

    Attributes:
        model_classes: in the order of the model's class scores.
        data_classes: in the order of the dataset.
        places: for each class of the model, the index of its counterpart in `data_classes`, or `NO_CLASS`. Several
            classes may have the same counterpart.
    """

    model_classes: tuple[str, ...]
    data_classes: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether the model's class numbers are already those of the dataset."""
        return self.places == tuple(range(len(self.data_classes)))

    @property
    def is_own(self) -> bool:
        """Whether the model's classes equal the dataset's, name by name."""
        return self.changes_nothing and self.model_classes == self.data_classes

    @property
    def known(self) -> tuple[str, ...]:
        """The dataset's classes that the model knows, in the dataset's order."""
        return tuple(name for place, name in enumerate(self.data_classes) if place in self.places)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The dataset's classes without a class of the model."""
        return tuple(name for place, name in enumerate(self.data_classes) if place not in self.places)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The model's classes without a counterpart."""
        pairs = zip(self.model_classes, self.places, strict=True)
        return tuple(name for name, place in pairs if place == NO_CLASS and name != UNUSED)

    @property
    def unused(self) -> tuple[int, ...]:
        """The model's class numbers that mean no class; a number with a counterpart means one, whatever its name."""
        pairs = zip(self.model_classes, self.places, strict=True)
        return tuple(number for number, (name, place) in enumerate(pairs) if place == NO_CLASS and name == UNUSED)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each of the model's class numbers, to tell them apart."""
        return tuple(f"class {place}" if name == UNUSED else name for place, name in enumerate(self.model_classes))

    @property
    def counterparts(self) -> tuple[str | None, ...]:
        """The dataset's name for each class of the model, or None."""
        return tuple(None if place == NO_CLASS else self.data_classes[place] for place in self.places)

    @property
    def key(self) -> str:
        """A short hash that identifies the map; empty if it changes nothing."""
        if self.changes_nothing:
            return ""
        return json_hash([self.places, self.unused] if self.unused else self.places)[:12]

    def apply(self, found: ImageDetections) -> ImageDetections:
        """Renumber detections as the dataset's classes; drop those without a counterpart."""
        if self.changes_nothing:
            return found
        classes = np.array(self.places, np.int64)[found.classes]
        kept = np.flatnonzero(classes != NO_CLASS)
        return replace(
            found,
            boxes=found.boxes[kept],
            scores=found.scores[kept],
            classes=classes[kept],
            masks=tuple(found.masks[place] for place in kept),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the counterparts, the classes that are scored, and the classes left out on both sides."""
        named = zip(self.labels, self.counterparts, strict=True)
        return {
            "map": {name: other for name, other in named if other is not None},
            "scored": list(self.known),
            "not_scored": list(self.unknown),
            "left_out": list(self.left_out),
        }


def class_map_for(card: Card, class_names: Sequence[str]) -> ClassMap:
    """Return the class map of a model for a dataset with these classes.

    A map kept on the card comes first, then equal lists of classes, then names with the same meaning (`same_classes`).
    The map may be empty: see `require_known`.
    """
    kept = _kept_counterparts(card, class_names)
    if kept is not None:
        return of_counterparts(card.class_names, class_names, kept)
    if card.class_names == list(class_names):
        return ClassMap(tuple(class_names), tuple(class_names), tuple(range(len(class_names))))
    return by_name(card.class_names, class_names)


def by_place(class_names: Sequence[str], some: Sequence[str]) -> ClassMap:
    """Map classes of a dataset to some of them, by exact name."""
    place_of = {name: place for place, name in enumerate(some)}
    return ClassMap(tuple(class_names), tuple(some), tuple(place_of.get(name, NO_CLASS) for name in class_names))


def by_name(model_classes: Sequence[str], class_names: Sequence[str]) -> ClassMap:
    """Map classes whose names mean the same."""
    found = same_classes(model_classes, class_names)
    places = tuple(NO_CLASS if place is None else place for place in found)
    return ClassMap(tuple(model_classes), tuple(class_names), places)


def of_counterparts(
    model_classes: Sequence[str], class_names: Sequence[str], counterparts: Iterable[str | None]
) -> ClassMap:
    """Make a map from the dataset's name for each of the model's classes, or None."""
    place_of = {name: place for place, name in enumerate(class_names)}
    places = tuple(NO_CLASS if name is None else place_of[name] for name in counterparts)
    return ClassMap(tuple(model_classes), tuple(class_names), places)


def few(names: Sequence[str]) -> str:
    """List the first names in a sentence, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def used_names(model_classes: Sequence[str]) -> list[str]:
    """Return the names without those of numbers that mean no class."""
    return [name for name in model_classes if name != UNUSED]


def require_known(classes: ClassMap, model: str, dataset: str) -> ClassMap:
    """Return the map if at least one class of the model has a counterpart.

    Raises:
        CheckpointError: no class has; the message explains how to map them. It names `model` and `dataset`.
    """
    if classes.known:
        return classes
    count = len(classes.model_classes)
    ways = [f"a table of {count} numbers ({', '.join(tables)})"] if (tables := fitting_tables(count)) else []
    if count == len(classes.data_classes):
        ways.append(f"'{IN_ORDER}' if they are in the dataset's order")
    used = used_names(classes.model_classes)
    example = f"{used[0] if used else 0}={classes.data_classes[0]}"
    ways.append(f"pairs such as '{example}', or a YAML file of them")
    raise CheckpointError(
        f"{model} knows the classes {few(used)}; '{dataset}' has {few(classes.data_classes)}. None is "
        f"the same by name. Say which is which with --class-map, or on the page: {'; '.join(ways)}."
    )


def keep_class_map(folder: Path, dataset: str, classes: ClassMap) -> None:
    """Keep a map on a checkpoint's card, so that it need not be given again for these classes.

    Raises:
        CheckpointError: the card is broken, or would become too large.
        RunError: the folder cannot be written.
    """
    card = read_card(folder)
    write_card(folder, _keep_counterparts(card, dataset, classes.data_classes, classes.counterparts))


def map_in_words(classes: ClassMap, model: str, dataset: str) -> list[str]:
    """Describe renamed, left-out and unknown classes in sentences; empty if there are none."""
    sentences = []
    pairs = zip(classes.labels, classes.counterparts, strict=True)
    renamed = [f"{name} as {other}" for name, other in pairs if other not in (None, name)]
    if renamed:
        sentences.append(f"{model}: takes {few(renamed)}.")
    if classes.left_out:
        sentences.append(
            f"{model}: detections of {few(classes.left_out)} are left out, as '{dataset}' has no such class."
        )
    if classes.unknown:
        sentences.append(f"{model}: does not know {few(classes.unknown)}.")
    return sentences


def scored_in_words(scored: Sequence[str], class_names: Sequence[str], dataset: str) -> list[str]:
    """Say which classes the mean scores cover, unless it is all of the dataset's."""
    if len(scored) == len(class_names):
        return []
    return [f"Scores are means over {len(scored):,} of the {len(class_names):,} classes of '{dataset}': {few(scored)}."]


def _kept_counterparts(card: Card, class_names: Sequence[str]) -> list[str | None] | None:
    """Return the latest kept map for these classes: the dataset's name for each of the model's, or None."""
    fitting = (kept["counterparts"] for kept in reversed(card.class_maps) if kept["classes"] == list(class_names))
    return next(fitting, None)


def _keep_counterparts(card: Card, dataset: str, class_names: Sequence[str], counterparts: _Counterparts) -> Card:
    """Return the card with a class map for these classes, in place of an older one."""
    kept: dict[str, Any] = {"dataset": dataset, "classes": list(class_names), "counterparts": list(counterparts)}
    others = [other for other in card.class_maps if other["classes"] != kept["classes"]]
    return replace(card, class_maps=[*others, kept][-MAX_CLASS_MAPS:])
