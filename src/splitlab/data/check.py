"""Check every photo and label of a dataset, and list what is wrong."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    IndexedMask,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
    count_images,
    count_kinds,
)
from splitlab.data.images import decode_size, find_photo_problem
from splitlab.data.masks import read_mask
from splitlab.errors import DataError
from splitlab.geometry import box_iou, rle_area, rle_to_xyxy
from splitlab.io import Progress, no_progress

# Labels often exceed the image by a fraction of a pixel.
_MARGIN_PIXELS = 1.0
_LEAST_BOX_IOU = 0.5


@dataclass(frozen=True, slots=True)
class SubsetCounts:
    """Counts of a subset. Each image is in exactly one of the five counts from `images_with_masks` on.

    Attributes:
        images: photos that can be read.
        objects: targets, without crowds.
        objects_by_class: targets of each class, by name.
        images_with_masks: all targets have masks.
        images_with_boxes_only: at least one target has no mask.
        images_background: labelled, without targets.
        images_unlabelled: not labelled; no split contains them.
        images_broken: some labels cannot be read; no split contains them.
        images_with_some_masks: at least one target has a mask, but the image cannot be in F, so the mask is not used.
        images_without_objects: no targets, labelled or not.
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
    """The result for a dataset; without problems it is ready for training."""

    name: str
    format: str
    train: SubsetCounts
    val: SubsetCounts
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists, texts and numbers for the command line."""
        return {
            "name": self.name,
            "format": self.format,
            "notes": list(self.notes),
            "train": asdict(self.train),
            "val": asdict(self.val),
            "problem_counts": count_kinds(self.problems),
            "problems": [asdict(problem) for problem in self.problems],
        }


def check_dataset(data: TrainVal, progress: Progress = no_progress) -> Check:
    """Open every photo and mask, one image at a time, and list all problems sorted by kind.

    Missing and broken files are listed, not raised, and so are entries that the reader could not read.
    """
    problems: list[Problem] = []
    for subset, dataset in (("train", data.train), ("val", data.val)):
        problems += dataset.problems
        problems += _find_repeated_photos(dataset)
        problems += find_empty_classes(dataset, subset) if dataset.images else ()
        for done, image in enumerate(dataset.images, start=1):
            problems += _find_image_problems(image)
            progress(f"check {subset}", done, len(dataset.images))
    problems += _find_leaks(data)
    order = list(ProblemKind)
    by_kind = sorted(dict.fromkeys(problems), key=lambda problem: order.index(problem.kind))
    return Check(data.train.name, data.format, _count(data.train), _count(data.val), tuple(by_kind), _notes(data))


def _notes(data: TrainVal) -> tuple[str, ...]:
    if data.has_val:
        return data.notes
    argument = data.train.as_argument
    if not data.train.images:
        missing = "There are no images."
    elif count_images(data.train).to_draw:
        missing = f"There is no val part. To cut one from train: splitlab data cut {argument}"
    else:
        missing = f"To choose what to label first: splitlab data plan-labels {argument} FOLDER --masks 50 --boxes 200"
    return (*data.notes, missing)


def find_empty_classes(dataset: Dataset, subset: str) -> Iterator[Problem]:
    """Find the classes of a subset without targets, and say whether they have only crowd regions.

    `subset` is its name in messages, "train" or "val".
    """
    labels = Counter((label.class_index, label.is_crowd) for image in dataset.images for label in image.objects)
    for index, name in enumerate(dataset.class_names):
        crowds = labels[index, True]
        if labels[index, False]:
            continue
        if crowds:
            what = f"all {crowds:,} objects of class '{name}' in {subset} are crowd regions (iscrowd 1), so not targets"
            way_out = f"If each is one object, run: splitlab data read-as {dataset.as_argument} --crowds objects"
            yield Problem(ProblemKind.ONLY_CROWDS, dataset.name, what, way_out)
        else:
            what = f"class '{name}' has no object in {subset}"
            yield Problem(ProblemKind.NO_OBJECT, dataset.name, what, "Label some, or remove the class.")


def _find_leaks(data: TrainVal) -> Iterator[Problem]:
    """Find photos with equal bytes in train and val; only files of equal length are read."""
    train, val = ({image.path: _length(image.path) for image in dataset.images} for dataset in (data.train, data.val))
    shared = (set(train.values()) & set(val.values())) - {None}
    twins = {_sha256(path): path for path, length in train.items() if length in shared}
    for path, length in val.items():
        digest = _sha256(path) if length in shared else None
        if digest is not None and digest in twins:
            what = f"is the same photo as {twins[digest]} in train"
            yield Problem(ProblemKind.LEAK, str(path), what, "Remove one of them.")


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _length(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _find_repeated_photos(dataset: Dataset) -> Iterator[Problem]:
    first: dict[Path, object] = {}
    for image in dataset.images:
        path = image.path.absolute()
        if path in first:
            what = f"is labelled twice, as image {first[path]} and as image {image.image_id}"
            yield Problem(ProblemKind.PHOTO_TWICE, str(image.path), what, "Put all its labels under one image.")
        first.setdefault(path, image.image_id)


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
        images_with_boxes_only=counts.half_masked + counts.boxes,
        images_background=counts.background,
        images_unlabelled=counts.unlabelled,
        images_broken=counts.broken,
        images_with_some_masks=partly,
        images_without_objects=empty,
        crowds=sum(label.is_crowd for image in dataset.images for label in image.objects),
        difficult=sum(label.is_difficult for label in targets),
    )


def _find_image_problems(image: ImageLabels) -> list[Problem]:
    """Open an image's photo and masks; return their problems and those of its boxes."""
    in_photo = find_photo_problem(image, decode_size)
    problems = [*([in_photo] if in_photo else []), *_find_repeated_objects(image)]
    for number, label in enumerate(image.objects, start=1):
        problems += _find_in_box(image, label, number)
        problems += _find_in_mask(image, label, number)
    # Objects that share a broken mask file have equal problems.
    return list(dict.fromkeys(problems))


