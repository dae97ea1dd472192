"""Check before a training run starts that it can learn from the split and be scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from splitlab.data.check import find_empty_classes
from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    LabelState,
    ProblemKind,
    TrainVal,
    count_images,
    only_crowds_in_words,
)
from splitlab.data.images import find_photo_problem
from splitlab.data.split import Split
from splitlab.errors import DataError, SplitError

Part = Literal["train", "val"]
PARTS: tuple[Part, ...] = ("train", "val")


def refuse_unfit(data: TrainVal, split: Split) -> None:
    """Check that the images of a split are labelled, readable and show objects, and that val can be scored.

    Only the headers of photos are read.

    Raises:
        SplitError: an image of the split has no labels, or no image shows an object.
        DataError: a photo is missing or broken, or val cannot be scored.
    """
    drawn = data.train.select((*split.full, *split.weak))
    _refuse_unlabelled(drawn, data.train)
    if not any(image.targets for image in drawn):
        raise SplitError(
            only_crowds_in_words(data.train) or f"No image of the split {split.name} shows an object. Draw it again."
        )
    refuse_unscorable(data.val)
    _refuse_photos((*drawn, *data.val.images))


def with_scorable_val(data: TrainVal) -> TrainVal:
    """Leave images out of val whose labels cannot be read: scores on the others stay right."""
    images = tuple(image for image in data.val.images if image.state != LabelState.BROKEN)
    return data if len(images) == len(data.val.images) else replace(data, val=replace(data.val, images=images))


def refuse_unscorable(dataset: Dataset) -> None:
    """Raise DataError if scores on a dataset would be wrong: it is empty, labels are unreadable, or all are crowds."""
    if not dataset.images:
        raise DataError(
            f"'{dataset.name}' has no val part to score on. Cut one from train on the page Data, or run: splitlab "
            f"data cut {dataset.as_argument}"
        )
    broken = [image for image in dataset.images if image.state == LabelState.BROKEN]
    if broken:
        raise DataError(
            f"{len(broken):,} images of '{dataset.name}' have labels that cannot be read, so scores on it would be "
            f"wrong; the first is {broken[0].path}. Correct them: splitlab data check {dataset.as_argument}"
        )
    if only_crowds := only_crowds_in_words(dataset):
        raise DataError(only_crowds)


def refuse_undrawable(dataset: Dataset) -> None:
    """Raise SplitError if no split can be drawn, because no image has labels that can be read."""
    if not count_images(dataset).to_draw:
        raise SplitError(
            f"None of the {len(dataset.images):,} images of '{dataset.name}' has labels to train on. The page Data "
            f"says which to label first, and so does splitlab data plan-labels {dataset.as_argument} FOLDER."
        )


def refuse_without_val(data: TrainVal) -> None:
    """Raise an error if a dataset has no part to score on; it says what to do first.

    Raises:
        SplitError: no image has labels.
        DataError: images have labels, but none is val.
    """
    if not data.has_val:
        refuse_undrawable(data.train)
        refuse_unscorable(data.val)


def notes_on(data: TrainVal, parts: Sequence[Part] = PARTS) -> list[str]:
    """Return a sentence for each fault of these subsets that a user should know of."""
    used = {part: data.train if part == "train" else data.val for part in parts}
    notes = []
    unread = [problem for dataset in used.values() for problem in dataset.problems]
    if unread:
        command = f"splitlab data check {data.train.as_argument}"
        notes.append(
            f"{len(unread):,} entries of '{data.train.name}' cannot be read ({command} lists them). {unread[0]}"
        )
    crowds = [
        problem
        for part, dataset in used.items()
        for problem in find_empty_classes(dataset, part)
        if problem.kind == ProblemKind.ONLY_CROWDS
    ]
    return [*notes, *map(str, crowds)]


def _refuse_unlabelled(images: Sequence[ImageLabels], dataset: Dataset) -> None:
    for state, what, way_out in (
        (LabelState.NONE, "no labels", f"splitlab data read-as {dataset.as_argument} sets how such images are read."),
        (LabelState.BROKEN, "labels that cannot be read", f"splitlab data check {dataset.as_argument} lists them."),
    ):
        found = [image for image in images if image.state == state]
        if found:
            raise SplitError(
                f"Image {found[0].image_id} of the split has {what} ({len(found):,} of its images). "
                f"Draw another split; {way_out}"
            )


def _refuse_photos(images: Sequence[ImageLabels]) -> None:
    found = [find_photo_problem(image) for image in images]
    problems = [problem for problem in found if problem is not None]
    if problems:
        more = f" {len(problems) - 1:,} more photos have a fault." if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}")
