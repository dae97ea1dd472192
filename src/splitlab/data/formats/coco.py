"""COCO-format labels: JSON with images, annotations and categories, masks as polygons or RLE."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.formats.label_files import printable
from splitlab.data.images import MAX_PIXELS
from splitlab.errors import DataError
from splitlab.geometry import (
    LEAST_OUTLINE_NUMBERS,
    MAX_OUTLINE_PIXELS,
    Rle,
    outline_length,
    polygons_to_rle,
    rle_fits,
    run_lengths_to_rle,
)

LICENCE_LETTERS = 300
"""What is longer is cut: a licence stands on cards and below pages."""


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
    categories = _categories(content, path)
    index_of = {int(category["id"]): index for index, category in enumerate(categories)}
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
        objects[image_id].append(_read_object(annotation, index_of, *sizes[image_id], path))
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
        class_names=tuple(_name(category) for category in categories),
        category_ids=tuple(index_of),
        images=tuple(sorted(images, key=lambda image: image.image_id)),
        source_hash=source_hash,
        licence=_licence(content),
    )


def _licence(content: dict[str, Any]) -> str:
    """Return the licence of the whole file, or those that its photos name, as COCO's own do; empty without any."""
    info, licences = content.get("info"), content.get("licenses")
    if isinstance(info, dict) and (stated := info.get("license")):
        return _shown(stated)
    used = {str(image.get("license")) for image in content["images"]}
    known = [one for one in licences if isinstance(one, dict)] if isinstance(licences, list) else []
    return _shown(", ".join(str(one["name"]) for one in known if one.get("name") and str(one.get("id")) in used))


def _shown(licence: object) -> str:
    return textwrap.shorten(printable(str(licence)), LICENCE_LETTERS, placeholder=" …")


def _categories(content: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the classes by their ids; of those that share a name the one that has objects, else the last."""
    categories = sorted(content["categories"], key=lambda category: int(category["id"]))
    if not categories or len({int(category["id"]) for category in categories}) < len(categories):
        raise DataError(f"{path}: 'categories' is empty or names an id twice. Give each class an id of its own.")
    used = {annotation.get("category_id") for annotation in content["annotations"]}
    kept: dict[str, dict[str, Any]] = {}
    for category in categories:
        # Some tools put a group before its only class, under the same name.
        before = kept.get(_name(category))
        if before and before["id"] in used and category["id"] in used:
            raise DataError(f"{path}: two categories with objects are called '{_name(category)}'. Rename one.")
        if not before or before["id"] not in used:
            kept[_name(category)] = category
    return sorted(kept.values(), key=lambda category: int(category["id"]))


def _name(category: dict[str, Any]) -> str:
    return printable(str(category["name"]))


def _refuse_sizes(sizes: dict[int, tuple[int, int]], path: Path) -> None:
    for image_id, (height, width) in sizes.items():
        if min(height, width) < 1 or height * width > MAX_PIXELS:
            raise DataError(
                f"{path}: image {image_id} is {width} x {height} pixels; each side must be 1 or more, "
                f"and all at most {MAX_PIXELS // 1_000_000} megapixels."
            )


def _refuse_repeats(ids: list[int], path: Path) -> None:
    if len(set(ids)) < len(ids):
        repeated = Counter(ids).most_common(1)[0][0]
        raise DataError(f"{path}: image id {repeated} stands there twice. Give each image an id of its own.")


def _inside(folder: Path, file_name: str, labels_path: Path) -> Path:
    path = folder / file_name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{labels_path}: file_name '{file_name}' leads out of {folder}. Only photos inside are read.")
    return path


def _read_object(
    annotation: dict[str, Any], index_of: dict[int, int], height: int, width: int, path: Path
) -> ObjectLabel:
    try:
        return _to_object(annotation, index_of, height, width, path)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{path}: annotation {annotation.get('id')} is not as COCO has it ({type(error).__name__}: {error}). "
            "It needs category_id, a bbox of four numbers and segmentation."
        ) from error


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
        is_crowd=bool(int(annotation.get("iscrowd") or 0)),
    )


def _to_mask(annotation: dict[str, Any], height: int, width: int, path: Path) -> Rle | None:
    segmentation = annotation.get("segmentation")
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        return _polygons_to_mask(annotation, segmentation, height, width, path)
    size, counts = list(segmentation["size"]), segmentation["counts"]
    if isinstance(counts, list):
        fits = all(type(count) is int and count >= 0 for count in counts) and sum(counts) == height * width
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


def _polygons_to_mask(
    annotation: dict[str, Any], polygons: list[list[float]], height: int, width: int, path: Path
) -> Rle | None:
    """Draw polygons; what has fewer than three points covers nothing, and tools leave such behind."""
    outlines = [np.asarray(polygon, dtype=np.float64) for polygon in polygons]
    if not all(_is_near(outline, height, width) for outline in outlines):
        raise DataError(
            f"{path}: a polygon of annotation {annotation.get('id')} is no list x0, y0, x1, y1, ... of points near its "
            "image. Export the mask again."
        )
    areas = [outline.reshape(-1, 2) for outline in outlines if outline.size >= LEAST_OUTLINE_NUMBERS]
    if sum(map(outline_length, areas)) > MAX_OUTLINE_PIXELS:
        raise DataError(
            f"{path}: the outline of annotation {annotation.get('id')} is over {MAX_OUTLINE_PIXELS:,} pixels long. "
            "Simplify it."
        )
    return polygons_to_rle([area.ravel().tolist() for area in areas], height, width) if areas else None


def _is_near(outline: NDArray[np.float64], height: int, width: int) -> bool:
    """Say whether these are points, and none is far outside, where pycocotools would still follow them."""
    reach = 2 * max(height, width) + 2
    return outline.ndim == 1 and outline.size % 2 == 0 and bool((np.abs(outline) <= reach).all())