def _find_in_box(image: ImageLabels, label: ObjectLabel, number: int) -> Iterator[Problem]:
    left, top, right, bottom = label.box
    shown = ", ".join(f"{side:g}" for side in label.box)
    if not all(math.isfinite(side) for side in label.box) or right <= left or bottom <= top:
        yield Problem(
            ProblemKind.BOX, str(image.path), f"the box of object {number} is empty: {shown}", "Draw the box again."
        )
    elif (
        min(left, top) < -_MARGIN_PIXELS
        or right > image.width + _MARGIN_PIXELS
        or bottom > image.height + _MARGIN_PIXELS
    ):
        what = f"the box of object {number} leaves the image of {image.width} x {image.height} pixels: {shown}"
        yield Problem(ProblemKind.BOX, str(image.path), what, "Draw the box again.")


def _find_in_mask(image: ImageLabels, label: ObjectLabel, number: int) -> Iterator[Problem]:
    if label.mask is None:
        return
    file = str(image.path if isinstance(label.mask, dict) else label.mask.path)
    try:
        mask = read_mask(label.mask)
    except DataError as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        what = "the masks are missing" if missing else f"the masks cannot be read ({error.__cause__ or error})"
        yield Problem(ProblemKind.MASK, file, what, "Unpack the dataset again.")
        return
    if mask["size"] != [image.height, image.width]:
        height, width = mask["size"]
        what = f"the mask has {width} x {height} pixels, its image {image.width} x {image.height}"
        yield Problem(ProblemKind.MASK, file, what, "Export the masks again.")
    elif not rle_area(mask):
        what = f"the mask of object {number} is empty"
        yield Problem(ProblemKind.MASK, file, what, "Draw the mask again, or remove the object.")
    elif (iou := box_iou(rle_to_xyxy(mask), label.box)) < _LEAST_BOX_IOU:
        what = f"the mask of object {number} does not fill its box (IoU of their boxes {iou:.2f})"
        yield Problem(ProblemKind.MASK, file, what, "Draw the box or the mask again.")


def _find_repeated_objects(image: ImageLabels) -> Iterator[Problem]:
    """Count the objects that equal an earlier one in class, box and mask."""
    counts = Counter(map(_content, image.objects))
    repeats = counts.total() - len(counts)
    if repeats:
        number = len(image.objects)
        what = f"{repeats} of its {number} objects repeat another one exactly"
        yield Problem(ProblemKind.REPEATED, str(image.path), what, "Remove the repeated ones.")


def _content(label: ObjectLabel) -> tuple[object, ...]:
    mask = label.mask
    shape = mask if mask is None or isinstance(mask, IndexedMask) else mask["counts"]
    return label.class_index, label.box, shape, label.is_crowd
