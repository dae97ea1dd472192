"""Cityscapes: street photos, masks of eight classes, boxes as the bounding rectangles of the masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    IndexedMask,
    ObjectLabel,
    Problem,
    TrainVal,
    json_hash,
    refuse_nothing_left,
)
from splitlab.data.masks import MaskBoxes, Progress, read_mask_boxes, silent
from splitlab.data.reading import find_repeats
from splitlab.errors import DataError

_NAME = "Cityscapes"
_LICENCE = "Cityscapes terms: non-commercial use only"
_CLASSES = {
    24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 31: "train", 32: "motorcycle", 33: "bicycle",
}  # fmt: skip
_CLASS_INDEX = {class_id: index for index, class_id in enumerate(_CLASSES)}
# In instanceIds 26004 is the fifth car; 26 is a group of cars that were not separated.
_FIRST_INSTANCE = 1000
# The benchmark does not score smaller objects (cityscapesScripts, minRegionSizes).
_LEAST_SCORED_PIXELS = 100
_PARTS = ("leftImg8bit", "gtFine")
_PHOTO_END = "_leftImg8bit.png"
_MASKS_END = "_gtFine_instanceIds.png"


def is_cityscapes_folder(folder: Path) -> bool:
    """Return whether the folder has photos or labels of Cityscapes."""
    return any((folder / part).is_dir() for part in _PARTS)


def read_cityscapes_folder(folder: Path, index_dir: Path, progress: Progress = silent) -> TrainVal:
    """Read leftImg8bit/ and gtFine/ of train and val, city by city.

    Groups (pixels with only a class id) become crowds; objects under 100 pixels are tiny. The first reading opens every
    *_gtFine_instanceIds.png for the boxes, which takes minutes; later ones use an index file. Masks stay on disk.
    Photos with missing or broken labels are left out and listed in `Dataset.problems`.

    Raises:
        DataError: a part of the dataset is missing, or no photo has readable labels.
    """
    for part in _PARTS:
        if not (folder / part).is_dir():
            raise DataError(_missing(folder, f"{part}/"))
    (train, train_problems), (val, val_problems) = _photos(folder, "train"), _photos(folder, "val")
    found = read_mask_boxes([_masks_of(photo) for photo in (*train, *val)], folder, index_dir, progress)
    train_set = _to_dataset(train, found[: len(train)], train_problems)
    val_set = _to_dataset(val, found[len(train) :], val_problems)
    train_ids = tuple(image.image_id for image in train_set.images)
    return TrainVal(replace(train_set, paper_pools=(train_ids,)), val_set, _NAME)


def _to_dataset(photos: Sequence[Path], found: Sequence[MaskBoxes | Problem], problems: Sequence[Problem]) -> Dataset:
    pairs = list(zip(photos, found, strict=True))
    read = [(photo, shown) for photo, shown in pairs if isinstance(shown, MaskBoxes)]
    problems = [*problems, *(shown for shown in found if isinstance(shown, Problem))]
    refuse_nothing_left(read, problems)
    return Dataset(
        name=_NAME,
        class_names=tuple(_CLASSES.values()),
        category_ids=tuple(_CLASSES),
        images=tuple(_to_image(photo, shown) for photo, shown in read),
        source_hash=json_hash([(_id_of(photo), shown.sha256) for photo, shown in read]),
        licence=_LICENCE,
        problems=tuple(problems),
    )


def _to_image(photo: Path, shown: MaskBoxes) -> ImageLabels:
    masks = _masks_of(photo)
    objects = []
    for value, box in shown.boxes.items():
        class_id = value if value < _FIRST_INSTANCE else value // _FIRST_INSTANCE
        if class_id in _CLASS_INDEX:
            mask = IndexedMask(masks, value)
            is_group = value < _FIRST_INSTANCE
            is_tiny = not is_group and shown.areas[value] < _LEAST_SCORED_PIXELS
            objects.append(ObjectLabel(_CLASS_INDEX[class_id], box, mask, is_crowd=is_group, is_tiny=is_tiny))
    return ImageLabels(_id_of(photo), photo, shown.width, shown.height, tuple(objects))


def _masks_of(photo: Path) -> Path:
    city, subset, folder = photo.parent, photo.parent.parent, photo.parents[3]
    return folder / "gtFine" / subset.name / city.name / f"{_id_of(photo)}{_MASKS_END}"


def _id_of(photo: Path) -> str:
    return photo.name.removesuffix(_PHOTO_END)


def _photos(folder: Path, subset: str) -> tuple[list[Path], list[Problem]]:
    found = (folder / "leftImg8bit" / subset).glob(f"*/*{_PHOTO_END}")
    photos = sorted(path for path in found if not path.name.startswith("."))
    if not photos:
        raise DataError(_missing(folder, f"photos in leftImg8bit/{subset}/"))
    first = {_id_of(photo): photo for photo in reversed(photos)}
    return sorted(first.values()), find_repeats([_id_of(photo) for photo in photos], folder / "leftImg8bit" / subset)


def _missing(folder: Path, what: str) -> str:
    return (
        f"{folder} has no {what}. Cityscapes needs an account at cityscapes-dataset.com: "
        f"download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip there, and unpack both in {folder}."
    )
