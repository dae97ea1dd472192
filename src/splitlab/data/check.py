"""Look through a data set for whatever would spoil training or scores."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splitlab.data.check_image import find_image_problems
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.image_counts import count_images
from splitlab.data.problem import Problem, ProblemKind, count_kinds
from splitlab.data.progress import Progress, no_progress


@dataclass(frozen=True, slots=True)
class SubsetCounts:
    """What a subset has.

    Attributes:
        images: photos that can be read.
        objects: targets, so crowds are not among them.
        objects_by_class: class name to its targets.
        images_with_masks: those with targets that all have a mask.
        images_with_boxes_only: those with a target that has none.
        images_background: those that were labelled and show no target.
        images_unlabelled: those that nobody labelled; no split draws them.
        images_broken: those with labels that cannot be read; no split draws them. Every image is in one of these five.
        images_with_some_masks: those of them with a target that has one; their masks are used by no split.
        images_without_objects: those with no target, labelled or not.
        crowds: regions of many objects.
        difficult: targets that are left out of a YOLO's W.
    """

    images: int
    objects: int
    objects_by_class: dict[str, int]
    images_with_masks: int
    images_with_boxes_only: int
    images_background: int
    images_unlabelled: int
    images_broken: int
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
        return {
            "name": self.name,
            "train": asdict(self.train),
            "val": asdict(self.val),
            "problem_counts": count_kinds(self.problems),
            "problems": [asdict(problem) for problem in self.problems],
        }


def check_dataset(data: TrainVal, progress: Progress = no_progress) -> Check:
    """Open every photo and every mask, one image at a time, and list what is wrong, kind by kind.

    No file that is missing or broken ends it: it is a problem in the list, and so is what the reader could not read.

    Args:
        data: the data set.
        progress: told of every image.
    """
    problems: list[Problem] = []
    for subset, dataset in (("train", data.train), ("val", data.val)):
        problems += dataset.problems
        problems += _find_repeats(dataset)
        problems += find_empty_classes(dataset, subset)
        for done, image in enumerate(dataset.images, start=1):
            problems += find_image_problems(image)
            progress(f"check {subset}", done, len(dataset.images))
    problems += _find_leaks(data)
    order = list(ProblemKind)
    by_kind = sorted(dict.fromkeys(problems), key=lambda problem: order.index(problem.kind))
    return Check(data.train.name, _count(data.train), _count(data.val), tuple(by_kind))


def _count(dataset: Dataset) -> SubsetCounts:
    targets = [label for image in dataset.images for label in image.targets]
    by_class = Counter(label.class_index for label in targets)
    counts = count_images(dataset)
    partly = sum(not image.can_be_full and any(label.mask for label in image.targets) for image in dataset.images)
    empty = sum(not image.targets for image in dataset.images)
    return SubsetCounts(
        images=len(dataset.images),
        objects=len(targets),
        objects_by_class={name: by_class[index] for index, name in enumerate(dataset.class_names)},
        images_with_masks=counts.masks,
        images_with_boxes_only=counts.boxes,
        images_background=counts.background,
        images_unlabelled=counts.unlabelled,
        images_broken=counts.broken,
        images_with_some_masks=partly,
        images_without_objects=empty,
        crowds=sum(label.is_crowd for image in dataset.images for label in image.objects),
        difficult=sum(label.is_difficult for label in targets),
    )


def find_empty_classes(dataset: Dataset, subset: str) -> Iterator[Problem]:
    """Find the classes that have nothing to learn or to find, and say whether they are all crowd regions.

    Args:
        dataset: one part of a data set.
        subset: what messages call it, "train" or "val".
    """
    labels = Counter((label.class_index, label.is_crowd) for image in dataset.images for label in image.objects)
    for index, name in enumerate(dataset.class_names):
        crowds = labels[index, True]
        if labels[index, False]:
            continue
        if crowds:
            what = f"all {crowds:,} objects of class '{name}' in {subset} are crowd regions (iscrowd 1), so no targets"
            way_out = f"If each is one object, say so: splitlab data read-as {dataset.as_argument} --crowds objects"
            yield Problem(ProblemKind.ONLY_CROWDS, dataset.name, what, way_out)
        else:
            what = f"class '{name}' has no object in {subset}"
            yield Problem(ProblemKind.NO_OBJECT, dataset.name, what, "Label some, or take the class out.")


def _find_repeats(dataset: Dataset) -> Iterator[Problem]:
    first: dict[Path, object] = {}
    for image in dataset.images:
        path = image.path.absolute()
        if path in first:
            what = f"is labelled twice, as image {first[path]} and as image {image.image_id}"
            yield Problem(ProblemKind.PHOTO_TWICE, str(image.path), what, "Put all its labels under one image.")
        first.setdefault(path, image.image_id)


def _find_leaks(data: TrainVal) -> Iterator[Problem]:
    """Find photos of equal bytes in train and val; only those of equal length need be read."""
    train, val = ({image.path: _length(image.path) for image in dataset.images} for dataset in (data.train, data.val))
    shared = (set(train.values()) & set(val.values())) - {None}
    twins = {_sha256(path): path for path, length in train.items() if length in shared}
    for path, length in val.items():
        digest = _sha256(path) if length in shared else None
        if digest is not None and digest in twins:
            what = f"is the same photo as {twins[digest]} in train"
            yield Problem(ProblemKind.LEAK, str(path), what, "Take one of them out.")


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
