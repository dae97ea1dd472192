"""CVAT for images 1.1: one XML file that lists photos with their shapes.

See docs.cvat.ai/docs/manual/advanced/xml_format.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

import numpy as np

from splitlab.data.dataset import EntryError, LabelState, Problem, ProblemKind, TrainVal, entry_error, unreadable
from splitlab.data.label_files.entries import ODD_ENTRY, box_around, ellipse, no_areas, number, peeked, points, turned
from splitlab.data.label_files.parts import join_groups
from splitlab.data.label_files.photo_index import Outside, PhotoIndex
from splitlab.data.label_files.records import Outline, Record, Shape, dataset_of, part_of, part_of_folders
from splitlab.data.label_files.safe_xml import iter_children
from splitlab.data.reading import check_image_size
from splitlab.errors import DataError
from splitlab.geometry import MaskArray, patch_to_rle

NAME = "CVAT for images"

_MAX_BYTES = 500_000_000
_LABEL_LISTS = ("task", "project", "job")
_STROKES = ("polyline", "points", "skeleton", "cuboid")
_LEAST_POINTS = 3


def is_cvat_folder(folder: Path) -> bool:
    """Return whether an XML file of CVAT is in the folder or up to two levels below it."""
    return any(_is_cvat(said) for _, said in peeked(folder, ".xml"))


def read_cvat_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read all XML files of CVAT for images; subsets and folders called train, val and test are the parts.

    Polygons, ellipses and masks are outlines, boxes are boxes; shapes with one group and label are one object. An image
    without shapes is not labelled, because CVAT lists every image of a task. Lines, points, skeletons and cuboids are
    reported, and break the labels of their image.

    Raises:
        DataError: the folder cannot be listed, has no such file, has tracks of a video, or no image can be read.
    """
    photos = PhotoIndex(folder, outside)
    files = [path for path in photos.files(".xml") if _is_cvat_file(path)]
    if not files:
        raise DataError(f"{folder} has no XML file of CVAT. Export the task as CVAT for images 1.1.")
    reader = _Reader(photos)
    found = [one for path in files for one in reader.read(path)]
    return dataset_of(photos, NAME, found, reader.class_names)


def _is_cvat(said: bytes) -> bool:
    return b"<annotations>" in said and any(tag in said for tag in (b"<image ", b"<meta>", b"<track "))


def _is_cvat_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _is_cvat(file.read(65_536))
    except OSError:
        return False


class _Reader:
    """Reads files, and collects the classes that they declare."""

    def __init__(self, photos: PhotoIndex) -> None:
        self._photos = photos
        self._subset = ""
        self.class_names: list[str] = []

    def read(self, path: Path) -> Iterator[Record | Problem]:
        self._subset = ""
        try:
            for line, element in iter_children(path, _MAX_BYTES):
                if element.tag == "meta":
                    self.class_names += _declared(element)
                    # All images of a task are in one subset; those of a project state their own.
                    self._subset = element.findtext("task/subset") or element.findtext("job/subset") or ""
                elif element.tag == "image":
                    yield self._image_or_problem(element, path, line)
                elif element.tag == "track":
                    what = f"line {line:,}: it has tracks of a video"
                    yield unreadable(path, what, "Export the task as CVAT for images 1.1.").problem
                    return
        except EntryError as error:
            yield error.problem

    def _image_or_problem(self, image: Element, path: Path, line: int) -> Record | Problem:
        where = f"line {line:,}: image {image.get('name', '')[:80]!r}"
        try:
            return self._read_image(image, path, where)
        except EntryError as error:
            return error.problem
        except ODD_ENTRY as error:
            return unreadable(path, f"{where} cannot be read ({str(error)[:200]})", "Export it again.").problem

    def _read_image(self, image: Element, path: Path, where: str) -> Record:
        subset, name = image.get("subset") or self._subset, image.attrib["name"]
        width, height = int(number(image.attrib["width"])), int(number(image.attrib["height"]))
        check_image_size(width, height, path, where)
        images = path.parent / "images"
        photo = self._photos.find(name, [*([images / subset] if subset else []), images, path.parent], path)
        shapes, problems = _read_shapes(image, path, where, width, height)
        return Record(
            path,
            photo,
            join_groups(shapes, path, width, height),
            size=(width, height),
            part=part_of(subset) or part_of_folders(photo, self._photos.root),
            state=LabelState.NONE,
            digest=hashlib.sha256(tostring(image)).hexdigest(),
            problems=tuple(problems),
        )


