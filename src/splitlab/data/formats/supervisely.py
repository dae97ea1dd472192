"""Supervisely: a project of folders, each with photos in img/ and a JSON file for each photo in ann/.

See docs.supervisely.com, Supervisely annotation format.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from splitlab.data.dataset import EntryError, Problem, TrainVal, unreadable
from splitlab.data.label_files.entries import (
    ODD_ENTRY,
    as_json,
    as_list,
    box_around,
    no_areas,
    number,
    peeked,
    points,
    read_json,
    text,
)
from splitlab.data.label_files.packed_masks import from_base64, inflated, png_to_mask
from splitlab.data.label_files.photo_index import Outside, PhotoIndex, folded
from splitlab.data.label_files.records import Record, Shape, dataset_of, part_of_folders
from splitlab.data.reading import check_image_size, read_bounded
from splitlab.errors import DataError
from splitlab.geometry import patch_to_rle

NAME = "Supervisely"

_MAX_META_BYTES, _MAX_BYTES = 10_000_000, 100_000_000
_META, _LABELS, _PHOTOS = "meta.json", "ann", "img"
_PNG_START = b"\x89PNG"


def is_supervisely_folder(folder: Path) -> bool:
    """Return whether the folder is a project or one of its datasets, or holds a project."""
    return any(_is_supervisely(path, said) for path, said in peeked(folder, ".json"))


def read_supervisely_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read a project with its meta.json, or one of its folders; those called train, val and test are the parts.

    Polygons and bitmaps are outlines, rectangles are boxes. A photo without a file is not labelled; one whose file has
    no objects is background. Lines, points and graphs are reported, and break the labels of their photo.

    Raises:
        DataError: the folder cannot be listed, has no files in ann/, or none of them can be read.
    """
    photos = PhotoIndex(folder, outside)
    by_name: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for photo in photos.photos():
        by_name[photo.parent, folded(photo.name)].append(photo)
        by_name[photo.parent, folded(photo.stem)].append(photo)
    files = photos.files(".json")
    labels = [path for path in files if path.parent.name == _LABELS]
    if not labels:
        raise DataError(f"{folder} has no JSON files in a folder called {_LABELS}. Export the project with labels.")
    titles, problems = _read_titles([path for path in files if path.name == _META and path.parent.name != _LABELS])
    found = _read_all(photos, labels, by_name, titles)
    return dataset_of(photos, NAME, [*problems, *found], list(titles.values()))


def _is_supervisely(path: Path, said: bytes) -> bool:
    if path.parent.name == _LABELS:
        return b'"objects"' in said and b'"size"' in said
    is_meta = path.name == _META and b'"classes"' in said
    return is_meta and (
        (path.parent / _LABELS).is_dir() or any(found.is_dir() for found in path.parent.glob(f"*/{_LABELS}"))
    )


def _read_titles(files: list[Path]) -> tuple[dict[Hashable, str], list[Problem]]:
    """Return the classes by their ids (by their titles where they have none), in the order of the files."""
    titles: dict[Hashable, str] = {}
    problems: list[Problem] = []
    for path in files:
        try:
            for one in as_list(read_json(path, _MAX_META_BYTES)["classes"]):
                titles[one.get("id", one["title"])] = text(one["title"])
        except EntryError as error:
            problems.append(error.problem)
        except ODD_ENTRY as error:
            what = f"its classes cannot be read ({type(error).__name__}: {str(error)[:200]})"
            problems.append(unreadable(path, what, "Export the project again.").problem)
    return titles, problems


def _read_all(
    photos: PhotoIndex,
    labels: list[Path],
    by_name: dict[tuple[Path, str], list[Path]],
    titles: dict[Hashable, str],
) -> Iterator[Record | Problem]:
    for path in labels:
        try:
            raw = read_bounded(path, _MAX_BYTES)
            content = as_json(raw, path)
            photo = _photo_of(path, photos, by_name)
            shapes, size, problems = _read_content(content.get("annotation", content), path, titles)
        except EntryError as error:
            yield error.problem
        except ODD_ENTRY as error:
            what = f"is not a file of Supervisely ({type(error).__name__}: {str(error)[:200]})"
            yield unreadable(path, what, "Export it again.").problem
        else:
            part, digest = part_of_folders(path, photos.root), hashlib.sha256(raw).hexdigest()
            yield Record(path, photo, shapes, size, part, digest=digest, problems=problems)


def _photo_of(path: Path, photos: PhotoIndex, by_name: dict[tuple[Path, str], list[Path]]) -> Path:
    """Return the photo in img/: called as the file without .json, or as the file but for its ending."""
    folder, name = path.parent.parent / _PHOTOS, path.stem
    same = by_name.get((folder, folded(name)), [])
    if folder / name in same or len(same) == 1:
        return folder / name if folder / name in same else same[0]
    return photos.find(f"{_PHOTOS}/{name}", [path.parent.parent], path)


def _read_content(
    content: dict[str, Any], path: Path, titles: dict[Hashable, str]
) -> tuple[tuple[Shape, ...], tuple[int, int], tuple[Problem, ...]]:
    width, height = int(number(content["size"]["width"])), int(number(content["size"]["height"]))
    check_image_size(width, height, path, "its image")
    shapes: list[Shape] = []
    problems: list[Problem] = []
    strokes: list[str] = []
    for place, entry in enumerate(as_list(content["objects"]), start=1):
        where = f"object {place}"
        try:
            kind = _kind_of(entry)
            if kind in _READERS:
                name = text(entry.get("classTitle") or titles[entry["classId"]])
                shapes.append(replace(_READERS[kind](entry, width, height), where=where, class_name=name))
            else:
                strokes.append(kind)
        except ODD_ENTRY as error:
            what = f"{where} cannot be read ({type(error).__name__}: {str(error)[:200]})"
            problems.append(unreadable(path, what, "Draw it again, or remove it.").problem)
    return tuple(shapes), (width, height), (*problems, *no_areas(strokes, path))


def _kind_of(entry: dict[str, Any]) -> str:
    # Old versions call it "type", or leave it out.
    stated = entry.get("geometryType") or entry.get("shape") or entry.get("type")
    return text(stated) if stated else "bitmap" if entry.get("bitmap") else "polygon"


def _polygon(entry: dict[str, Any], _width: int, _height: int) -> Shape:
    outline = points(entry["points"]["exterior"])
    if not outline.size:
        raise ValueError("it has no points")
    holes = tuple(points(hole) for hole in as_list(entry["points"].get("interior")))
    return Shape("", "", outlines=(outline,), holes=holes)


def _rectangle(entry: dict[str, Any], _width: int, _height: int) -> Shape:
    left, top, right, bottom = box_around(points(entry["points"]["exterior"]))
    # Corners in whole pixels are the first and the last pixel.
    last = 1 if all(side.is_integer() for side in (left, top, right, bottom)) else 0
    return Shape("", "", box=(left, top, right + last, bottom + last))


def _bitmap(entry: dict[str, Any], width: int, height: int) -> Shape:
    left, top = (int(number(side)) for side in entry["bitmap"]["origin"])
    raw = from_base64(entry["bitmap"]["data"])
    png = raw if raw.startswith(_PNG_START) else inflated(raw, width * height)
    return Shape("", "", mask=patch_to_rle(png_to_mask(png, width * height), left, top, height, width))


_READERS = {"polygon": _polygon, "rectangle": _rectangle, "bitmap": _bitmap}
