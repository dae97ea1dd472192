"""Labelme: one JSON file for each photo, beside it or in another folder.

Files of X-AnyLabeling have the same form, those of ISAT a similar one. See github.com/wkentaro/labelme and
github.com/yatengLG/ISAT_with_segment_anything.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from splitlab.data.dataset import EntryError, Problem, ProblemKind, TrainVal, entry_error, unreadable
from splitlab.data.images import PHOTO_ENDINGS, unread_photo
from splitlab.data.label_files.entries import (
    ODD_ENTRY,
    as_json,
    as_list,
    box_around,
    ellipse,
    no_areas,
    peeked,
    points,
    text,
)
from splitlab.data.label_files.packed_masks import from_base64, png_to_mask
from splitlab.data.label_files.parts import join_groups
from splitlab.data.label_files.photo_index import Outside, PhotoIndex, folded
from splitlab.data.label_files.records import Outline, Record, Shape, dataset_of, labelled_size, part_of_folders
from splitlab.data.reading import check_image_size, read_bounded
from splitlab.errors import DataError, ImageError
from splitlab.geometry import patch_to_rle

NAME = "Labelme"

# By default, files hold the photo itself, as base64.
_MAX_BYTES = 100_000_000

_ISAT, _ISAT_BACKGROUND = "ISAT", "__background__"
_OUTLINES = ("polygon", "")
# A turned rectangle is a box around the object, not its outline.
_BOXES = ("rectangle", "rotation", "oriented_rectangle", "quadrilateral")


def is_labelme_folder(folder: Path) -> bool:
    """Return whether JSON files of Labelme are in the folder or up to two levels below it."""
    return any(_is_labelme(said) for _, said in peeked(folder, ".json"))


def read_labelme_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read Labelme's files in a folder and below it; folders called train, val and test are the parts.

    Polygons, circles and masks are outlines, rectangles are boxes; shapes with one `group_id` and label are one object.
    A photo without a file is not labelled; one whose file has no shapes is background. Lines and points are reported,
    and break the labels of their photo, unless they are in the group of an object.

    Raises:
        DataError: the folder cannot be listed, or none of the files can be read.
    """
    photos = PhotoIndex(folder, outside)
    beside: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for photo in photos.photos():
        beside[photo.parent, folded(photo.stem)].append(photo)
    data = dataset_of(photos, NAME, _read_all(photos, beside))
    if not (data.train.images or data.val.images):
        raise DataError(f"{folder} has no photos and no files of Labelme. Put the JSON files beside their photos.")
    return data


def _is_labelme(said: bytes) -> bool:
    if b'"ISAT"' in said and b'"objects"' in said and b'"segmentation"' in said:
        return True
    return b'"shapes"' in said and any(key in said for key in (b'"imagePath"', b'"imageData"', b'"imageHeight"'))


def _read_all(photos: PhotoIndex, beside: dict[tuple[Path, str], list[Path]]) -> Iterator[Record | Problem]:
    for path in photos.files(".json"):
        try:
            raw = read_bounded(path, _MAX_BYTES)
            content = as_json(raw, path)
            if _is_isat(content):
                content = _from_isat(content)
            if isinstance(content, dict) and ("shapes" in content or "imagePath" in content):
                yield _read_file(path, content, photos, beside, hashlib.sha256(raw).hexdigest())
        except EntryError as error:
            yield error.problem
        except ODD_ENTRY as error:
            yield _not_labelme(path, error)


def _is_isat(content: Any) -> bool:
    info = content.get("info") if isinstance(content, dict) else None
    return isinstance(info, dict) and info.get("description") == _ISAT and "objects" in content


