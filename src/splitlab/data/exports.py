"""Export a dataset in COCO or YOLO format, with photos that other tools open."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, cast

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from splitlab.data.dataset import Box, Dataset, ImageId, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.masks import read_mask, with_masks
from splitlab.errors import DataError
from splitlab.geometry import Rle, rle_area, rle_to_mask, rle_to_xyxy, xyxy_to_xywh
from splitlab.io import Progress, no_progress, written_whole

_Points = NDArray[np.float64]


class YoloLabels(StrEnum):
    """What every line of a YOLO dataset is, for datasets where only some objects have masks."""

    BOXES = "boxes"
    """All are boxes, for detection."""
    OUTLINES = "outlines"
    """All are outlines: a box becomes its four corners, as in the authors' W."""


def export_coco(data: TrainVal, folder: Path, progress: Progress = no_progress) -> Path:
    """Write instances_train.json, instances_val.json, images/train and images/val; return the folder.

    - Masks become compressed RLE. pycocotools cannot evaluate masks where an object has none, so the box of such an
      object is its segmentation, and `"box_only": 1` marks it.
    - Labelled images without objects have `"labelled": true`.
    - Images with text ids get numbers; `file_name` keeps the id. Photos are hard links where the disk allows it.
    - Lost: the difficult mark, objects with empty masks, and images with unreadable labels. An image whose last
      object is lost counts as not labelled, not as background.

    Raises:
        DataError: `folder` is not empty or cannot be written, or a photo or mask is missing. Nothing is left behind.
    """
    with written_whole(folder) as draft:
        for subset, dataset in (("train", data.train), ("val", data.val)):
            labels = _write_coco_subset(dataset, draft / "images" / subset, _category_ids(data), subset, progress)
            _write_json(draft / f"instances_{subset}.json", labels)
    return folder


