"""The class maps that a checkpoint's card keeps: what its classes are called in data sets with other class names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from splitlab.runs.checkpoint import MAX_CLASS_MAPS, Card

Counterparts = Sequence[str | None]


def kept_counterparts(card: Card, class_names: Sequence[str]) -> list[str | None] | None:
    """Return what each of the model's classes is called in a data set with these classes; None where none is kept.

    A class without a counterpart is None. The latest map counts.
    """
    fitting = (kept["counterparts"] for kept in reversed(card.class_maps) if kept["classes"] == list(class_names))
    return next(fitting, None)


def keep_counterparts(card: Card, dataset: str, class_names: Sequence[str], counterparts: Counterparts) -> Card:
    """Return the card with a class map for data sets with these classes, in the place of an older one.

    Args:
        card: the model's.
        dataset: the name of the data set that it was made for.
        class_names: the data set's classes, in its order.
        counterparts: one of them for each of the model's classes, or None.

    Raises:
        CheckpointError: they do not belong together.
    """
    kept: dict[str, Any] = {"dataset": dataset, "classes": list(class_names), "counterparts": list(counterparts)}
    others = [other for other in card.class_maps if other["classes"] != kept["classes"]]
    return replace(card, class_maps=[*others, kept][-MAX_CLASS_MAPS:])
