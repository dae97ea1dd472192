"""Compare models on the same images: scores, errors, curves, and the differences in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from splitlab.checkpoints.checkpoint import Card
from splitlab.data.dataset import Dataset
from splitlab.errors import SettingsError
from splitlab.evaluation.class_map import ClassMap, map_in_words, scored_in_words
from splitlab.evaluation.curves import ApCost, Calibration, ap_cost_of_errors, calibration, precision_recall_curves
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.disagreement import ComparedImage, ComparedObject, Vote, compare_dataset, rank_by_disagreement
from splitlab.evaluation.errors_by_kind import (
    Confusion,
    confusion_of_pairs,
    confusion_pairs,
    count_errors,
    error_table,
    errors_of_dataset,
)
from splitlab.evaluation.known_classes import detections_of_classes, shared_classes, view_of_classes
from splitlab.evaluation.matches import ErrorKind, ImageOverlaps, overlaps_of_dataset
from splitlab.evaluation.scores import (
    Estimate,
    Scores,
    class_confusion_rate,
    evaluate_detections,
    mean_boundary_iou,
    mean_mask_iou,
    scores_of_objects,
)

MIN_SCORE = 0.25

_MOST_PHRASES = 3
_NOTABLE_IOU_GAP = 0.05


@dataclass(frozen=True)
class CompareSettings:
    """The minimum score of detections to look at; AP and its curves always use all."""

    min_score: float = MIN_SCORE

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise SettingsError(f"min_score is {self.min_score}: give a score in 0..1, such as {MIN_SCORE}.")


@dataclass(frozen=True)
class Seen:
    """A model and its detections on a dataset.

    Attributes:
        card: of the model.
        weights_hash: sha256 of its weights.
        detections: one entry per image in the dataset's order, with the dataset's class numbers, of all scores.
        classes: maps the model's classes to the dataset's; None if they are equal.
    """

    card: Card
    weights_hash: str
    detections: Sequence[ImageDetections]
    classes: ClassMap | None = None


@dataclass(frozen=True)
class Measured:
    """The measurements of a model that do not depend on a minimum score.

    Attributes:
        overlaps: of its masks with the labels.
        scores: AP of masks and boxes, overall and by class.
        ap_cost: the AP that each kind of error costs at IoU 0.5.
        curves: precision against recall of masks.
    """

    overlaps: tuple[ImageOverlaps, ...]
    scores: Scores
    ap_cost: ApCost
    curves: pd.DataFrame


@dataclass(frozen=True)
class Mistakes:
    """What a model gets right and wrong with its detections above a score.

    Attributes:
        errors: a row for each detection that counts and each missed object, see `error_table`.
        counts: of them by kind.
        objects: a row for each labelled object, see `scores_of_objects`.
        class_confusion, mask_iou, boundary_iou: the means of Observations 5 and 6 with intervals.
        pairs: true against predicted class, see `confusion_pairs`; `confusion` counts them.
        calibration: how scores relate to the share of right detections.
    """

    errors: pd.DataFrame
    counts: dict[ErrorKind, int]
    objects: pd.DataFrame
    class_confusion: Estimate
    mask_iou: Estimate
    boundary_iou: Estimate
    pairs: pd.DataFrame
    confusion: Confusion
    calibration: Calibration


@dataclass(frozen=True)
class ComparedModel:
    """One model of a comparison."""

    name: str
    seen: Seen
    measured: Measured
    mistakes: Mistakes


@dataclass(frozen=True)
class Comparison:
    """Models on one dataset.

    Attributes:
        dataset: restricted to the classes that all models know; means over different classes are not comparable.
        settings: the minimum score.
        models: the detections and mistakes of each.
        ranking: the images, those where the models differ most first.
        whole: the dataset with all its classes.
    """

    dataset: Dataset
    settings: CompareSettings
    models: tuple[ComparedModel, ...]
    ranking: tuple[ComparedImage, ...]
    whole: Dataset


def compare(models: Mapping[str, Seen], dataset: Dataset, settings: CompareSettings) -> Comparison:
    """Compare models, given by name, over the classes that all of them know.

    Raises:
        CheckpointError: the models share no class.
        DataError: detections are of another dataset.
    """
    models, view = on_shared_classes(models, dataset)
    compared = []
    for name, seen in models.items():
        measured = measure(seen.detections, view)
        compared.append(ComparedModel(name, seen, measured, find_mistakes(seen, measured, view, settings)))
    return Comparison(view, settings, tuple(compared), rank(models, view, settings), dataset)


def on_shared_classes(models: Mapping[str, Seen], dataset: Dataset) -> tuple[Mapping[str, Seen], Dataset]:
    """Restrict models and dataset to the classes that all models know.

    Raises:
        CheckpointError: the models share no class.
    """
    known = {name: dataset.class_names if seen.classes is None else seen.classes.known for name, seen in models.items()}
    shared = shared_classes(known, dataset)
    if shared == dataset.class_names:
        return models, dataset
    view = view_of_classes(dataset, shared)
    of_shared = {
        name: replace(seen, detections=detections_of_classes(seen.detections, dataset.class_names, shared))
        for name, seen in models.items()
    }
    return of_shared, view


def classes_in_words(comparison: Comparison) -> list[str]:
    """Describe in sentences which classes of the models are mapped, left out or unknown; often empty."""
    whole = comparison.whole
    sentences = []
    for model in comparison.models:
        if model.seen.classes is not None:
            sentences += map_in_words(model.seen.classes, model.name, whole.name)
    return sentences + scored_in_words(comparison.dataset.class_names, whole.class_names, whole.name)


def measure(detections: Sequence[ImageDetections], dataset: Dataset) -> Measured:
    """Score a model's detections and measure what its errors cost."""
    overlaps = overlaps_of_dataset(dataset, detections)
    classes = len(dataset.class_names)
    return Measured(
        tuple(overlaps),
        evaluate_detections(dataset, detections),
        ap_cost_of_errors(overlaps, classes),
        precision_recall_curves(overlaps, classes),
    )


