"""Where models differ: objects that some find and others miss, and how they are classified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask

from splitlab.data.dataset import Dataset, ImageId, ImageLabels
from splitlab.evaluation.detections import ImageDetections, mask_regions
from splitlab.evaluation.matches import FOUND_IOU, NO_MATCH, BoolArray, IntArray, IouArray, overlaps_of_image
from splitlab.geometry import Rle


@dataclass(frozen=True)
class Vote:
    """One model's detection of one object.

    Attributes:
        detection: its index among the model's detections of the image.
        class_index: the predicted class.
        score: 0..1.
        truth_iou: mask IoU with the labelled object; None for unlabelled objects.
        mask: its mask.
    """

    detection: int
    class_index: int
    score: float
    truth_iou: float | None
    mask: Rle


@dataclass(frozen=True)
class ComparedObject:
    """One object, labelled or only detected by models.

    Attributes:
        truth_index: its index among the image's labelled objects; None if it is not labelled.
        truth_class: its true class; None likewise.
        votes: the best detection of each model that detects the object.
        members: the indices of all detections on the object, by model.
        mask_iou: between each two models that detect it, by their names in the order compared.
    """

    truth_index: int | None
    truth_class: int | None
    votes: Mapping[str, Vote]
    members: Mapping[str, tuple[int, ...]]
    mask_iou: Mapping[tuple[str, str], float]

    @property
    def classes(self) -> set[int]:
        """The classes that the models predict."""
        return {vote.class_index for vote in self.votes.values()}


@dataclass(frozen=True)
class ComparedImage:
    """The objects that N models detect in one image, labelled ones first."""

    image_id: ImageId
    models: tuple[str, ...]
    objects: tuple[ComparedObject, ...]

    @property
    def disagreement(self) -> float:
        """How much the models differ, 0..2.

        The share of objects that only some models detect or classify differently, plus 1 minus the mean mask IoU over
        all pairs of models that detect the same object.
        """
        if not self.objects:
            return 0.0
        differing = [self.differ_on(compared) for compared in self.objects]
        overlaps = [iou for compared in self.objects for iou in compared.mask_iou.values()]
        return float(np.mean(differing)) + (1 - float(np.mean(overlaps)) if overlaps else 0.0)

    def differ_on(self, compared: ComparedObject) -> bool:
        """Return whether only some models detect the object, or they predict different classes."""
        return 0 < len(compared.votes) < len(self.models) or len(compared.classes) > 1


class SeenBy(StrEnum):
    """How many models detect an object; with two models never "some"."""

    ALL = "all"
    SOME = "some"
    ONE = "one"
    NONE = "none"


@dataclass(frozen=True)
class ShownObjects:
    """The parts of an image to show.

    Attributes:
        labels: indices of labelled objects.
        detections: indices of each model's detections.
    """

    labels: frozenset[int]
    detections: Mapping[str, frozenset[int]]


def compare_dataset(
    dataset: Dataset, found: Mapping[str, Sequence[ImageDetections]], min_score: float
) -> list[ComparedImage]:
    """Compare models on every image; the detections of each are in the order of `dataset.images`.

    Raises:
        DataError: detections are of images of other sizes.
    """
    return [
        compare_image(labels, {model: of_model[place] for model, of_model in found.items()}, min_score)
        for place, labels in enumerate(dataset.images)
    ]


def rank_by_disagreement(images: Sequence[ComparedImage]) -> list[ComparedImage]:
    """Sort images by falling disagreement; equal ones keep their order."""
    return sorted(images, key=lambda image: -image.disagreement)


def compare_image(labels: ImageLabels, found: Mapping[str, ImageDetections], min_score: float) -> ComparedImage:
    """Group the detections of N models with a score of `min_score` or more into objects.

    Detections in crowds, and in boxes of objects without a mask, are left out.

    Raises:
        DataError: the detections are of an image of another size.
    """
    pooled = _pool(labels, found, min_score)
    groups = _groups(pooled)
    objects = [
        _compared(pooled, groups == index, index, label.class_index)
        for index, label in enumerate(labels.objects)
        if not pooled.regions[index]
    ]
    unlabelled = range(len(labels.objects), int(groups.max(initial=NO_MATCH)) + 1)
    objects += [_compared(pooled, groups == group, None, None) for group in unlabelled]
    return ComparedImage(labels.image_id, tuple(found), tuple(objects))


def seen_by(image: ComparedImage, compared: ComparedObject) -> SeenBy:
    """Return how many models detect an object."""
    seeing = len(compared.votes)
    if seeing == 0:
        return SeenBy.NONE
    if seeing == len(image.models):
        return SeenBy.ALL
    return SeenBy.ONE if seeing == 1 else SeenBy.SOME


def shown_objects(image: ComparedImage, wanted: Collection[SeenBy]) -> ShownObjects:
    """Return the labels and detections of the objects that this many models detect."""
    kept = [compared for compared in image.objects if seen_by(image, compared) in wanted]
    return ShownObjects(
        frozenset(compared.truth_index for compared in kept if compared.truth_index is not None),
        {
            model: frozenset(place for compared in kept for place in compared.members.get(model, ()))
            for model in image.models
        },
    )


def mean_iou(compared: ComparedObject) -> float | None:
    """Return the mean mask IoU over pairs of models that detect an object; None if fewer than two do."""
    return float(np.mean(list(compared.mask_iou.values()))) if compared.mask_iou else None


def class_votes(compared: ComparedObject) -> list[tuple[int, int]]:
    """Return the predicted classes and how many models predict each, most votes first."""
    return Counter(vote.class_index for vote in compared.votes.values()).most_common()


def objects_seen(images: Sequence[ComparedImage]) -> pd.DataFrame:
    """Return a row for each object of some images: image_id, truth_class, seen_by, said.

    `truth_class` is NO_MATCH for unlabelled objects; `said` has the predicted class of each model that detects it.
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
    """Count the rows of `objects_seen` by class and by how many models detect the object.

    Returns:
        A row for each class index, and one with index NO_MATCH for unlabelled objects; a column for each `SeenBy`, and
        `named_differently`: objects for which the models predict different classes.
    """
    counts = pd.crosstab(objects["truth_class"], objects["seen_by"])
    counts = counts.reindex(index=[*range(classes), NO_MATCH], columns=list(SeenBy), fill_value=0)
    differing = objects["said"].map(lambda said: len(set(said.values())) > 1).astype("int64")
    counts["named_differently"] = differing.groupby(objects["truth_class"]).sum().reindex(counts.index, fill_value=0)
    return counts.astype("int64")


