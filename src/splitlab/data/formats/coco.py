"""COCO-format labels: JSON with images, annotations and categories, masks as polygons or RLE."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.images import MAX_PIXELS
from splitlab.errors import DataError
from splitlab.geometry import Rle, polygons_to_rle, rle_fits, run_lengths_to_rle


def read_coco(labels_path: Path, images_dir: Path, name: str) -> Dataset:
    """Read one COCO instances file; photos are looked for in `images_dir` and stay there.

    Raises:
        DataError: the file is missing, no JSON, or contradicts itself. The message names the entry.
    """
    raw = _read_bytes(labels_path)
    content = _parse(raw, labels_path)
    try:
        return _to_dataset(content, labels_path, images_dir, name, hashlib.sha256(raw).hexdigest())
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{labels_path}: an entry is not as COCO has it ({type(error).__name__}: {error}). "
            "See cocodataset.org/#format-data for the fields that images, annotations and categories need."
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from error


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no valid JSON ({error}). Export the labels again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds no COCO labels. It must be a COCO instances file.")
    missing = [key for key in ("images", "annotations", "categories") if key not in content]
    if missing:
        raise DataError(f"{path}: has no '{missing[0]}'. It must be a COCO instances file.")
    return content


def _to_dataset(content: dict[str, Any], path: Path, images_dir: Path, name: str, source_hash: str) -> Dataset:
    categories = sorted(content["categories"], key=lambda category: int(category["id"]))
    index_of = {int(category["id"]): index for index, category in enumerate(categories)}
    if not categories or len(index_of) < len(categories):
        raise DataError(f"{path}: 'categories' is empty or names an id twice. Give each class an id of its own.")
    sizes = {int(image["id"]): (int(image["height"]), int(image["width"])) for image in content["images"]}
    _refuse_sizes(sizes, path)
    _refuse_repeats([int(image["id"]) for image in content["images"]], path)
    objects: dict[int, list[ObjectLabel]] = defaultdict(list)
    for annotation in content["annotations"]:
        image_id = int(annotation["image_id"])
        if image_id not in sizes:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} is of image {image_id}, which is not in 'images'. "
                "Add the image or take the annotation out."
            )
        objects[image_id].append(_to_object(annotation, index_of, *sizes[image_id], path))
    images = [
        ImageLabels(
            int(image["id"]),
            _inside(images_dir, str(image["file_name"]), path),
            int(image["width"]),
            int(image["height"]),
            tuple(objects[int(image["id"])]),
        )
        for image in content["images"]
    ]
    return Dataset(
        name=name,
        class_names=tuple(str(category["name"]) for category in categories),
        category_ids=tuple(index_of),
        images=tuple(sorted(images, key=lambda image: image.image_id)),
        source_hash=source_hash,
        licence=str((content.get("info") or {}).get("license", "")),
    )


def _refuse_sizes(sizes: dict[int, tuple[int, int]], path: Path) -> None:
    for image_id, (height, width) in sizes.items():
        if min(height, width) < 1 or height * width > MAX_PIXELS:
            raise DataError(
                f"{path}: image {image_id} is {width} x {height} pixels; each side must be 1 or more, "
                f"and all at most {MAX_PIXELS // 1_000_000} megapixels."
            )


def _refuse_repeats(ids: list[int], path: Path) -> None:
    if len(set(ids)) < len(ids):
        repeated = next(image_id for image_id in ids if ids.count(image_id) > 1)
        raise DataError(f"{path}: image id {repeated} stands there twice. Give each image an id of its own.")


def _inside(folder: Path, file_name: str, labels_path: Path) -> Path:
    path = folder / file_name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{labels_path}: file_name '{file_name}' leads out of {folder}. Only photos inside are read.")
    return path


def _to_object(
    annotation: dict[str, Any], index_of: dict[int, int], height: int, width: int, path: Path
) -> ObjectLabel:
    category_id = int(annotation["category_id"])
    if category_id not in index_of:
        raise DataError(
            f"{path}: annotation {annotation.get('id')} has category {category_id}, which is not in 'categories'."
        )
    left, top, box_width, box_height = (float(side) for side in annotation["bbox"])
    mask = _to_mask(annotation, height, width, path)
    return ObjectLabel(
        class_index=index_of[category_id],
        box=(left, top, left + box_width, top + box_height),
        mask=mask,
        is_crowd=bool(annotation.get("iscrowd", 0)),
    )


def _to_mask(annotation: dict[str, Any], height: int, width: int, path: Path) -> Rle | None:
    segmentation = annotation.get("segmentation")
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        if not all(_is_polygon(polygon, height, width) for polygon in segmentation):
            raise DataError(
                f"{path}: a polygon of annotation {annotation.get('id')} is no list x0, y0, x1, y1, ... of three or "
                "more points near its image. Export the mask again."
            )
        return polygons_to_rle(segmentation, height, width)
    size, counts = list(segmentation["size"]), segmentation["counts"]
    if isinstance(counts, list):
        fits = sum(counts) == height * width and min(counts) >= 0
    else:
        fits = rle_fits(counts, height, width)
    if size != [height, width] or not fits:
        raise DataError(
            f"{path}: the RLE mask of annotation {annotation.get('id')} does not fill its image of "
            f"{height} x {width} pixels (its size says {size}). Export the mask again."
        )
    if isinstance(counts, list):
        return run_lengths_to_rle(counts, height, width)
    return {"size": [height, width], "counts": counts}


def _is_polygon(polygon: list[float], height: int, width: int) -> bool:
    """Say whether pycocotools can draw it: its memory grows with every pixel along the edges, inside or not."""
    points = np.asarray(polygon, dtype=np.float64)
    near = points.ndim == 1 and np.abs(points).max(initial=0) <= 2 * max(height, width) + 2
    return points.size >= 6 and points.size % 2 == 0 and bool(near)
