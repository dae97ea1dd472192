"""YOLO: text files with a line per object, in the layouts of Ultralytics and of Darknet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel, TrainVal
from splitlab.data.exports.objects import LabelShape, corners, inside_image, trace_outline
from splitlab.data.exports.photos import name_photos, parts_of, place_images
from splitlab.data.masks import read_mask
from splitlab.errors import DataError
from splitlab.io import Progress, no_progress, written_whole

# Darknet's name of each subset.
_DARKNET_PARTS = {"train": "train", "val": "valid"}


def export_yolo(
    data: TrainVal, folder: Path, progress: Progress = no_progress, labels: LabelShape | None = None
) -> Path:
    """Write data.yaml, images/{train,val} and labels/{train,val} for Ultralytics, YOLOv5 and CVAT; return the folder.

    - A mask becomes one polygon: its parts are joined, its holes are lost.
    - Crowds, objects with empty masks and images with unreadable labels are left out.
    - Background images have an empty label file; images that are not labelled, or lose their last object, have none.
    - A subset without images is left out, and data.yaml does not name it.
    - Photos are hard links where the disk allows it.

    `labels` says what every line is: by default outlines if all objects have masks, and boxes if none has.

    Raises:
        DataError: `labels` is needed because only some objects of a subset have masks: Ultralytics reads such a subset
            as boxes, or not at all. Or as for `export_coco`.
    """
    if labels is None:
        _refuse_both_kinds(data)
    with written_whole(folder) as draft:
        (draft / "data.yaml").write_text(_head(data), encoding="utf-8")
        for part, dataset in parts_of(data):
            _write_part(dataset, draft, part, progress, labels)
    return folder


def export_darknet(data: TrainVal, folder: Path, progress: Progress = no_progress) -> Path:
    """Write obj.data, obj.names, {train,valid}.txt and obj_{train,valid}_data: "YOLO 1.1" of CVAT; return the folder.

    All objects are boxes. Crowds are left out as by `export_yolo`. The format needs a label file for each photo, so
    that of a photo which is not labelled is empty, as that of a background image.

    Raises:
        DataError: as for `export_coco`.
    """
    with written_whole(folder) as draft:
        names = [" ".join(name.split()) for name in data.train.class_names]
        (draft / "obj.names").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        lines = [f"classes = {len(names)}", "names = obj.names", "backup = backup/"]
        for part, dataset in parts_of(data):
            lines.append(f"{_DARKNET_PARTS[part]} = {_DARKNET_PARTS[part]}.txt")
            _write_darknet_part(dataset, draft, part, progress)
        (draft / "obj.data").write_text("".join(f"{line}\n" for line in lines))
    return folder


def _refuse_both_kinds(data: TrainVal) -> None:
    for part, dataset in parts_of(data):
        kinds = Counter(label.mask is not None for image in dataset.images for label in image.targets)
        if kinds[True] and kinds[False]:
            raise DataError(
                f"{kinds[True]:,} objects of '{dataset.name}' in {part} have masks and {kinds[False]:,} have boxes "
                "only; Ultralytics cannot read outlines and boxes in one dataset. Add --labels boxes to write boxes "
                "for detection, or --labels outlines to write each box as an outline of four points."
            )


def _head(data: TrainVal) -> str:
    # Without `path`, paths are relative to the YAML file, wherever it is moved.
    head: dict[str, object] = {part: f"images/{part}" for part, _ in parts_of(data)}
    head["names"] = dict(enumerate(data.train.class_names))
    # A comment, because CVAT takes keys that it does not know for subsets.
    licence = " ".join(data.train.licence.split())
    comment = f"# License: {licence}\n" if licence else ""
    return comment + yaml.safe_dump(head, allow_unicode=True, sort_keys=False)


def _write_part(dataset: Dataset, draft: Path, part: str, progress: Progress, labels: LabelShape | None) -> None:
    names = name_photos([_out_of_images(image) for image in dataset.images])
    for shown in place_images(dataset, names, draft / "images" / part, part, progress):
        # An empty file would say that the image is background, even if it only lost its objects here.
        if shown.image.targets or shown.is_background:
            _write_lines(draft / "labels" / part / shown.name, shown.image, labels)
    (draft / "labels" / part).mkdir(parents=True, exist_ok=True)


def _write_darknet_part(dataset: Dataset, draft: Path, part: str, progress: Progress) -> None:
    subset = _DARKNET_PARTS[part]
    photos = draft / f"obj_{subset}_data"
    listed = []
    for shown in place_images(dataset, name_photos(dataset.images), photos, part, progress):
        _write_lines(photos / shown.name, shown.image, LabelShape.BOXES)
        listed.append(f"{photos.name}/{shown.name}\n")
    (draft / f"{subset}.txt").write_text("".join(listed), encoding="utf-8")


def _write_lines(photo: Path, image: ImageLabels, labels: LabelShape | None) -> None:
    path = photo.with_suffix(".txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{_line(label, image, labels)}\n" for label in image.targets))


def _out_of_images(image: ImageLabels) -> ImageLabels:
    """Remove folders called images from an id: readers replace the last images/ in a photo's path by labels/."""
    if isinstance(image.image_id, int):
        return image
    *folders, name = image.image_id.split("/")
    return replace(image, image_id="/".join([*(folder for folder in folders if folder != "images"), name]))


def _line(label: ObjectLabel, image: ImageLabels, labels: LabelShape | None) -> str:
    sides = np.array([image.width, image.height], dtype=np.float64)
    box = inside_image(label, image)
    numbers: Sequence[float]
    if label.mask is not None and labels != LabelShape.BOXES:
        numbers = (trace_outline(read_mask(label.mask)) / sides).ravel().tolist()
    elif labels == LabelShape.OUTLINES:
        numbers = (corners(box) / sides).ravel().tolist()
    else:
        (left, top), (right, bottom) = (np.array(box).reshape(2, 2) / sides).tolist()
        numbers = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    return " ".join([str(label.class_index), *(f"{number:.6f}" for number in numbers)])
