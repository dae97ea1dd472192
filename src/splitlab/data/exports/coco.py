"""COCO: one JSON file per subset; for predictions also a list of results, which COCO's evaluation reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.dataset import Dataset, ImageId, ObjectLabel, TrainVal
from splitlab.data.exports.objects import FoundObject, corners, score_of
from splitlab.data.exports.photos import ExportedImage, name_photos, parts_of, place_images
from splitlab.data.masks import read_mask
from splitlab.errors import DataError
from splitlab.geometry import empty_rle, rle_area, xyxy_to_xywh
from splitlab.io import Progress, no_progress, written_whole


def export_coco(data: TrainVal, folder: Path, progress: Progress = no_progress) -> Path:
    """Write annotations/instances_{train,val}.json and images/{train,val}; return the folder.

    - A subset without images is left out.
    - Masks become compressed RLE. pycocotools cannot evaluate masks where an object has none, so the box of such an
      object is its segmentation, and `"box_only": 1` marks it.
    - Labelled images without objects have `"labelled": true`.
    - Ids of images and categories are kept if all are 1 or more, because CVAT does not read 0; otherwise they are
      numbered anew. `file_name` keeps text ids. Photos are hard links where the disk allows it.
    - Found objects have their `score`. annotations/results_{train,val}.json lists them as COCO's results.
    - Lost: the difficult mark, objects with empty masks, and images with unreadable labels. An image whose last
      object is lost counts as not labelled, not as background.

    Raises:
        DataError: `folder` is not empty or cannot be written, or a photo or mask is missing. Nothing is left behind.
    """
    with written_whole(folder) as draft:
        (draft / "annotations").mkdir()
        for part, dataset in parts_of(data):
            _write_part(dataset, draft, part, _category_ids(data), progress)
    return folder


def _write_part(dataset: Dataset, draft: Path, part: str, category_ids: list[int], progress: Progress) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for shown in place_images(dataset, name_photos(dataset.images), draft / "images" / part, part, progress):
        images.append(_image(shown))
        for label in shown.image.objects:
            category_id = category_ids[label.class_index]
            annotations.append(coco_annotation(len(annotations) + 1, shown.number, category_id, label))
            if isinstance(label, FoundObject):
                results.append(_result(annotations[-1], shown))
    categories = [{"id": number, "name": name} for number, name in zip(category_ids, dataset.class_names, strict=True)]
    info = {"description": dataset.name, "license": dataset.licence}
    labels = {"info": info, "images": images, "annotations": annotations, "categories": categories}
    _write_json(draft / "annotations" / f"instances_{part}.json", labels)
    if results:
        _write_json(draft / "annotations" / f"results_{part}.json", results)


def _image(shown: ExportedImage) -> dict[str, Any]:
    image, name = shown.image, shown.name.as_posix()
    entry = {"id": shown.number, "file_name": name, "width": image.width, "height": image.height}
    return {**entry, "labelled": True} if shown.is_background else entry


def coco_annotation(number: int, image_id: ImageId, category_id: int, label: ObjectLabel) -> dict[str, Any]:
    """Return one object as an annotation with this id; its mask is read if it lies on disk.

    Raises:
        DataError: the file of its mask is missing or broken.
    """
    left, top, width, height = xyxy_to_xywh(np.array(label.box, dtype=np.float64)).tolist()
    mask = None if label.mask is None else read_mask(label.mask)
    entry = {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [left, top, width, height],
        "area": width * height if mask is None else rle_area(mask),
        "segmentation": [corners(label.box).ravel().tolist()] if mask is None else mask,
        "iscrowd": int(label.is_crowd),
    }
    score = score_of(label)
    marks = ({"box_only": 1} if mask is None else {}) | ({} if score is None else {"score": score})
    return entry | marks


def _result(annotation: dict[str, Any], shown: ExportedImage) -> dict[str, Any]:
    """Return the entry of COCO's results; without a mask it has an empty one, which fits no object."""
    result = {key: annotation[key] for key in ("image_id", "category_id", "bbox", "segmentation", "score")}
    if "box_only" in annotation:
        result["segmentation"] = empty_rle(shown.image.height, shown.image.width)
    return result


def _write_json(path: Path, content: object) -> None:
    try:
        path.write_text(json.dumps(content, allow_nan=False))
    except ValueError as error:
        raise DataError(f"{path.name}: a box has a side that is not a number. Check the dataset's labels.") from error


def _category_ids(data: TrainVal) -> list[int]:
    """Keep the ids if they rise from 1 or more with the classes; readers order classes by them."""
    ids = list(data.train.category_ids)
    return ids if ids == sorted(set(ids)) and min(ids, default=1) >= 1 else list(range(1, len(ids) + 1))
