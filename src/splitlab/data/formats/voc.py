"""VOC2012 as PASCAL publishes it: lists of images with masks and with boxes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.data.dataset import (
    Dataset,
    EntryError,
    ImageId,
    ImageLabels,
    Problem,
    TrainVal,
    json_hash,
    refuse_nothing_left,
    unreadable,
)
from splitlab.data.formats.voc_files import read_annotation, stated_classes
from splitlab.data.formats.voc_xml import read_voc_xml_folder
from splitlab.data.images import PHOTO_ENDINGS
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.label_files.records import Record, to_image
from splitlab.data.reading import read_name_list
from splitlab.errors import DataError

NAME = "VOC2012"
_LICENCE = "Photos from Flickr, under Flickr's terms of use"
CLASS_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_INDEX_OF = {name: index for index, name in enumerate(CLASS_NAMES)}
_FULL, _VAL, _ALL = _LISTS = ("Segmentation/train.txt", "Segmentation/val.txt", "Main/trainval.txt")


def is_voc_folder(folder: Path) -> bool:
    """Return whether the folder has VOC2012's lists."""
    return _root_of(folder) is not None


def read_voc_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read VOC2012, given as the folder itself or as one that contains VOCdevkit/VOC2012 or VOC2012.

    A dataset of this layout with other classes is read by `read_voc_xml_folder`, unless it has the lists of each class
    that only PASCAL's archive has: there, another class is a mistake.

    Train is the two pools of the paper's authors: ImageSets/Segmentation/train.txt with masks, and the images of
    Main/trainval.txt in neither segmentation list, with boxes only. Val is Segmentation/val.txt. Masks are not opened;
    `source_hash` covers the lists and the XML files. Unreadable images and objects are in `Dataset.problems`.

    Raises:
        DataError: a list is missing or broken, or none of its images can be read. The message names it.
    """
    root = _root_of(folder)
    if root is not None and not _is_published(root) and _has_other_classes(root):
        return read_voc_xml_folder(root, outside)
    if root is None:
        raise DataError(
            f"{folder} has no ImageSets/Segmentation/train.txt, itself or in VOCdevkit/VOC2012 or VOC2012. "
            "Unpack VOCtrainval_11-May-2012.tar there."
        )
    full_pool, problems = _names(root, _FULL)
    val, val_problems = _names(root, _VAL)
    trainval, more = _names(root, _ALL)
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
        lists = root / "ImageSets"
        if (lists / _FULL).is_file() and (_is_published(root) or all((lists / name).is_file() for name in _LISTS)):
            return root
    return None


def _is_published(root: Path) -> bool:
    return any((root / "ImageSets" / "Main" / f"{name}_trainval.txt").is_file() for name in CLASS_NAMES)


def _has_other_classes(root: Path) -> bool:
    return any(stated_classes(path) - _INDEX_OF.keys() for path in (root / "Annotations").glob("*.xml"))


def _names(root: Path, list_name: str) -> tuple[list[str], list[Problem]]:
    def is_image(line: str) -> bool:
        return (root / "Annotations" / f"{line}.xml").is_file()

    lines, problems = read_name_list(root / "ImageSets" / list_name, is_image)
    return [words[0] for words in lines], problems


def _read_images(root: Path, names: Sequence[str]) -> tuple[list[_Read], list[Problem]]:
    read: list[_Read] = []
    problems: list[Problem] = []
    for name in names:
        try:
            image, found = _read_image(root, name)
        except EntryError as error:
            problems.append(error.problem)
        else:
            read.append(image)
            problems += found
    return read, problems


@dataclass(frozen=True, slots=True)
class _Read:
    labels: ImageLabels
    xml_sha256: str


def _read_image(root: Path, name: str) -> tuple[_Read, list[Problem]]:
    """Read Annotations/ID.xml; the order of objects is their number in SegmentationObject."""
    photo = _photo(root / "JPEGImages", name)
    masks = root / "SegmentationObject" / f"{name}.png"
    record = _with_known_classes(read_annotation(root / "Annotations" / f"{name}.xml", photo, masks))
    labels, problems = to_image(record, photo, _INDEX_OF)
    return _Read(replace(labels, image_id=name), record.digest), problems


def _photo(folder: Path, name: str) -> Path:
    found = (folder / f"{name}{ending}" for ending in PHOTO_ENDINGS)
    return next((path for path in found if path.is_file()), folder / f"{name}.jpg")


def _with_known_classes(record: Record) -> Record:
    problems = [
        unreadable(
            record.label_file,
            f"'{shape.class_name[:40]}' is not one of VOC's {len(CLASS_NAMES)} classes",
            "Correct its name.",
        ).problem
        for shape in record.shapes
        if shape.class_name not in _INDEX_OF
    ]
    known = tuple(shape for shape in record.shapes if shape.class_name in _INDEX_OF)
    return replace(record, shapes=known, problems=(*record.problems, *problems))


def _to_dataset(read: Sequence[_Read], pools: tuple[tuple[ImageId, ...], ...], problems: Sequence[Problem]) -> Dataset:
    refuse_nothing_left(read, problems)
    return Dataset(
        name=NAME,
        class_names=CLASS_NAMES,
        category_ids=tuple(range(1, len(CLASS_NAMES) + 1)),
        images=tuple(image.labels for image in read),
        source_hash=json_hash([pools, [(image.labels.image_id, image.xml_sha256) for image in read]]),
        licence=_LICENCE,
        paper_pools=pools,
        problems=tuple(problems),
    )


def _ids(read: Sequence[_Read]) -> tuple[ImageId, ...]:
    return tuple(image.labels.image_id for image in read)


def _without_masks(read: _Read) -> _Read:
    objects = tuple(replace(label, mask=None) for label in read.labels.objects)
    return replace(read, labels=replace(read.labels, objects=objects))
