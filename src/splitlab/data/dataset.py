"""A dataset in memory: images with their labels, the problems found in them, and how many images have which labels."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from splitlab.errors import DataError
from splitlab.geometry import Rle

_MOST_LETTERS = 400


class ProblemKind(StrEnum):
    """What sort of thing is wrong."""

    PHOTO_MISSING = "missing photo"
    PHOTO_UNREADABLE = "unreadable photo"
    PHOTO_SIZE = "photo of another size"
    PHOTO_TWICE = "photo labelled twice"
    LEAK = "photo in train and in val"
    LABELS_UNREADABLE = "unreadable labels"
    BOX = "wrong box"
    BOX_IN_FRACTIONS = "boxes not in pixels"
    MASK = "wrong mask"
    OUTLINE = "outline under three points"
    REPEATED = "repeated object"
    ONLY_CROWDS = "only crowd regions"
    NO_OBJECT = "class without objects"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: what sort of thing.
        file: the photo, label file or data set it is in.
        what: is wrong; it names the entry.
        way_out: what to do about it.
    """

    kind: ProblemKind
    file: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{_short(self.file)}: {_short(self.what)}. {self.way_out}"


class EntryError(DataError):
    """An entry of a label file that cannot be read; a reader collects it and goes on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def entry_error(kind: ProblemKind, file: object, what: str, way_out: str) -> EntryError:
    """Make the error of one entry."""
    return EntryError(Problem(kind, str(file), what, way_out))


def refuse_nothing_left(images: Sized, problems: Sequence[Problem]) -> None:
    """Raise DataError where no image of a part could be read: then it is no data set."""
    if problems and not images:
        more = f" No image is left; {len(problems) - 1:,} more entries cannot be read." if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}")


def count_kinds(problems: Iterable[Problem]) -> dict[str, int]:
    """Return how many problems there are of each kind, the most frequent first."""
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.kind.value] = counts.get(problem.kind.value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} …"


Box = tuple[float, float, float, float]
# COCO numbers its images; VOC, Cityscapes and YOLO name them.
ImageId = int | str


@dataclass(frozen=True, slots=True)
class IndexedMask:
    """A mask that stays on disk until it is wanted: the pixels of `value` in an indexed image of all objects."""

    path: Path
    value: int


@dataclass(frozen=True, slots=True)
class ObjectLabel:
    """One labelled object.

    Attributes:
        class_index: 0-based place in `Dataset.class_names`.
        box: xyxy, pixels.
        mask: the object's mask in image size, read or still on disk; None where only the box is known.
        is_crowd: a region of many objects: never a target, and ignored by the evaluation.
        is_difficult: left out where a YOLO learns from the image's boxes alone, kept for DETR, as the paper's authors
            do (docs/protocol.md, Labels).
        is_tiny: too small to be scored, by its data set's benchmark: a target, but ignored by the evaluation.
        is_box_only: its class is taught by boxes alone, so its image may stand in F without its mask.
    """

    class_index: int
    box: Box
    mask: Rle | IndexedMask | None
    is_crowd: bool = False
    is_difficult: bool = False
    is_box_only: bool = False
    is_tiny: bool = False

    @property
    def is_scored(self) -> bool:
        """Whether the evaluation counts it as found or missed."""
        return not (self.is_crowd or self.is_tiny)


class LabelState(StrEnum):
    """How much of an image's labels is known."""

    WHOLE = "whole"
    """Everything: without an object it is a background image."""
    NONE = "none"
    """Nobody labelled it; it may show objects."""
    BROKEN = "broken"
    """Some of its labels cannot be read; it shows more objects than are listed."""


@dataclass(frozen=True, slots=True)
class ImageLabels:
    """One image on disk with its labelled objects; `width` and `height` in pixels."""

    image_id: ImageId
    path: Path
    width: int
    height: int
    objects: tuple[ObjectLabel, ...]
    state: LabelState = LabelState.WHOLE

    @property
    def targets(self) -> tuple[ObjectLabel, ...]:
        """The objects a model is to find: all but the crowds."""
        return tuple(label for label in self.objects if not label.is_crowd)

    @property
    def can_be_full(self) -> bool:
        """Whether all is labelled and every target that is to have a mask has one, so that it may stand in F."""
        has_masks = all(label.mask is not None or label.is_box_only for label in self.targets)
        return has_masks and self.state == LabelState.WHOLE

    @property
    def kind(self) -> str:
        """How it is counted, a field of `ImageCounts`: "masks", "boxes", "background", "unlabelled" or "broken"."""
        if self.state == LabelState.BROKEN:
            return "broken"
        if self.state == LabelState.NONE:
            return "unlabelled"
        if not self.targets:
            return "background"
        return "masks" if self.can_be_full else "boxes"