def _declared(meta: Element) -> list[str]:
    labels = [label for part in _LABEL_LISTS for label in meta.findall(f"{part}/labels/label")]
    # Labels with a parent are the key points of a skeleton.
    return [name for label in labels if label.find("parent") is None and (name := label.findtext("name"))]


def _read_shapes(
    image: Element, path: Path, where: str, width: int, height: int
) -> tuple[list[tuple[Hashable, Shape]], list[Problem]]:
    shapes: list[tuple[Hashable, Shape]] = []
    problems: list[Problem] = []
    strokes: list[str] = []
    for place, element in enumerate(image, start=1):
        named = f"{where}: {element.tag} {place}"
        try:
            if element.tag in _READERS:
                shape = replace(_READERS[element.tag](element), where=named, class_name=element.attrib["label"])
                shapes.append((element.get("group_id"), shape))
            elif element.tag == "mask":
                shape = replace(_mask(element, width, height), where=named, class_name=element.attrib["label"])
                shapes.append((element.get("group_id"), shape))
            elif element.tag in _STROKES:
                strokes.append(element.tag)
        except ODD_ENTRY as error:
            what = f"{named} cannot be read ({type(error).__name__}: {str(error)[:200]})"
            problems.append(entry_error(ProblemKind.LABELS_UNREADABLE, path, what, "Draw it again.").problem)
    return shapes, [*problems, *no_areas(strokes, path, f"{where}: ")]


def _box(element: Element) -> Shape:
    left, top, right, bottom = (number(element.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return Shape("", "", box=box_around(_rotated(corners, element, (left + right) / 2, (top + bottom) / 2)))


def _polygon(element: Element) -> Shape:
    outline = points([pair.split(",") for pair in element.attrib["points"].split(";")])
    if len(outline) < _LEAST_POINTS:
        raise ValueError("it has fewer than three points")
    return Shape("", "", outlines=(outline,))


def _ellipse(element: Element) -> Shape:
    x, y, radius_x, radius_y = (number(element.attrib[side]) for side in ("cx", "cy", "rx", "ry"))
    return Shape("", "", outlines=(_rotated(ellipse(x, y, radius_x, radius_y), element, x, y),))


def _rotated(outline: Outline, element: Element, x: float, y: float) -> Outline:
    return turned(outline, x, y, math.radians(number(element.get("rotation", "0"))))


def _mask(element: Element, width: int, height: int) -> Shape:
    left, top, wide, high = (int(number(element.attrib[side])) for side in ("left", "top", "width", "height"))
    try:
        patch = _patch(element.attrib["rle"], wide, high, width * height)
    except ODD_ENTRY as error:
        box = (float(left), float(top), float(left + wide), float(top + high))
        return Shape("", "", box=box, lost_mask=f"its rle cannot be read ({str(error)[:200]})")
    return Shape("", "", mask=patch_to_rle(patch, left, top, height, width))


def _patch(rle: str, wide: int, high: int, most_pixels: int) -> MaskArray:
    """Read run lengths within the mask's own rectangle: row by row, background first."""
    if min(wide, high) < 1 or wide * high > most_pixels:
        raise ValueError(f"its mask is {wide} x {high} pixels, which do not fit its image")
    counts = np.array([int(count) for count in rle.split(",")], np.int64)
    if (counts < 0).any() or (counts > wide * high).any() or counts.sum() != wide * high:
        raise ValueError(f"it does not fill {wide} x {high} pixels")
    return np.repeat(np.arange(counts.size) % 2 == 1, counts).reshape(high, wide)


_READERS = {"box": _box, "polygon": _polygon, "ellipse": _ellipse}
