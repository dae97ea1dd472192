"""Write a data set as Ultralytics' YOLO reads it: data.yaml, images/ and labels/."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel, TrainVal
from splitlab.data.exports.mask_outline import trace_outline
from splitlab.data.exports.photo_files import name_photos, place_photo
from splitlab.data.masks import read_mask, with_masks
from splitlab.data.new_folder import written_whole
from splitlab.data.progress import Progress, no_progress
from splitlab.errors import DataError


def export_yolo(data: TrainVal, folder: Path, progress: Progress = no_progress) -> Path:
    """Write data.yaml, images/{train,val} and labels/{train,val}; return the folder.

    A mask becomes one polygon: its parts are joined, its holes are lost. An object without mask becomes a box line;
    Ultralytics' own loader does not expect both kinds in one file. Crowds and objects whose mask has no pixel are left
    out. Photos are hard links where the disk allows it.

    Args:
        data: the data set.
        folder: a place where nothing is yet, or an empty folder.
        progress: told of every image.

    Raises:
        DataError: `folder` is taken, cannot be written, or a photo or mask is missing; nothing is left behind.
    """
    with written_whole(folder) as draft:
        (draft / "data.yaml").write_text(_head(data), encoding="utf-8")
        for subset, dataset in (("train", data.train), ("val", data.val)):
            _write_subset(dataset, draft, subset, progress)
    return folder


def _head(data: TrainVal) -> str:
    # Without `path`, the places are taken from the YAML file's own folder, wherever it is moved.
    head: dict[str, object] = {"train": "images/train", "val": "images/val"}
    head["names"] = dict(enumerate(data.train.class_names))
    if data.train.licence:
        head["license"] = data.train.licence
    return yaml.safe_dump(head, allow_unicode=True, sort_keys=False)


def _write_subset(dataset: Dataset, draft: Path, subset: str, progress: Progress) -> None:
    for kind in ("images", "labels"):
        (draft / kind / subset).mkdir(parents=True)
    names = name_photos([_out_of_images(image) for image in dataset.images])
    named = zip(names, with_masks(dataset.images), strict=True)
    for done, (name, image) in enumerate(named, start=1):
        place_photo(image.path, draft / "images" / subset / name)
        labels = draft / "labels" / subset / name.with_suffix(".txt")
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(f"{_line(label, image)}\n" for label in image.targets))
        progress(f"export {subset}", done, len(dataset.images))


def _out_of_images(image: ImageLabels) -> ImageLabels:
    """Take folders called images out of an id: who reads labels puts labels/ for the last images/ in a photo's path."""
    if isinstance(image.image_id, int):
        return image
    *folders, name = image.image_id.split("/")
    return replace(image, image_id="/".join([*(folder for folder in folders if folder != "images"), name]))


def _line(label: ObjectLabel, image: ImageLabels) -> str:
    sides = np.array([image.width, image.height], dtype=np.float64)
    numbers = _box_numbers(label, image, sides) if label.mask is None else trace_outline(read_mask(label.mask)) / sides
    return " ".join([str(label.class_index), *(f"{number:.6f}" for number in numbers.ravel())])


def _box_numbers(label: ObjectLabel, image: ImageLabels, sides: NDArray[np.float64]) -> NDArray[np.float64]:
    corners = np.array(label.box, dtype=np.float64).reshape(2, 2)
    if not np.isfinite(corners).all():
        raise DataError(f"{image.path}: a box has a side that is no number. Correct its labels.")
    corners = (corners / sides).clip(0, 1)
    return np.concatenate([corners.mean(axis=0), corners[1] - corners[0]])
