"""A dataset in memory: images with their labels, the problems found in them, and counts of images by their labels."""

from __future__ import annotations

import hashlib
import json
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

Box = tuple[float, float, float, float]
# COCO numbers its images; VOC, Cityscapes and YOLO name them.
ImageId = int | str


class ProblemKind(StrEnum):
    """The kinds of problems in datasets."""

    PHOTO_MISSING = "missing photo"
    PHOTO_UNREADABLE = "unreadable photo"
    PHOTO_SIZE = "photo of another size"
    PHOTO_TWICE = "photo labelled twice"
    LEAK = "photo in train and in val"
    LABELS_UNREADABLE = "unreadable labels"
    CLASS_NAMES = "unclear class names"
    BOX = "wrong box"
    BOX_IN_FRACTIONS = "boxes not in pixels"
    MASK = "wrong mask"
    OUTLINE = "outline under three points"
    REPEATED = "repeated object"
    ONLY_CROWDS = "only crowd regions"
    NO_OBJECT = "class without objects"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a dataset.

    Attributes:
        kind: the kind of problem.
        file: the photo, label file or dataset that has it.
        what: what is wrong, with the name of the entry.
        way_out: what to do about it.
    """

    kind: ProblemKind
    file: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{_short(self.file)}: {_short(self.what)}. {self.way_out}"


class EntryError(DataError):
    """An entry of a label file that cannot be read; readers collect the problem and continue."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class IndexedMask:
    """A mask that is read from disk on demand: the pixels of `value` in an indexed image of all objects."""

    path: Path
    value: int


@dataclass(frozen=True, slots=True)
class ObjectLabel:
    """One labelled object.

    Attributes:
        class_index: 0-based index into `Dataset.class_names`.
        box: xyxy, pixels.
        mask: the object's mask in image size, in memory or on disk; None where only the box is known.
        is_crowd: a region of many objects: not a target, and ignored by the evaluation.
        is_difficult: left out of box-only images when training a YOLO but kept for DETR, as the authors do
            (docs/protocol.md, Labels).
        is_box_only: its class is learned from boxes alone, so its image may be in F without this mask.
        is_tiny: too small to be scored by the dataset's benchmark: a target, but ignored by the evaluation.
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
        """Whether the evaluation counts the object as found or missed."""
        return not (self.is_crowd or self.is_tiny)


class LabelState(StrEnum):
    """How complete an image's labels are."""

    WHOLE = "whole"
    """All objects are labelled: an image without objects is background."""
    NONE = "none"
    """Not labelled; it may show objects."""
    BROKEN = "broken"
    """Some labels cannot be read: it shows more objects than are listed."""


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
        """The objects a model should find: all but crowds."""
        return tuple(label for label in self.objects if not label.is_crowd)

    @property
    def can_be_full(self) -> bool:
        """Whether the image may be in F: it is labelled completely, and every target that needs a mask has one."""
        has_masks = all(label.mask is not None or label.is_box_only for label in self.targets)
        return has_masks and self.state == LabelState.WHOLE

    @property
    def is_half_masked(self) -> bool:
        """Whether some targets have a mask and others have none."""
        return len({label.mask is None for label in self.targets}) > 1

    @property
    def kind(self) -> str:
        """How it is counted, a field of `ImageCounts`."""
        if self.state == LabelState.BROKEN:
            return "broken"
        if self.state == LabelState.NONE:
            return "unlabelled"
        if not self.targets:
            return "background"
        if self.can_be_full:
            return "masks"
        return "half_masked" if self.is_half_masked else "boxes"


