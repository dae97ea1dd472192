"""Detections and labels of some of a dataset's classes alone: those that a model, or every model, knows.

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
    """Return the dataset's classes that every model knows, in its order.

    Args:
        known: the classes each model knows, by the model's name.
        dataset: the dataset.

    Raises:
        CheckpointError: there is none.
    """
    shared = tuple(name for name in dataset.class_names if all(name in of_model for of_model in known.values()))
    if not shared:
        told = "; ".join(f"{model} knows {few(list(of_model))}" for model, of_model in known.items())
        raise CheckpointError(
            f"There is no class of '{dataset.name}' that all the models know, so nothing can be compared: {told}. "
            "Compare fewer of them."
        )
    return shared


def view_of_classes(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return a dataset with some of its classes alone; its name says how many they are.

    Args:
        dataset: the whole.
        names: some of its classes, in its order.
    """
    name = f"{dataset.name} ({len(names)} of {len(dataset.class_names)} classes)"
    return replace(only_classes(dataset, names), name=name)


def detections_of_classes(
    detections: Sequence[ImageDetections], class_names: tuple[str, ...], names: tuple[str, ...]
) -> list[ImageDetections]:
    """Return the detections of some classes alone, numbered by their places in `names`."""
    classes = by_place(class_names, names)
    return [classes.apply(found) for found in detections]


def evaluate_known(dataset: Dataset, detections: Sequence[ImageDetections], known: tuple[str, ...]) -> Scores:
    """Score detections as `evaluate_detections` does, over the classes alone that the model knows.

    A class that it does not know has no AP (None): 0 would say that the model had looked for it and failed.

    Args:
        dataset: what to score on.
        detections: in the order of its images, numbered as its classes are.
        known: the classes that the model knows, in the dataset's order.
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