def find_mistakes(seen: Seen, measured: Measured, dataset: Dataset, settings: CompareSettings) -> Mistakes:
    """Determine the outcome of each detection above a score, and of each object."""
    overlaps = [image.above(settings.min_score) for image in measured.overlaps]
    errors = error_table(overlaps, errors_of_dataset(overlaps))
    objects = scores_of_objects(dataset, seen.detections, overlaps)
    pairs = confusion_pairs(overlaps)
    return Mistakes(
        errors,
        count_errors(errors),
        objects,
        class_confusion_rate(objects),
        mean_mask_iou(objects),
        mean_boundary_iou(objects),
        pairs,
        confusion_of_pairs(pairs, len(dataset.class_names)),
        calibration(overlaps),
    )


def rank(models: Mapping[str, Seen], dataset: Dataset, settings: CompareSettings) -> tuple[ComparedImage, ...]:
    """Sort the images so that those where the models differ most come first."""
    found = {name: seen.detections for name, seen in models.items()}
    return tuple(rank_by_disagreement(compare_dataset(dataset, found, settings.min_score)))


def short_names(cards: Sequence[Card]) -> list[str]:
    """Name models by their splits, as the paper does, and by split and name where splits are equal."""
    splits = Counter(card.split_name for card in cards)
    names = [card.split_name if splits[card.split_name] == 1 else f"{card.split_name} ({card.name})" for card in cards]
    repeats = Counter(names)
    return [name if repeats[name] == 1 else f"{name} [{place}]" for place, name in enumerate(names, start=1)]


def difference_in_words(image: ComparedImage, class_names: Sequence[str]) -> str:
    """Describe the three most important differences: classes first, then objects that some miss, then outlines."""
    names = [name.replace("_", " ") for name in class_names]
    phrases = [
        phrase
        for describe in (_classes, _sight, _outline)
        for compared in image.objects
        for phrase in describe(image, compared, names)
    ]
    if phrases:
        return "; ".join(phrases[:_MOST_PHRASES]) + "."
    if not image.objects:
        return "Nothing is labelled here, and no model sees anything."
    return "All models see the same."


def _classes(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> list[str]:
    if compared.truth_class is None or len(compared.classes) < 2:
        return []
    what = _the_object(image, compared, names)
    return [
        f"{_listed(list(votes))} {'calls' if len(votes) == 1 else 'call'} {what} {_a(names[index])} ({_scores(votes)})"
        for index, votes in _votes_by_class(compared).items()
        if index != compared.truth_class
    ]


def _the_object(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> str:
    alike = sum(other.truth_class == compared.truth_class for other in image.objects)
    return f"{'the' if alike == 1 else 'one'} {names[compared.truth_class or 0]}"


def _listed(models: Sequence[str]) -> str:
    return models[0] if len(models) == 1 else f"{', '.join(models[:-1])} and {models[-1]}"


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _scores(votes: Mapping[str, Vote]) -> str:
    return ", ".join(f"{vote.score:.2f}" for vote in votes.values())


def _votes_by_class(compared: ComparedObject) -> dict[int, dict[str, Vote]]:
    by_class: dict[int, dict[str, Vote]] = {}
    for model, vote in compared.votes.items():
        by_class.setdefault(vote.class_index, {})[model] = vote
    return by_class


def _sight(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> list[str]:
    blind = [model for model in image.models if model not in compared.votes]
    if compared.truth_class is None:
        return _unlabelled(compared, names) if image.differ_on(compared) else []
    if not blind or not compared.votes:
        return []
    what = _the_object(image, compared, names)
    if len(compared.votes) == 1 and len(blind) > 1:
        return [_only_one(compared, what, names)]
    return [f"{_listed(blind)} {'misses' if len(blind) == 1 else 'miss'} {what}"]


def _unlabelled(compared: ComparedObject, names: Sequence[str]) -> list[str]:
    return [
        f"{_listed(list(votes))} {'sees' if len(votes) == 1 else 'see'} {_a(names[index])} ({_scores(votes)}) "
        "that fits no labelled object"
        for index, votes in _votes_by_class(compared).items()
    ]


def _only_one(compared: ComparedObject, what: str, names: Sequence[str]) -> str:
    ((model, vote),) = compared.votes.items()
    if vote.class_index == compared.truth_class:
        return f"only {model} finds {what}"
    return f"only {model} sees {what}, and calls it {_a(names[vote.class_index])} ({vote.score:.2f})"


def _outline(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> list[str]:
    ranked = sorted(compared.votes.items(), key=lambda item: -_truth_iou(item[1]))
    if compared.truth_class is None or len(ranked) < 2:
        return []
    (best, best_vote), (_, worst_vote) = ranked[0], ranked[-1]
    if _truth_iou(best_vote) - _truth_iou(worst_vote) < _NOTABLE_IOU_GAP:
        return []
    degree = "better" if len(ranked) == 2 else "best"
    others = "" if len(ranked) == 2 else "as little as "
    return [
        f"{best} has the {degree} outline of {_the_object(image, compared, names)}, "
        f"IoU {_truth_iou(best_vote):.2f} against {others}{_truth_iou(worst_vote):.2f}"
    ]


def _truth_iou(vote: Vote) -> float:
    return vote.truth_iou if vote.truth_iou is not None else 0.0