@dataclass(frozen=True)
class Dataset:
    """The labelled images of one subset, train or val.

    Attributes:
        name: the dataset's name, such as "pets".
        class_names: in the order of `ObjectLabel.class_index`.
        category_ids: the COCO category id of each class.
        images: in an order that depends on the files alone.
        source_hash: sha256 of the labels it was read from; splits remember it.
        licence: as stated by the source; empty if it states none.
        few_shot_pool: the images that the paper's few-shot W is drawn from (Sec. 4.6), for datasets in the paper.
        paper_pools: the pools that the paper's protocol shuffles, in that order, for datasets in the paper. With two
            pools, F comes from the first, and W from the second and then the rest of the first (VOC2012). With one,
            F comes first, then W (Cityscapes).
        problems: entries that could not be read; `images` has the others.
        opened_as: the argument of `open_dataset`: a name in the workspace, or a folder's absolute path. Empty if it was
            opened in another way.
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
        """The argument that opens this dataset on the command line, quoted for a shell."""
        return shlex.quote(self.opened_as or self.name)

    @cached_property
    def by_id(self) -> dict[ImageId, ImageLabels]:
        """The images by their ids."""
        return {image.image_id: image for image in self.images}

    @cached_property
    def kinds(self) -> Counter[str]:
        """The number of images of each kind, cached because every draw of a split needs it."""
        return Counter(image.kind for image in self.images)

    def select(self, image_ids: Iterable[ImageId]) -> tuple[ImageLabels, ...]:
        """Return the images with these ids, in the order of the ids.

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
    """A dataset's two subsets.

    Attributes:
        train: to draw F and W from.
        val: to score on; without images if the dataset has no such part.
        format: the name of the file format.
        notes: sentences about what was left out on purpose, such as a test part.
    """

    train: Dataset
    val: Dataset
    format: str = "COCO"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.train.class_names != self.val.class_names:
            raise DataError(
                f"Dataset '{self.train.name}': train has classes {list(self.train.class_names)}, "
                f"val has {list(self.val.class_names)}. Give both files the same categories in the same order."
            )

    @property
    def has_val(self) -> bool:
        """Whether there is a part to score on."""
        return bool(self.val.images)


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """The images of a subset, each counted once.

    Attributes:
        masks: can be in F: show objects that all have masks, or half-masked ones that were accepted for F.
        half_masked: show objects, some with masks and others with boxes only.
        boxes: show objects, all with boxes only.
        background: labelled, without objects.
        unlabelled: not labelled.
        broken: some labels cannot be read.
    """

    masks: int
    half_masked: int
    boxes: int
    background: int
    unlabelled: int
    broken: int

    @property
    def to_draw(self) -> int:
        """The number of images that a split may contain: all whose labels are known."""
        return self.masks + self.half_masked + self.boxes + self.background


def entry_error(kind: ProblemKind, file: object, what: str, way_out: str) -> EntryError:
    """Return the error for one entry."""
    return EntryError(Problem(kind, str(file), what, way_out))


def unreadable(file: object, what: str, way_out: str) -> EntryError:
    """Return the error for an entry that cannot be read."""
    return entry_error(ProblemKind.LABELS_UNREADABLE, file, what, way_out)


def json_hash(content: object) -> str:
    """Return the sha256 of plain content as JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def refuse_nothing_left(images: Sized, problems: Sequence[Problem]) -> None:
    """Raise DataError if no image of a subset could be read."""
    if problems and not images:
        of_all = f"No image can be read; the first of {len(problems):,} problems: " if len(problems) > 1 else ""
        raise DataError(f"{of_all}{problems[0]}")


def count_kinds(problems: Iterable[Problem]) -> dict[str, int]:
    """Count problems by kind, most frequent first."""
    return dict(Counter(problem.kind.value for problem in problems).most_common())


def count_images(dataset: Dataset) -> ImageCounts:
    """Count the images of a subset by their labels."""
    return ImageCounts(**{kind: dataset.kinds[kind] for kind in ImageCounts.__slots__})


def images_in_words(counts: ImageCounts) -> str:
    """Return a clause that counts the images by their labels; kinds without images are left out."""
    kinds = {
        "have masks": counts.masks,
        "are half-masked": counts.half_masked,
        "have boxes only": counts.boxes,
        "are background": counts.background,
        "are not labelled": counts.unlabelled,
        "have labels that cannot be read": counts.broken,
    }
    known = [f"{number:,} {kind}" for kind, number in kinds.items() if number]
    return f"of {sum(kinds.values()):,} images {', '.join(known)}" if known else "there are no images"


def left_out_in_words(counts: ImageCounts, dataset: Dataset) -> str:
    """Explain which images no split can contain and what to do about it; empty if there are none."""
    sentences = []
    if 0 < counts.unlabelled == len(dataset.images):
        sentences.append(
            f"None of its {counts.unlabelled:,} photos is labelled. splitlab data plan-labels {dataset.as_argument} "
            "chooses which of them to label first."
        )
    elif counts.unlabelled:
        sentences.append(
            f"{counts.unlabelled:,} images have no labels and are left out. If they are known to show no object, "
            f"splitlab data read-as {dataset.as_argument} --without-labels background marks them as background."
        )
    if counts.broken:
        sentences.append(
            f"{counts.broken:,} images have labels that cannot be read and are left out; "
            f"splitlab data check {dataset.as_argument} lists them."
        )
    return " ".join(sentences)


def only_crowds_in_words(dataset: Dataset) -> str:
    """Explain that a subset has only crowd regions and what to do about it; empty if it has other objects."""
    crowds = sum(label.is_crowd for image in dataset.images for label in image.objects)
    if not crowds or any(image.targets for image in dataset.images):
        return ""
    return (
        f"All {crowds:,} objects of '{dataset.name}' are crowd regions (iscrowd 1), which are not targets. If each "
        f"is one object, splitlab data read-as {dataset.as_argument} --crowds objects reads them as objects."
    )


def _short(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} …"
