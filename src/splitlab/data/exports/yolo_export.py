"""Write a data set as Ultralytics' YOLO reads it: data.yaml, images/ and labels/."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.exports.mask_outline import trace_outline
from splitlab.data.exports.photo_files import known_images, name_photos, place_photo
from splitlab.data.masks import read_mask, with_masks
from splitlab.data.new_folder import written_whole
from splitlab.data.progress import Progress, no_progress
from splitlab.errors import DataError


class YoloLabels(StrEnum):
    """What every line of a YOLO data set is, where some objects have masks and some have boxes only."""

    BOXES = "boxes"
    """All are boxes: a data set for detection."""
    OUTLINES = "outlines"
    """All are outlines: a box becomes its four corners, as the paper's authors write W."""


def export_yolo(
    data: TrainVal, folder: Path, progress: Progress = no_progress, labels: YoloLabels | None = None
) -> Path:
    """Write data.yaml, images/{train,val} and labels/{train,val}; return the folder.

    A mask becomes one polygon: its parts are joined, its holes are lost. Crowds and objects whose mask has no pixel are
    left out, and so are images whose labels cannot be read. A background image gets an empty label file; an
    image that nobody labelled, or that loses its last object here, gets none. Photos are hard links where the disk
    allows it.

    Args:
        data: the data set.
        folder: a place where nothing is yet, or an empty folder.
        progress: told of every image.
        labels: what every line is. Where left out, outlines if all objects have masks, and boxes if none has.

    Raises:
        DataError: `labels` is left out though a part has objects with masks and objects without: Ultralytics reads such
            a part as boxes alone, or not at all. Or `folder` is taken, cannot be written, or a photo or mask is
            missing. Nothing is left behind.
    """
    if labels is None:
        _refuse_both_kinds(data)
    with written_whole(folder) as draft:
        (draft / "data.yaml").write_text(_head(data), encoding="utf-8")
        for subset, dataset in (("train", data.train), ("val", data.val)):
            _write_subset(dataset, draft, subset, progress, labels)
    return folder


def _refuse_both_kinds(data: TrainVal) -> None:
    for subset, dataset in (("train", data.train), ("val", data.val)):
        kinds = Counter(label.mask is not None for image in dataset.images for label in image.targets)
        if kinds[True] and kinds[False]:
            raise DataError(
                f"{kinds[True]:,} objects of '{dataset.name}' in {subset} have masks and {kinds[False]:,} have boxes "
                "only; Ultralytics does not read outlines and boxes in one set. Add --labels boxes for a set for "
                "detection, or --labels outlines to write each box as an outline of four points."
            )


def _head(data: TrainVal) -> str:
    # Without `path`, the places are taken from the YAML file's own folder, wherever it is moved.
    head: dict[str, object] = {"train": "images/train", "val": "images/val"}
    head["names"] = dict(enumerate(data.train.class_names))
    if data.train.licence:
        head["license"] = data.train.licence
    return yaml.safe_dump(head, allow_unicode=True, sort_keys=False)


def _write_subset(dataset: Dataset, draft: Path, subset: str, progress: Progress, labels: YoloLabels | None) -> None:
    images = known_images(dataset)
    for kind in ("images", "labels"):
        (draft / kind / subset).mkdir(parents=True)
    names = name_photos([_out_of_images(image) for image in images])
    named = zip(names, images, with_masks(images), strict=True)
    for done, (name, whole, image) in enumerate(named, start=1):
        place_photo(image.path, draft / "images" / subset / name)
        # An empty file says that the image shows nothing, which an object that is left out here does not make true.
        if image.targets or (image.state == LabelState.WHOLE and not whole.objects):
            lines = draft / "labels" / subset / name.with_suffix(".txt")
            lines.parent.mkdir(parents=True, exist_ok=True)
            lines.write_text("".join(f"{_line(label, image, labels)}\n" for label in image.targets))
        progress(f"export {subset}", done, len(images))


def _out_of_images(image: ImageLabels) -> ImageLabels:
    """Take folders called images out of an id: who reads labels puts labels/ for the last images/ in a photo's path."""
    if isinstance(image.image_id, int):
        return image
    *folders, name = image.image_id.split("/")
    return replace(image, image_id="/".join([*(folder for folder in folders if folder != "images"), name]))


def _line(label: ObjectLabel, image: ImageLabels, labels: YoloLabels | None) -> str:
    sides = np.array([image.width, image.height], dtype=np.float64)
    if label.mask is not None and labels != YoloLabels.BOXES:
        numbers = trace_outline(read_mask(label.mask)) / sides
    else:
        left, top, right, bottom = _sides_of_box(label, image, sides)
        as_points = np.array([left, top, right, top, right, bottom, left, bottom])
        as_box = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
        numbers = as_points if labels == YoloLabels.OUTLINES else as_box
    return " ".join([str(label.class_index), *(f"{number:.6f}" for number in numbers.ravel())])


def _sides_of_box(label: ObjectLabel, image: ImageLabels, sides: NDArray[np.float64]) -> list[float]:
    corners = np.array(label.box, dtype=np.float64).reshape(2, 2)
    if not np.isfinite(corners).all():
        raise DataError(f"{image.path}: a box has a side that is no number. Correct its labels.")
    return [float(side) for side in (corners / sides).clip(0, 1).ravel()]