def _from_isat(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a file of ISAT as Labelme would write it; areas of its background are left out."""
    info = content["info"]
    shapes = [
        {"label": one["category"], "points": one["segmentation"], "group_id": one.get("group")}
        for one in as_list(content["objects"])
        if one["category"] != _ISAT_BACKGROUND
    ]
    size = {"imageWidth": info.get("width"), "imageHeight": info.get("height")}
    return {"shapes": shapes, "imagePath": info.get("name"), **size}


def _read_file(
    path: Path, content: dict[str, Any], photos: PhotoIndex, beside: dict[tuple[Path, str], list[Path]], digest: str
) -> Record:
    entries = as_list(content["shapes"])
    photo = _photo_of(path, content, photos, beside)
    width, height = _size_of(path, photo, content, entries)
    shapes: list[tuple[Hashable, Shape]] = []
    problems: list[Problem] = []
    strokes: list[tuple[Hashable, str]] = []
    for number, entry in enumerate(entries, start=1):
        where = f"shape {number}"
        try:
            group, kind = _group_of(entry), str(entry.get("shape_type") or "")
            if kind in _OUTLINES or kind in _BOXES or kind in ("circle", "mask"):
                shapes.append((group, _read_shape(entry, kind, where, width, height)))
            else:
                strokes.append((group, kind))
        except EntryError as error:
            problems.append(error.problem)
        except ODD_ENTRY as error:
            what = f"{where} cannot be read ({str(error)[:200]})"
            problems.append(unreadable(path, what, "Draw it again, or remove it.").problem)
    # Key points have the group of their object.
    groups = {group for group, _ in shapes if group is not None}
    problems += no_areas([kind for group, kind in strokes if group not in groups], path)
    return Record(
        path,
        photo,
        join_groups(shapes, path, width, height),
        size=(width, height),
        part=part_of_folders(photo, photos.root) or part_of_folders(path, photos.root),
        digest=digest,
        problems=tuple(problems),
    )


def _photo_of(
    path: Path, content: dict[str, Any], photos: PhotoIndex, beside: dict[tuple[Path, str], list[Path]]
) -> Path:
    """Return the photo of the same name beside the file, else the one that the file names, else one of its name."""
    named = beside.get((path.parent, folded(path.stem)), [])
    if len(named) == 1:
        return named[0]
    stated = text(content.get("imagePath") or "")
    found = photos.look_up(stated, [path.parent], path) if stated else None
    if found is not None:
        return found
    for ending in PHOTO_ENDINGS:
        same = photos.look_up(f"{path.stem}{ending}", [path.parent], path)
        if same is not None:
            return same
    if content.get("imageData"):
        what = f"the photo {stated[:80]!r} is missing; it is only inside this file"
        way_out = "Save it beside the file; the command labelme_export_json of Labelme 5 does."
        raise entry_error(ProblemKind.PHOTO_MISSING, path, what, way_out)
    return photos.find(stated or f"{path.stem}.jpg", [path.parent], path)


def _size_of(path: Path, photo: Path, content: dict[str, Any], entries: list[Any]) -> tuple[int, int]:
    stated = None
    if isinstance(content.get("imageWidth"), int) and isinstance(content.get("imageHeight"), int):
        stated = (content["imageWidth"], content["imageHeight"])
    boxes = []
    for entry in entries:
        try:
            boxes.append(box_around(points(entry["points"])))
        except ODD_ENTRY:
            continue
    try:
        width, height = labelled_size(photo, stated, boxes)
    except ImageError as error:
        raise EntryError(unread_photo(photo, error)) from error
    check_image_size(width, height, path, "its image")
    return width, height


def _group_of(entry: dict[str, Any]) -> Hashable:
    group = entry.get("group_id")
    return group if isinstance(group, int | str) and group != "" else None


def _read_shape(entry: dict[str, Any], kind: str, where: str, width: int, height: int) -> Shape:
    name, is_difficult = text(entry["label"]), entry.get("difficult") is True
    outline = points(entry["points"])
    if kind in _BOXES:
        return Shape(where, name, box=box_around(outline), is_difficult=is_difficult)
    if kind == "circle":
        (x, y), (edge_x, edge_y) = outline.tolist()
        radius = math.hypot(edge_x - x, edge_y - y)
        return Shape(where, name, outlines=(ellipse(x, y, radius, radius),), is_difficult=is_difficult)
    if kind == "mask":
        return replace(_mask_shape(entry, outline, where, name, width, height), is_difficult=is_difficult)
    if not outline.size:
        raise ValueError("it has no points")
    return Shape(where, name, outlines=(outline,), is_difficult=is_difficult)


def _mask_shape(entry: dict[str, Any], corners: Outline, where: str, name: str, width: int, height: int) -> Shape:
    # The corners are the first and the last pixel.
    left, top, right, bottom = (int(side) for side in box_around(corners))
    wide, high = right - left + 1, bottom - top + 1
    try:
        mask = png_to_mask(from_base64(entry["mask"]), width * height)
        if mask.shape != (high, wide):
            raise ValueError(f"it has {mask.shape[1]} x {mask.shape[0]} pixels, its points enclose {wide} x {high}")
    except ODD_ENTRY as error:
        box = (float(left), float(top), float(left + wide), float(top + high))
        return Shape(where, name, box=box, lost_mask=f"its mask cannot be read ({str(error)[:200]})")
    return Shape(where, name, mask=patch_to_rle(mask, left, top, height, width))


def _not_labelme(path: Path, error: Exception) -> Problem:
    what = f"is not a file of Labelme ({type(error).__name__}: {str(error)[:200]})"
    return unreadable(path, what, "Save it again, or remove it.").problem
