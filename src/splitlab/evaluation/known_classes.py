"""Detections and labels of some classes of a dataset: those that a model, or every model, knows.

Opens without torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from splitlab.data.classes import only_classes
from splitlab.data.dataset import Dataset
from splitlab.errors import CheckpointError
from splitlab.evaluation.class_map import by_place, few
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.scores import THRESHOLDS, Scores, evaluate_detections


def shared_classes(known: Mapping[str, Collection[str]], dataset: Dataset) -> tuple[str, ...]:
    """Return the classes of a dataset that every model knows, in its order.

    Raises:
        CheckpointError: the models share none.
    """
    shared = tuple(name for name in dataset.class_names if all(name in of_model for of_model in known.values()))
    if not shared:
        stated = "; ".join(f"{model} knows {few(list(of_model))}" for model, of_model in known.items())
        raise CheckpointError(
            f"There is no class of '{dataset.name}' that all models know, so they cannot be compared: {stated}. "
            "Compare fewer of them."
        )
    return shared


def view_of_classes(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Restrict a dataset to the classes `names`, given in its order; its name states how many they are."""
    name = f"{dataset.name} ({len(names)} of {len(dataset.class_names)} classes)"
    return replace(only_classes(dataset, names), name=name)


def detections_of_classes(
    detections: Sequence[ImageDetections], class_names: tuple[str, ...], names: tuple[str, ...]
) -> list[ImageDetections]:
    """Keep the detections of the classes `names`, renumbered by their place in `names`."""
    classes = by_place(class_names, names)
    return [classes.apply(found) for found in detections]


def evaluate_known(dataset: Dataset, detections: Sequence[ImageDetections], known: tuple[str, ...]) -> Scores:
    """Score detections as `evaluate_detections` does, but only over the classes that the model knows.

    The AP of an unknown class is None: 0 would mean that the model searched for it and failed. Detections are in the
    order of the images and have the dataset's class numbers; `known` is in the dataset's order.
    """
    if len(known) == len(dataset.class_names):
        return evaluate_detections(dataset, detections)
    scores = evaluate_detections(
        view_of_classes(dataset, known), detections_of_classes(detections, dataset.class_names, known)
    )
    for of_kind in scores.values():
        of_known = of_kind["per_class"]
        of_kind["per_class"] = {name: of_known.get(name, dict.fromkeys(THRESHOLDS)) for name in dataset.class_names}
    return scores