def export_yolo(
    data: TrainVal, folder: Path, progress: Progress = no_progress, labels: YoloLabels | None = None
) -> Path:
    """Write data.yaml, images/{train,val} and labels/{train,val}; return the folder.

    - A mask becomes one polygon: its parts are joined, its holes are lost.
    - Crowds, objects with empty masks and images with unreadable labels are left out.
    - Background images have an empty label file; images that are not labelled, or lose their last object, have none.
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
        for subset, dataset in (("train", data.train), ("val", data.val)):
            _write_yolo_subset(dataset, draft, subset, progress, labels)
    return folder


def _write_coco_subset(
    dataset: Dataset, photos_dir: Path, category_ids: list[int], subset: str, progress: Progress
) -> dict[str, Any]:
    photos_dir.mkdir(parents=True)
    known = _known_images(dataset)
    numbers = _number_images([image.image_id for image in known])
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    named = zip(numbers, _name_photos(known), known, with_masks(known), strict=True)
    for done, (number, name, whole, image) in enumerate(named, start=1):
        _place_photo(image.path, photos_dir / name)
        images.append(_image(number, name, whole))
        for label in image.objects:
            annotations.append(_annotation(len(annotations) + 1, number, category_ids, label))
        progress(f"export {subset}", done, len(known))
    categories = [{"id": number, "name": name} for number, name in zip(category_ids, dataset.class_names, strict=True)]
    info = {"description": dataset.name, "license": dataset.licence}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def _known_images(dataset: Dataset) -> list[ImageLabels]:
    """Return the images that can be exported: all but those with unreadable labels, which would be lost."""
    return [image for image in dataset.images if image.state != LabelState.BROKEN]


def _number_images(ids: list[ImageId]) -> list[int]:
    numbers = [image_id for image_id in ids if isinstance(image_id, int)]
    return numbers if len(numbers) == len(ids) else list(range(1, len(ids) + 1))


def _name_photos(images: Sequence[ImageLabels]) -> list[PurePosixPath]:
    """Return a relative path for each photo, unique even without endings and ignoring case.

    Images with text ids keep their id as name; numbered ones keep their file names.
    """
    taken: set[str] = set()
    names: list[PurePosixPath] = []
    for number, image in enumerate(images, start=1):
        name = _wanted_name(image)
        while _key(name) in taken:
            name = name.with_name(f"{number}_{name.name}")
        taken.add(_key(name))
        names.append(name)
    return names


def _wanted_name(image: ImageLabels) -> PurePosixPath:
    own = PurePosixPath(image.path.name)
    if isinstance(image.image_id, int):
        return own
    name = PurePosixPath(f"{image.image_id}{own.suffix}")
    leads_out = name.is_absolute() or ".." in name.parts or not name.stem
    return own if leads_out else name


def _key(name: PurePosixPath) -> str:
    return name.with_suffix("").as_posix().casefold()


def _place_photo(source: Path, target: Path) -> None:
    """Hard-link a photo to `target`, or copy it where the disk does not allow links.

    Raises:
        DataError: the photo does not exist.
        OSError: the disk cannot be written.
    """
    if not source.is_file():
        raise DataError(f"{source} does not exist, so it cannot be exported. Unpack the dataset again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A hard link to a symbolic link would be broken in another folder.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _image(number: int, name: PurePosixPath, image: ImageLabels) -> dict[str, Any]:
    entry = {"id": number, "file_name": name.as_posix(), "width": image.width, "height": image.height}
    is_background = image.state == LabelState.WHOLE and not image.objects
    return {**entry, "labelled": True} if is_background else entry


def _annotation(number: int, image_number: int, category_ids: list[int], label: ObjectLabel) -> dict[str, Any]:
    left, top, width, height = xyxy_to_xywh(np.array(label.box, dtype=np.float64)).tolist()
    mask = None if label.mask is None else read_mask(label.mask)
    entry = {
        "id": number,
        "image_id": image_number,
        "category_id": category_ids[label.class_index],
        "bbox": [left, top, width, height],
        "area": width * height if mask is None else rle_area(mask),
        "segmentation": _corners(label.box) if mask is None else mask,
        "iscrowd": int(label.is_crowd),
    }
    return {**entry, "box_only": 1} if mask is None else entry


def _corners(box: Box) -> list[list[float]]:
    left, top, right, bottom = box
    return [[left, top, right, top, right, bottom, left, bottom]]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(content, allow_nan=False))
    except ValueError as error:
        raise DataError(f"{path.name}: a box has a side that is not a number. Check the dataset's labels.") from error


def _category_ids(data: TrainVal) -> list[int]:
    """Keep the ids if they rise with the classes; readers order classes by them."""
    ids = list(data.train.category_ids)
    return ids if ids == sorted(set(ids)) else list(range(1, len(ids) + 1))


def _refuse_both_kinds(data: TrainVal) -> None:
    for subset, dataset in (("train", data.train), ("val", data.val)):
        kinds = Counter(label.mask is not None for image in dataset.images for label in image.targets)
        if kinds[True] and kinds[False]:
            raise DataError(
                f"{kinds[True]:,} objects of '{dataset.name}' in {subset} have masks and {kinds[False]:,} have boxes "
                "only; Ultralytics cannot read outlines and boxes in one dataset. Add --labels boxes to write boxes "
                "for detection, or --labels outlines to write each box as an outline of four points."
            )


def _head(data: TrainVal) -> str:
    # Without `path`, paths are relative to the YAML file, wherever it is moved.
    head: dict[str, object] = {"train": "images/train", "val": "images/val"}
    head["names"] = dict(enumerate(data.train.class_names))
    if data.train.licence:
        head["license"] = data.train.licence
    return yaml.safe_dump(head, allow_unicode=True, sort_keys=False)


def _write_yolo_subset(
    dataset: Dataset, draft: Path, subset: str, progress: Progress, labels: YoloLabels | None
) -> None:
    images = _known_images(dataset)
    for kind in ("images", "labels"):
        (draft / kind / subset).mkdir(parents=True)
    names = _name_photos([_out_of_images(image) for image in images])
    named = zip(names, images, with_masks(images), strict=True)
    for done, (name, whole, image) in enumerate(named, start=1):
        _place_photo(image.path, draft / "images" / subset / name)
        # An empty file would say that the image is background, even if it only lost its objects here.
        if image.targets or (image.state == LabelState.WHOLE and not whole.objects):
            lines = draft / "labels" / subset / name.with_suffix(".txt")
            lines.parent.mkdir(parents=True, exist_ok=True)
            lines.write_text("".join(f"{_line(label, image, labels)}\n" for label in image.targets))
        progress(f"export {subset}", done, len(images))


def _out_of_images(image: ImageLabels) -> ImageLabels:
    """Remove folders called images from an id: readers replace the last images/ in a photo's path by labels/."""
    if isinstance(image.image_id, int):
        return image
    *folders, name = image.image_id.split("/")
    return replace(image, image_id="/".join([*(folder for folder in folders if folder != "images"), name]))


