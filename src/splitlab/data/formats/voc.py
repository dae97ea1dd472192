"""PASCAL VOC2012 in its folder: 1464 images with masks for F, 9267 more with boxes for W, 1449 to score on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, IndexedMask, LabelState, ObjectLabel, TrainVal
from splitlab.data.formats.label_files import read_name_list
from splitlab.data.formats.voc_xml import VocObject, read_voc_annotation
from splitlab.data.problem import EntryError, Problem, ProblemKind, entry_error, refuse_nothing_left
from splitlab.errors import DataError

NAME = "VOC2012"
LICENCE = "Photos from Flickr, under Flickr's terms of use"
CLASS_NAMES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
CLASS_INDEX = {name: index for index, name in enumerate(CLASS_NAMES)}
# SegmentationObject: 255 is the border between objects and belongs to none.
BORDER = 255


@dataclass(frozen=True, slots=True)
class _Read:
    labels: ImageLabels
    xml_sha256: str
    problems: tuple[Problem, ...]


def is_voc_folder(folder: Path) -> bool:
    """Say whether `read_voc_folder` would find VOC's lists here."""
    try:
        return _root_of(folder) is not None
    except OSError:
        return False


def read_voc_folder(folder: Path) -> TrainVal:
    """Read VOC2012, given as VOC2012 itself or as a folder that holds VOCdevkit/VOC2012 or VOC2012.

    Train is the two pools of the paper's authors: ImageSets/Segmentation/train.txt with masks, then all
    of Main/trainval.txt that is in no segmentation list, with boxes only. Val is Segmentation/val.txt. Masks stay on
    disk: no file of SegmentationObject is opened, and `source_hash` covers the lists and the XML files only. Images and
    objects that cannot be read are in `Dataset.problems`.

    Raises:
        DataError: a list is missing or broken, or no image of it can be read. The message names it.
    """
    root = _root_of(folder)
    if root is None:
        raise DataError(
            f"{folder} has no ImageSets/Segmentation/train.txt, itself or in VOCdevkit/VOC2012 or VOC2012. "
            "Unpack VOCtrainval_11-May-2012.tar there."
        )
    full_pool, problems = _names(root, "Segmentation/train.txt")
    val, val_problems = _names(root, "Segmentation/val.txt")
    trainval, more = _names(root, "Main/trainval.txt")
    few_shot_pool = set(trainval) - set(val)
    masked, masked_problems = _read_images(root, full_pool)
    boxed, boxed_problems = _read_images(root, sorted(few_shot_pool - set(full_pool)))
    problems += [*more, *masked_problems, *boxed_problems]
    train = _to_dataset([*masked, *map(_without_masks, boxed)], (_ids(masked), _ids(boxed)), problems)
    scored, scored_problems = _read_images(root, val)
    return TrainVal(
        replace(train, few_shot_pool=tuple(sorted(few_shot_pool))),
        _to_dataset(scored, (), [*val_problems, *scored_problems]),
        NAME,
    )


def _root_of(folder: Path) -> Path | None:
    for root in (folder, folder / "VOCdevkit" / "VOC2012", folder / "VOC2012"):
        if (root / "ImageSets" / "Segmentation" / "train.txt").is_file():
            return root
    return None


def _names(root: Path, list_name: str) -> tuple[list[str], list[Problem]]:
    lines, problems = read_name_list(root / "ImageSets" / list_name)
    return [words[0] for words in lines], problems


def _ids(read: Sequence[_Read]) -> tuple[ImageId, ...]:
    return tuple(image.labels.image_id for image in read)


def _read_images(root: Path, names: Sequence[str]) -> tuple[list[_Read], list[Problem]]:
    read: list[_Read] = []
    problems: list[Problem] = []
    for name in names:
        try:
            image = _read_image(root, name)
        except EntryError as error:
            problems.append(error.problem)
        else:
            read.append(image)
            problems += image.problems
    return read, problems


def _read_image(root: Path, name: str) -> _Read:
    path = root / "Annotations" / f"{name}.xml"
    annotation = read_voc_annotation(path)
    if len(annotation.objects) >= BORDER:
        what = f"has {len(annotation.objects)} objects; VOC's masks can tell {BORDER - 1} apart"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, path, what, "Correct the annotation.")
    masks = root / "SegmentationObject" / f"{name}.png"
    objects: list[ObjectLabel] = []
    problems = list(annotation.problems)
    for value, found in enumerate(annotation.objects, start=1):
        if found is None:
            continue
        try:
            class_index = _class_index(found, path)
        except EntryError as error:
            problems.append(error.problem)
            continue
        mask = IndexedMask(masks, value)
        objects.append(ObjectLabel(class_index, found.box, mask, is_difficult=found.is_difficult))
    photo = root / "JPEGImages" / f"{name}.jpg"
    state = LabelState.BROKEN if problems else LabelState.WHOLE
    labels = ImageLabels(name, photo, annotation.width, annotation.height, tuple(objects), state)
    return _Read(labels, annotation.sha256, tuple(problems))


def _class_index(found: VocObject, path: Path) -> int:
    if found.class_name not in CLASS_INDEX:
        what = f"'{found.class_name[:40]}' is none of VOC's {len(CLASS_NAMES)} classes"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, path, what, "Correct its name.")
    return CLASS_INDEX[found.class_name]


def _without_masks(read: _Read) -> _Read:
    objects = tuple(replace(label, mask=None) for label in read.labels.objects)
    return replace(read, labels=replace(read.labels, objects=objects))


def _to_dataset(read: Sequence[_Read], pools: tuple[tuple[ImageId, ...], ...], problems: Sequence[Problem]) -> Dataset:
    refuse_nothing_left(read, problems)
    content = json.dumps([pools, [(image.labels.image_id, image.xml_sha256) for image in read]])
    return Dataset(
        name=NAME,
        class_names=CLASS_NAMES,
        category_ids=tuple(range(1, len(CLASS_NAMES) + 1)),
        images=tuple(image.labels for image in read),
        source_hash=hashlib.sha256(content.encode()).hexdigest(),
        licence=LICENCE,
        paper_pools=pools,
        problems=tuple(problems),
    )
