"""Write a data set as COCO labels with its photos."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from splitlab.data.dataset import Box, Dataset, ImageId, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.exports.photo_files import known_images, name_photos, place_photo
from splitlab.data.masks import read_mask, with_masks
from splitlab.data.new_folder import written_whole
from splitlab.data.progress import Progress, no_progress
from splitlab.errors import DataError
from splitlab.geometry import rle_area, xyxy_to_xywh


def export_coco(data: TrainVal, folder: Path, progress: Progress = no_progress) -> Path:
    """Write instances_train.json, instances_val.json and images/train, images/val; return the folder.

    Masks are written as compressed RLE, crowds stay crowds. pycocotools cannot evaluate masks where an object has none,
    so the box of such an object is its segmentation, and `"box_only": 1` tells readers that know of it. An image that
    was labelled as showing nothing has `"labelled": true`. Named images get numbers in their order and keep their name
    as `file_name`. Photos are hard links where the disk allows it. What COCO has no field for is lost: which objects
    are difficult. Objects whose mask has no pixel are left out, and so are images whose labels cannot be read.
    An image that loses its last object so counts as not labelled, not as background.

    Args:
        data: the data set.
        folder: a place where nothing is yet, or an empty folder.
        progress: told of every image.

    Raises:
        DataError: `folder` is taken, cannot be written, or a photo or mask is missing; nothing is left behind.
    """
    with written_whole(folder) as draft:
        for subset, dataset in (("train", data.train), ("val", data.val)):
            labels = _write_subset(dataset, draft / "images" / subset, _category_ids(data), subset, progress)
            _write_json(draft / f"instances_{subset}.json", labels)
    return folder


def _category_ids(data: TrainVal) -> list[int]:
    """Keep the ids where they rise with the classes; readers order classes by them."""
    ids = list(data.train.category_ids)
    return ids if ids == sorted(set(ids)) else list(range(1, len(ids) + 1))


def _write_subset(
    dataset: Dataset, photos_dir: Path, category_ids: list[int], subset: str, progress: Progress
) -> dict[str, Any]:
    photos_dir.mkdir(parents=True)
    known = known_images(dataset)
    numbers = _number_images([image.image_id for image in known])
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    named = zip(numbers, name_photos(known), known, with_masks(known), strict=True)
    for done, (number, name, whole, image) in enumerate(named, start=1):
        place_photo(image.path, photos_dir / name)
        images.append(_image(number, name, whole))
        for label in image.objects:
            annotations.append(_annotation(len(annotations) + 1, number, category_ids, label))
        progress(f"export {subset}", done, len(known))
    categories = [{"id": number, "name": name} for number, name in zip(category_ids, dataset.class_names, strict=True)]
    info = {"description": dataset.name, "license": dataset.licence}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def _number_images(ids: list[ImageId]) -> list[int]:
    numbers = [image_id for image_id in ids if isinstance(image_id, int)]
    return numbers if len(numbers) == len(ids) else list(range(1, len(ids) + 1))


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
        raise DataError(f"{path.name}: a box has a side that is no number. Check the data set's labels.") from error
