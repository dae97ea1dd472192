"""One sentence that says what several models see differently in an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from splitlab.evaluation.disagreement import ComparedImage, ComparedObject, Vote

MOST_PHRASES = 3
TELLING_IOU_GAP = 0.05


def difference_in_words(image: ComparedImage, class_names: Sequence[str]) -> str:
    """Say what differs: classes first, then objects that not all see, then outlines; the three most telling things.

    Args:
        image: what the models see.
        class_names: of the data set.
    """
    names = [name.replace("_", " ") for name in class_names]
    told = [
        phrase
        for tell in (_classes, _sight, _outline)
        for compared in image.objects
        for phrase in tell(image, compared, names)
    ]
    if told:
        return "; ".join(told[:MOST_PHRASES]) + "."
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


def _only_one(compared: ComparedObject, what: str, names: Sequence[str]) -> str:
    ((model, vote),) = compared.votes.items()
    if vote.class_index == compared.truth_class:
        return f"only {model} finds {what}"
    return f"only {model} sees {what}, and calls it {_a(names[vote.class_index])} ({vote.score:.2f})"


def _unlabelled(compared: ComparedObject, names: Sequence[str]) -> list[str]:
    return [
        f"{_listed(list(votes))} {'sees' if len(votes) == 1 else 'see'} {_a(names[index])} ({_scores(votes)}) "
        "that fits no labelled object"
        for index, votes in _votes_by_class(compared).items()
    ]


def _outline(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> list[str]:
    ranked = sorted(compared.votes.items(), key=lambda item: -_truth_iou(item[1]))
    if compared.truth_class is None or len(ranked) < 2:
        return []
    (best, best_vote), (_, worst_vote) = ranked[0], ranked[-1]
    if _truth_iou(best_vote) - _truth_iou(worst_vote) < TELLING_IOU_GAP:
        return []
    degree = "better" if len(ranked) == 2 else "best"
    others = "" if len(ranked) == 2 else "as little as "
    return [
        f"{best} has the {degree} outline of {_the_object(image, compared, names)}, "
        f"IoU {_truth_iou(best_vote):.2f} against {others}{_truth_iou(worst_vote):.2f}"
    ]


def _truth_iou(vote: Vote) -> float:
    return vote.truth_iou if vote.truth_iou is not None else 0.0


def _votes_by_class(compared: ComparedObject) -> dict[int, dict[str, Vote]]:
    by_class: dict[int, dict[str, Vote]] = {}
    for model, vote in compared.votes.items():
        by_class.setdefault(vote.class_index, {})[model] = vote
    return by_class


def _scores(votes: Mapping[str, Vote]) -> str:
    return ", ".join(f"{vote.score:.2f}" for vote in votes.values())


def _the_object(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> str:
    alike = sum(other.truth_class == compared.truth_class for other in image.objects)
    return f"{'the' if alike == 1 else 'one'} {names[compared.truth_class or 0]}"


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _listed(models: Sequence[str]) -> str:
    return models[0] if len(models) == 1 else f"{', '.join(models[:-1])} and {models[-1]}"
