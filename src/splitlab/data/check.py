"""Look through a data set for whatever would spoil training or scores."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splitlab.data.check_image import Problem, find_image_problems
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.progress import Progress, no_progress


@dataclass(frozen=True, slots=True)
class SubsetCounts:
    """What a subset has.

    Attributes:
        images: labelled photos.
        objects: targets, so crowds are not among them.
        objects_by_class: class name to its targets.
        images_with_masks: those with targets that all have a mask.
        images_with_boxes_only: those with a target that has none.
        images_with_some_masks: those of them with a target that has one; their masks are used by no split.
        images_without_objects: those with no target.
        crowds: regions of many objects.
        difficult: targets that are left out of a YOLO's W.
    """

    images: int
    objects: int
    objects_by_class: dict[str, int]
    images_with_masks: int
    images_with_boxes_only: int
    images_with_some_masks: int
    images_without_objects: int
    crowds: int
    difficult: int


@dataclass(frozen=True, slots=True)
class Check:
    """What was found in a data set; without problems it is fit for training."""

    name: str
    train: SubsetCounts
    val: SubsetCounts
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as the command line shows it: plain dicts, lists, texts and numbers."""
        return {**asdict(self), "problems": [asdict(problem) for problem in self.problems]}


def check_dataset(data: TrainVal, progress: Progress = no_progress) -> Check:
    """Open every photo and every mask, one image at a time, and list what is wrong, file by file.

    No file that is missing or broken ends it: it is a problem in the list.

    Args:
        data: the data set.
        progress: told of every image.
    """
    problems: list[Problem] = []
    for subset, dataset in (("train", data.train), ("val", data.val)):
        problems += _find_repeats(dataset)
        problems += _find_empty_classes(dataset, subset)
        for done, image in enumerate(dataset.images, start=1):
            problems += find_image_problems(image)
            progress(f"check {subset}", done, len(dataset.images))
    problems += _find_leaks(data)
    return Check(data.train.name, _count(data.train), _count(data.val), tuple(problems))


def _count(dataset: Dataset) -> SubsetCounts:
    targets = [label for image in dataset.images for label in image.targets]
    by_class = Counter(label.class_index for label in targets)
    full = sum(bool(image.targets) and image.can_be_full for image in dataset.images)
    partly = sum(not image.can_be_full and any(label.mask for label in image.targets) for image in dataset.images)
    empty = sum(not image.targets for image in dataset.images)
    return SubsetCounts(
        images=len(dataset.images),
        objects=len(targets),
        objects_by_class={name: by_class[index] for index, name in enumerate(dataset.class_names)},
        images_with_masks=full,
        images_with_boxes_only=len(dataset.images) - full - empty,
        images_with_some_masks=partly,
        images_without_objects=empty,
        crowds=sum(label.is_crowd for image in dataset.images for label in image.objects),
        difficult=sum(label.is_difficult for label in targets),
    )


def _find_empty_classes(dataset: Dataset, subset: str) -> Iterator[Problem]:
    present = {label.class_index for image in dataset.images for label in image.targets}
    for index, name in enumerate(dataset.class_names):
        if index not in present:
            what = f"class '{name}' has no object in {subset}"
            yield Problem(dataset.name, what, "Label some, or take the class out.")


def _find_repeats(dataset: Dataset) -> Iterator[Problem]:
    first: dict[Path, object] = {}
    for image in dataset.images:
        path = image.path.absolute()
        if path in first:
            what = f"is labelled twice, as image {first[path]} and as image {image.image_id}"
            yield Problem(str(image.path), what, "Put all its labels under one image.")
        first.setdefault(path, image.image_id)


def _find_leaks(data: TrainVal) -> Iterator[Problem]:
    """Find photos of equal bytes in train and val; only those of equal length need be read."""
    train, val = ({image.path: _length(image.path) for image in dataset.images} for dataset in (data.train, data.val))
    shared = (set(train.values()) & set(val.values())) - {None}
    twins = {_sha256(path): path for path, length in train.items() if length in shared}
    for path, length in val.items():
        digest = _sha256(path) if length in shared else None
        if digest is not None and digest in twins:
            yield Problem(str(path), f"is the same photo as {twins[digest]} in train", "Take one of them out.")


def _length(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