def _line(label: ObjectLabel, image: ImageLabels, labels: YoloLabels | None) -> str:
    sides = np.array([image.width, image.height], dtype=np.float64)
    if label.mask is not None and labels != YoloLabels.BOXES:
        numbers = _trace_outline(read_mask(label.mask)) / sides
    else:
        left, top, right, bottom = _sides_of_box(label, image, sides)
        as_points = np.array([left, top, right, top, right, bottom, left, bottom])
        as_box = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
        numbers = as_points if labels == YoloLabels.OUTLINES else as_box
    return " ".join([str(label.class_index), *(f"{number:.6f}" for number in numbers.ravel())])


def _sides_of_box(label: ObjectLabel, image: ImageLabels, sides: NDArray[np.float64]) -> list[float]:
    corners = np.array(label.box, dtype=np.float64).reshape(2, 2)
    if not np.isfinite(corners).all():
        raise DataError(f"{image.path}: a box has a side that is not a number. Correct its labels.")
    return [float(side) for side in (corners / sides).clip(0, 1).ravel()]


def _trace_outline(mask: Rle) -> _Points:
    """Return one polygon around a non-empty mask, (N, 2) xy, pixel corners as in COCO's polygons.

    OpenCV follows the centres of the outermost pixels, which would lose half a pixel on every side. Here it follows a
    canvas of twice the size, on which each pixel also covers its corners: half its coordinates are the pixels' edges.
    Parts are joined by lines of no area. Holes are filled.
    """
    left, top, right, bottom = rle_to_xyxy(mask).astype(int).tolist()
    pixels = rle_to_mask(mask)[top:bottom, left:right]
    canvas = np.zeros((2 * pixels.shape[0] + 1, 2 * pixels.shape[1] + 1), np.uint8)
    canvas[1::2, 1::2] = pixels
    canvas = cv2.dilate(canvas, np.ones((3, 3), np.uint8)).astype(np.uint8)
    contours, _ = cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [contour.reshape(-1, 2) / 2 + (left, top) for contour in contours]
    return _join(sorted(parts, key=_extent, reverse=True))


def _join(parts: list[_Points]) -> _Points:
    """Join every part to the nearest point of the first one."""
    main, others = parts[0], parts[1:]
    if not others:
        return main
    tree = cKDTree(main)
    detours: dict[int, list[_Points]] = defaultdict(list)
    for part in others:
        distances, nearest = tree.query(part)
        start = int(distances.argmin())
        loop = np.roll(part, -start, axis=0)
        detours[int(nearest[start])].append(np.concatenate([loop, loop[:1], main[nearest[start]][None]]))
    pieces = [np.concatenate([point[None], *detours.get(place, [])]) for place, point in enumerate(main)]
    return cast(_Points, np.concatenate(pieces))


def _extent(part: _Points) -> float:
    width, height = np.ptp(part, axis=0)
    return float(width * height)