@dataclass(frozen=True)
class Dataset:
    """Labelled images of one subset (train or val).

    Attributes:
        name: what people call it, such as "pets".
        class_names: in the order of `ObjectLabel.class_index`.
        category_ids: the COCO category id of each class.
        images: in an order that its files alone decide.
        source_hash: sha256 of the labels it was read from; a split remembers it.
        licence: what its source says of its licence; empty where it says nothing.
        few_shot_pool: the images that the paper's few-shot W is taken from (Sec. 4.6), where it knows the data set.
        paper_pools: what the paper's protocol shuffles, in that order, where it knows the data set. Two pools: F comes
            from the first, W from the second and then from what F left (VOC2012). One: F, then W (Cityscapes).
        problems: what could not be read of its files; the rest is in `images`.
        opened_as: what `open_dataset` was given: a name in the work space, or a folder's absolute path. Empty where it
            was not opened so.
    """

    name: str
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    images: tuple[ImageLabels, ...]
    source_hash: str
    licence: str = ""
    few_shot_pool: tuple[ImageId, ...] = ()
    paper_pools: tuple[tuple[ImageId, ...], ...] = ()
    problems: tuple[Problem, ...] = ()
    opened_as: str = ""

    @property
    def as_argument(self) -> str:
        """What opens this data set on the command line, quoted for a shell."""
        return shlex.quote(self.opened_as or self.name)

    @cached_property
    def by_id(self) -> dict[ImageId, ImageLabels]:
        """The images by their id."""
        return {image.image_id: image for image in self.images}

    @cached_property
    def kinds(self) -> Counter[str]:
        """The number of images of each kind; counted once, as every split that is drawn asks for it."""
        return Counter(image.kind for image in self.images)

    def select(self, image_ids: Iterable[ImageId]) -> tuple[ImageLabels, ...]:
        """Return the images of these ids, in their order.

        Raises:
            DataError: an id is not in the dataset.
        """
        ids = list(image_ids)
        unknown = [image_id for image_id in ids if image_id not in self.by_id]
        if unknown:
            raise DataError(
                f"Image {unknown[0]} is not in dataset '{self.name}' ({len(unknown)} of {len(ids)} ids are not): "
                "the split was drawn from other labels. Draw it again."
            )
        return tuple(self.by_id[image_id] for image_id in ids)


@dataclass(frozen=True)
class TrainVal:
    """A dataset's two subsets: one to draw F and W from, one to score on; `format` is how its files are laid out."""

    train: Dataset
    val: Dataset
    format: str = "COCO"

    def __post_init__(self) -> None:
        if self.train.class_names != self.val.class_names:
            raise DataError(
                f"Dataset '{self.train.name}': train has classes {list(self.train.class_names)}, "
                f"val has {list(self.val.class_names)}. Give both files the same categories in the same order."
            )


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """The images of one part, each counted once.

    Attributes:
        masks: show objects that all have masks.
        boxes: show objects, some of them with a box only.
        background: were labelled and show no object.
        unlabelled: nobody labelled them.
        broken: some of their labels cannot be read.
    """

    masks: int
    boxes: int
    background: int
    unlabelled: int
    broken: int

    @property
    def to_draw(self) -> int:
        """The images that a drawn split may hold; all but those with unknown labels."""
        return self.masks + self.boxes + self.background


def count_images(dataset: Dataset) -> ImageCounts:
    """Count the images of a part by what is known of them."""
    return ImageCounts(**{kind: dataset.kinds[kind] for kind in ImageCounts.__slots__})


def left_out_in_words(counts: ImageCounts, dataset: Dataset) -> str:
    """Say which images no split draws, and what to do about it; empty where there are none."""
    sentences = []
    if counts.unlabelled:
        sentences.append(
            f"{counts.unlabelled:,} images have no labels and are left out. If somebody looked at them and they show "
            f"no object, splitlab data read-as {dataset.as_argument} --without-labels background says so."
        )
    if counts.broken:
        sentences.append(
            f"{counts.broken:,} images have labels that cannot be read and are left out; "
            f"splitlab data check {dataset.as_argument} lists them."
        )
    return " ".join(sentences)


def only_crowds_in_words(dataset: Dataset) -> str:
    """Say that a part has nothing but crowd regions, and what to do about it; empty where that is not so."""
    crowds = sum(label.is_crowd for image in dataset.images for label in image.objects)
    if not crowds or any(image.targets for image in dataset.images):
        return ""
    return (
        f"All {crowds:,} objects of '{dataset.name}' are crowd regions (iscrowd 1), which no model is to find. If each "
        f"is one object, splitlab data read-as {dataset.as_argument} --crowds objects says so."
    )
