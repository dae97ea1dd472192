"""PASCAL VOC: XML annotations, and masks of objects as indexed images."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from splitlab.data.dataset import (
    Dataset,
    EntryError,
    ImageId,
    ImageLabels,
    IndexedMask,
    LabelState,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
    entry_error,
    json_hash,
    refuse_nothing_left,
    unreadable,
)
from splitlab.data.reading import check_image_size, read_bounded, read_name_list
from splitlab.data.safe_xml import parse_xml
from splitlab.errors import DataError

_MAX_XML_BYTES = 1_000_000

NAME = "VOC2012"
_LICENCE = "Photos from Flickr, under Flickr's terms of use"
CLASS_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
# In SegmentationObject 255 is the border between objects.
_BORDER = 255


def is_voc_folder(folder: Path) -> bool:
    """Return whether the folder has VOC's lists."""
    return _root_of(folder) is not None


def read_voc_folder(folder: Path) -> TrainVal:
    """Read VOC2012, given as the folder itself or as one that contains VOCdevkit/VOC2012 or VOC2012.

    Train is the two pools of the paper's authors: ImageSets/Segmentation/train.txt with masks, and the images of
    Main/trainval.txt in neither segmentation list, with boxes only. Val is Segmentation/val.txt. Masks are not opened;
    `source_hash` covers the lists and the XML files. Unreadable images and objects are in `Dataset.problems`.

    Raises:
        DataError: a list is missing or broken, or none of its images can be read. The message names it.
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


@dataclass(frozen=True, slots=True)
class _Read:
    labels: ImageLabels
    xml_sha256: str
    problems: tuple[Problem, ...]


def _read_image(root: Path, name: str) -> _Read:
    """Read Annotations/ID.xml; the order of objects is their number in SegmentationObject."""
    path = root / "Annotations" / f"{name}.xml"
    raw = read_bounded(path, _MAX_XML_BYTES)
    xml = parse_xml(raw, path)
    width, height = int(_number(xml, "size/width", path)), int(_number(xml, "size/height", path))
    check_image_size(width, height, path, "its image")
    elements = xml.findall("object")
    if len(elements) >= _BORDER:
        what = f"has {len(elements)} objects; VOC's masks can distinguish {_BORDER - 1}"
        raise unreadable(path, what, "Correct the annotation.")
    objects: list[ObjectLabel] = []
    problems: list[Problem] = []
    for value, element in enumerate(elements, start=1):
        try:
            mask = IndexedMask(root / "SegmentationObject" / f"{name}.png", value)
            objects.append(_to_object(element, width, height, mask, path))
        except EntryError as error:
            problems.append(error.problem)
    photo = root / "JPEGImages" / f"{name}.jpg"
    state = LabelState.BROKEN if problems else LabelState.WHOLE
    labels = ImageLabels(name, photo, width, height, tuple(objects), state)
    return _Read(labels, hashlib.sha256(raw).hexdigest(), tuple(problems))


def _number(element: Element, tag: str, path: Path) -> float:
    text = element.findtext(tag)
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = f"<{tag}> is {(text or 'missing')[:40]!r}, not a number"
        raise unreadable(path, what, "Correct the annotation.")
    return number


def _to_object(element: Element, width: int, height: int, mask: IndexedMask, path: Path) -> ObjectLabel:
    # VOC counts pixels from 1, and includes xmax and ymax.
    left = max(_number(element, "bndbox/xmin", path) - 1, 0)
    top = max(_number(element, "bndbox/ymin", path) - 1, 0)
    right = min(_number(element, "bndbox/xmax", path), width)
    bottom = min(_number(element, "bndbox/ymax", path), height)
    name = (element.findtext("name") or "").strip()
    if left >= right or top >= bottom:
        box = f"{left:g} {top:g} {right:g} {bottom:g}"
        what = f"the box of '{name[:40]}' (xyxy {box}) holds no pixel of its {width} x {height} image"
        raise entry_error(ProblemKind.BOX, path, what, "Correct its bndbox.")
    if name not in CLASS_NAMES:
        raise unreadable(path, f"'{name[:40]}' is not one of VOC's {len(CLASS_NAMES)} classes", "Correct its name.")
    is_difficult = (element.findtext("difficult") or "").strip() == "1"
    return ObjectLabel(CLASS_NAMES.index(name), (left, top, right, bottom), mask, is_difficult=is_difficult)


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
