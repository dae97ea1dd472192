"""PASCAL VOC2012 in its folder: 1464 images with masks for F, 9267 more with boxes for W, 1449 to score on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, IndexedMask, ObjectLabel, TrainVal
from splitlab.data.formats.label_files import read_name_list
from splitlab.data.formats.voc_xml import VocObject, read_voc_annotation
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
    disk: no file of SegmentationObject is opened, and `source_hash` covers the lists and the XML files only.

    Raises:
        DataError: a list or an annotation is missing or broken. The message names it.
    """
    root = _root_of(folder)
    if root is None:
        raise DataError(
            f"{folder} has no ImageSets/Segmentation/train.txt, itself or in VOCdevkit/VOC2012 or VOC2012. "
            "Unpack VOCtrainval_11-May-2012.tar there."
        )
    full_pool, val = _names(root, "Segmentation/train.txt"), _names(root, "Segmentation/val.txt")
    trainval = sorted(set(_names(root, "Main/trainval.txt")) - set(val))
    weak_pool = sorted(set(trainval) - set(full_pool))
    masked, boxed = _read_images(root, full_pool), [_without_masks(image) for image in _read_images(root, weak_pool)]
    train = _to_dataset([*masked, *boxed], (tuple(full_pool), tuple(weak_pool)))
    train = replace(train, few_shot_pool=tuple(trainval))
    return TrainVal(train, _to_dataset(_read_images(root, val), ()), NAME)


def _root_of(folder: Path) -> Path | None:
    for root in (folder, folder / "VOCdevkit" / "VOC2012", folder / "VOC2012"):
        if (root / "ImageSets" / "Segmentation" / "train.txt").is_file():
            return root
    return None


def _names(root: Path, list_name: str) -> list[str]:
    return [words[0] for words in read_name_list(root / "ImageSets" / list_name)]


def _read_images(root: Path, names: Sequence[str]) -> list[_Read]:
    return [_read_image(root, name) for name in names]


def _read_image(root: Path, name: str) -> _Read:
    path = root / "Annotations" / f"{name}.xml"
    annotation = read_voc_annotation(path)
    if len(annotation.objects) >= BORDER:
        raise DataError(f"{path}: has {len(annotation.objects)} objects; VOC's masks can tell {BORDER - 1} apart.")
    masks = root / "SegmentationObject" / f"{name}.png"
    objects = tuple(
        ObjectLabel(_class_index(found, path), found.box, IndexedMask(masks, value), is_difficult=found.is_difficult)
        for value, found in enumerate(annotation.objects, start=1)
    )
    photo = root / "JPEGImages" / f"{name}.jpg"
    return _Read(ImageLabels(name, photo, annotation.width, annotation.height, objects), annotation.sha256)


def _class_index(found: VocObject, path: Path) -> int:
    if found.class_name not in CLASS_INDEX:
        raise DataError(
            f"{path}: '{found.class_name[:40]}' is none of VOC's {len(CLASS_NAMES)} classes. Correct its name."
        )
    return CLASS_INDEX[found.class_name]


def _without_masks(read: _Read) -> _Read:
    objects = tuple(replace(label, mask=None) for label in read.labels.objects)
    return replace(read, labels=replace(read.labels, objects=objects))


def _to_dataset(read: Sequence[_Read], pools: tuple[tuple[ImageId, ...], ...]) -> Dataset:
    content = json.dumps([pools, [(image.labels.image_id, image.xml_sha256) for image in read]])
    return Dataset(
        name=NAME,
        class_names=CLASS_NAMES,
        category_ids=tuple(range(1, len(CLASS_NAMES) + 1)),
        images=tuple(image.labels for image in read),
        source_hash=hashlib.sha256(content.encode()).hexdigest(),
        licence=LICENCE,
        paper_pools=pools,
    )