def _pool(labels: ImageLabels, found: Mapping[str, ImageDetections], min_score: float) -> _Pool:
    models: list[str] = []
    votes: list[Vote] = []
    overlaps = {model: overlaps_of_image(labels, of_model).above(min_score) for model, of_model in found.items()}
    for model, image in overlaps.items():
        models += [model] * len(image.places)
        votes += [
            Vote(int(place), int(class_index), float(score), None, found[model].masks[place])
            for place, class_index, score in zip(image.places, image.classes, image.scores, strict=True)
        ]
    iou = np.concatenate([np.zeros((0, len(labels.objects))), *(image.iou for image in overlaps.values())])
    return _Pool(models, votes, iou, mask_regions(labels))


@dataclass(frozen=True)
class _Pool:
    """The P detections of all models in an image with G labelled objects."""

    models: list[str]  # P names
    votes: list[Vote]  # P detections
    iou: IouArray  # (P, G)
    regions: BoolArray  # (G,), crowds and objects without a mask


def _groups(pooled: _Pool) -> IntArray:
    """Assign each detection a labelled object, or a number from G up; NO_MATCH in a region."""
    truth_iou = np.where(pooled.regions, 0, pooled.iou)
    on_truth = truth_iou.max(axis=1, initial=0) >= FOUND_IOU
    in_region = np.where(pooled.regions, pooled.iou, 0).max(axis=1, initial=0) >= FOUND_IOU
    groups = np.full(len(pooled.votes), NO_MATCH, np.int64)
    if on_truth.any():
        groups[on_truth] = truth_iou[on_truth].argmax(axis=1)
    rest = np.flatnonzero(~on_truth & ~in_region)
    if rest.size:
        groups[rest] = len(pooled.regions) + _clusters([pooled.votes[row] for row in rest])
    return groups


def _clusters(votes: Sequence[Vote]) -> IntArray:
    """Number votes from 0: the best-scoring one takes all free ones that overlap it, and so on."""
    masks = [vote.mask for vote in votes]
    together = coco_mask.iou(masks, masks, [0] * len(masks)) >= FOUND_IOU
    clusters = np.full(len(votes), NO_MATCH, np.int64)
    for seed in sorted(range(len(votes)), key=lambda row: -votes[row].score):
        if clusters[seed] == NO_MATCH:
            taken = together[seed] & (clusters == NO_MATCH)
            taken[seed] = True
            clusters[taken] = clusters.max() + 1
    return clusters


def _compared(pooled: _Pool, members: BoolArray, truth_index: int | None, truth_class: int | None) -> ComparedObject:
    best: dict[str, Vote] = {}
    places: dict[str, tuple[int, ...]] = {}
    for row in np.flatnonzero(members):
        vote = pooled.votes[row]
        if truth_index is not None:
            vote = replace(vote, truth_iou=float(pooled.iou[row, truth_index]))
        model = pooled.models[row]
        places[model] = (*places.get(model, ()), vote.detection)
        if model not in best or vote.score > best[model].score:
            best[model] = vote
    return ComparedObject(truth_index, truth_class, best, places, _pair_iou(best))


def _pair_iou(votes: Mapping[str, Vote]) -> dict[tuple[str, str], float]:
    masks = [vote.mask for vote in votes.values()]
    iou = coco_mask.iou(masks, masks, [0] * len(masks))
    return {
        (first, second): float(iou[row, column]) for (row, first), (column, second) in combinations(enumerate(votes), 2)
    }
