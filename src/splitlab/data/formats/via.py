"""VGG Image Annotator, versions 1 and 2: projects, JSON and CSV exports.

See www.robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.dataset import EntryError, LabelState, Problem, TrainVal, json_hash, unreadable
from splitlab.data.formats.via_files import ViaFile, ViaPhoto, is_via, read_via_file
from splitlab.data.label_files.entries import ODD_ENTRY, ellipse, no_areas, number, peeked, text
from splitlab.data.label_files.photo_index import Outside, PhotoIndex
from splitlab.data.label_files.records import Outline, Record, Shape, dataset_of, part_of_folders
from splitlab.errors import DataError

NAME = "VGG Image Annotator"

_ONLY_CLASS = "object"
_CLASS_KEYS = ("class", "label", "name", "type", "category", "object")
_STROKES = ("point", "line")
_LEAST_POINTS = 3


def is_via_folder(folder: Path) -> bool:
    """Return whether a file of VIA is in the folder or up to two levels below it."""
    return any(is_via(said) for ending in (".json", ".csv") for _, said in peeked(folder, ending))


def read_via_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read VIA's projects, or its exports where there is no project; folders called train, val and test are the parts.

    Polygons, circles and ellipses are outlines, rectangles are boxes. The class is the value of the only region
    attribute, or of the one called class, label, name, type, category or object; without attributes, all regions are of
    one class. A photo without regions is not labelled, because VIA lists every photo. Open lines and points are
    reported, and break the labels of their photo.

    Raises:
        DataError: the folder cannot be listed, has no such file, was written by VIA 3, has several attributes of which
            any may be the class, or no photo can be read.
    """
    photos = PhotoIndex(folder, outside)
    files, problems = _read_files(photos)
    if not files and not problems:
        raise DataError(f"{folder} has no file of VIA 2. Export the annotations as JSON and put the file there.")
    key = _class_key([photo for file in files for photo in file.photos], files)
    found: list[Record | Problem] = [*problems]
    for file in files:
        found += file.problems
        found += (_to_record(photo, file.path, key, photos) for photo in file.photos)
    data = dataset_of(photos, NAME, found, [name for file in files for name in file.options.get(key, [])])
    if key or not any(photo.regions for file in files for photo in file.photos):
        return data
    note = f"The regions have no attributes, so all are of one class, {_ONLY_CLASS}."
    return replace(data, notes=(*data.notes, note))


def _read_files(photos: PhotoIndex) -> tuple[list[ViaFile], list[Problem]]:
    """Read the best file of each folder: projects, else exports to JSON, else those to CSV."""
    by_folder: dict[Path, dict[int, list[ViaFile]]] = defaultdict(lambda: defaultdict(list))
    problems: list[Problem] = []
    for path in (*photos.files(".json"), *photos.files(".csv")):
        try:
            file = read_via_file(path)
        except EntryError as error:
            problems.append(error.problem)
            continue
        if file is not None:
            by_folder[path.parent][file.rank].append(file)
    return [file for ranks in by_folder.values() for file in ranks[min(ranks)]], problems


def _class_key(photos: list[ViaPhoto], files: list[ViaFile]) -> str:
    """Return the name of the attribute that is the class, or "" if there are no attributes."""
    used = Counter(name for photo in photos for region in photo.regions for name in _attributes_of(region))
    names = list(used) or [name for file in files for name in file.options]
    if len(set(names)) <= 1:
        return names[0] if names else ""
    for wanted in _CLASS_KEYS:
        known = [name for name in names if name.strip().casefold() in (wanted, f"{wanted}s", f"{wanted}_name")]
        if known:
            return max(known, key=lambda name: used[name])
    shown = ", ".join(name[:40] for name in sorted(names)[:6])
    raise DataError(
        f"{files[0].path}: regions have the attributes {shown}, and any may be the class. Call that one class."
    )


def _attributes_of(region: Any) -> list[str]:
    attributes = region.get("region_attributes") if isinstance(region, dict) else None
    return [name for name, value in attributes.items() if value] if isinstance(attributes, dict) else []


def _to_record(photo: ViaPhoto, path: Path, key: str, photos: PhotoIndex) -> Record | Problem:
    try:
        found = photos.find(photo.name, [path.parent], path)
        digest = json_hash([photo.name, photo.regions])
    except EntryError as error:
        return error.problem
    except ODD_ENTRY as error:
        what = f"{photo.where} cannot be read ({str(error)[:200]})"
        return unreadable(path, what, "Export it again.").problem
    shapes: list[Shape] = []
    problems: list[Problem] = list(photo.problems)
    strokes: list[str] = []
    for place, region in enumerate(photo.regions, start=1):
        where = f"{photo.where}: region {place}"
        try:
            shape = _read_shape(region["shape_attributes"])
            if shape is None:
                strokes.append(text(region["shape_attributes"]["name"]))
                continue
            name = _value(region["region_attributes"].get(key)) if key else _ONLY_CLASS
            shapes.append(replace(shape, where=where, class_name=name))
        except ODD_ENTRY as error:
            what = f"{where} cannot be read ({type(error).__name__}: {str(error)[:200]})"
            problems.append(unreadable(path, what, "Draw it again, or remove it.").problem)
    problems += no_areas(strokes, path, f"{photo.where}: ")
    part = part_of_folders(found, photos.root) or part_of_folders(path, photos.root)
    return Record(path, found, tuple(shapes), part=part, state=LabelState.NONE, digest=digest, problems=tuple(problems))


def _value(stated: object) -> str:
    """Return the class; a checkbox has a value for each option."""
    if isinstance(stated, Mapping):
        chosen = [name for name, is_chosen in stated.items() if is_chosen]
        if len(chosen) > 1:
            raise ValueError(f"it is of {len(chosen)} classes, {chosen[0][:40]} and {chosen[1][:40]}")
        return chosen[0] if chosen else ""
    return "" if stated is None else text(stated)


def _read_shape(stated: dict[str, Any]) -> Shape | None:
    """Return a region's shape, or None if it is no area."""
    kind = stated["name"]
    if kind == "rect":
        left, top, width, height = (number(stated[side]) for side in ("x", "y", "width", "height"))
        return Shape("", "", box=(left, top, left + width, top + height))
    if kind == "circle":
        radii = (number(stated["r"]),) * 2
        return Shape("", "", outlines=(ellipse(number(stated["cx"]), number(stated["cy"]), *radii),))
    if kind == "ellipse":
        x, y, radius_x, radius_y = (number(stated[side]) for side in ("cx", "cy", "rx", "ry"))
        return Shape("", "", outlines=(ellipse(x, y, radius_x, radius_y, number(stated.get("theta") or 0)),))
    if kind == "polygon":
        return Shape("", "", outlines=(_outline(stated),))
    if kind == "polyline":
        outline = _outline(stated)
        is_closed = len(outline) > _LEAST_POINTS and bool((outline[0] == outline[-1]).all())
        return Shape("", "", outlines=(outline,)) if is_closed else None
    if kind not in _STROKES:
        raise ValueError(f"VIA has no shape called {str(kind)[:40]!r}")
    return None


def _outline(stated: dict[str, Any]) -> Outline:
    columns, rows = ([number(place) for place in stated[key]] for key in ("all_points_x", "all_points_y"))
    if len(columns) != len(rows) or not rows:
        raise ValueError(f"it has {len(columns)} places x and {len(rows)} places y")
    return np.array([columns, rows], np.float64).T
