"""Which objects all models see, which only some, one or none of them: in one image, and over a data set.

A model sees an object where a detection lies on it (mask IoU 0.5 or more), whatever class it names; what it is called
is the votes' matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from splitlab.evaluation.disagreement import ComparedImage, ComparedObject
from splitlab.evaluation.object_matches import NO_MATCH


class SeenBy(StrEnum):
    """How many of the models see an object; of two models there are never "some"."""

    ALL = "all"
    SOME = "some"
    ONE = "one"
    NONE = "none"


@dataclass(frozen=True)
class ShownObjects:
    """What of an image is to be shown.

    Attributes:
        labels: places of labelled objects.
        detections: of each model, places of its detections.
    """

    labels: frozenset[int]
    detections: Mapping[str, frozenset[int]]


def seen_by(image: ComparedImage, compared: ComparedObject) -> SeenBy:
    """Say how many of the image's models see one of its objects."""
    seeing = len(compared.votes)
    if seeing == 0:
        return SeenBy.NONE
    if seeing == len(image.models):
        return SeenBy.ALL
    return SeenBy.ONE if seeing == 1 else SeenBy.SOME


def shown_objects(image: ComparedImage, wanted: Collection[SeenBy]) -> ShownObjects:
    """Return the labels and detections of the objects that so many models see."""
    kept = [compared for compared in image.objects if seen_by(image, compared) in wanted]
    return ShownObjects(
        frozenset(compared.truth_index for compared in kept if compared.truth_index is not None),
        {
            model: frozenset(place for compared in kept for place in compared.members.get(model, ()))
            for model in image.models
        },
    )


def mean_iou(compared: ComparedObject) -> float | None:
    """Return the mean mask IoU over all pairs of models that see an object; None where fewer than two do."""
    return float(np.mean(list(compared.mask_iou.values()))) if compared.mask_iou else None


def class_votes(compared: ComparedObject) -> list[tuple[int, int]]:
    """Return the classes that models name and how many name each, most votes first."""
    return Counter(vote.class_index for vote in compared.votes.values()).most_common()


def objects_seen(images: Sequence[ComparedImage]) -> pd.DataFrame:
    """Return a row for each object of some images: image_id, truth_class, seen_by, said.

    `truth_class` is NO_MATCH where nothing is labelled; `said` holds the class that each model names, by the models'
    names, and nothing of those that do not see it.
    """
    rows = [
        (
            image.image_id,
            NO_MATCH if compared.truth_class is None else compared.truth_class,
            seen_by(image, compared),
            {model: vote.class_index for model, vote in compared.votes.items()},
        )
        for image in images
        for compared in image.objects
    ]
    return pd.DataFrame(rows, columns=["image_id", "truth_class", "seen_by", "said"])


def count_seen(objects: pd.DataFrame, classes: int) -> pd.DataFrame:
    """Count objects by class and by how many models see them.

    Args:
        objects: of `objects_seen`.
        classes: of the data set.

    Returns:
        A row for each class by its index, the last, NO_MATCH, for what nobody labelled; a column for each `SeenBy`,
        and `named_differently`: objects to which the models give more than one class.
    """
    counts = pd.crosstab(objects["truth_class"], objects["seen_by"])
    counts = counts.reindex(index=[*range(classes), NO_MATCH], columns=list(SeenBy), fill_value=0)
    differing = objects["said"].map(lambda said: len(set(said.values())) > 1).astype("int64")
    counts["named_differently"] = differing.groupby(objects["truth_class"]).sum().reindex(counts.index, fill_value=0)
    return counts.astype("int64")
