"""One annotation of PASCAL VOC's format: an XML file for each photo."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from splitlab.data.dataset import EntryError, IndexedMask, Problem, ProblemKind, entry_error, unreadable
from splitlab.data.images import read_size, unread_photo
from splitlab.data.label_files.entries import ODD_ENTRY, points
from splitlab.data.label_files.records import Outline, Record, Shape
from splitlab.data.label_files.safe_xml import parse_xml
from splitlab.data.reading import check_image_size, read_bounded
from splitlab.errors import ImageError

_MAX_XML_BYTES = 1_000_000
# In SegmentationObject 255 is the border between objects.
_BORDER = 255
_OUTLINES = ("polygon", "segmentation")
# The last point may repeat the first.
_CORNERS = (4, 5)


def read_annotation(path: Path, photo: Path, masks: Path | None) -> Record:
    """Read one XML file; the order of objects is their number in `masks`, an image of all objects.

    A size that is missing or 0 is read from the photo. Boxes are clipped to the image. Objects that cannot be read are
    in `Record.problems`.

    Raises:
        EntryError: it is not a VOC annotation, its image has no possible size, or it has too many objects.
    """
    raw = read_bounded(path, _MAX_XML_BYTES)
    xml = parse_xml(raw, path)
    if xml.tag != "annotation":
        raise unreadable(path, f"its root is <{xml.tag[:40]}>, not <annotation>", "Export the labels as VOC.")
    width, height = _size(xml, path, photo)
    check_image_size(width, height, path, "its image")
    elements = xml.findall("object")
    if masks is not None and len(elements) >= _BORDER:
        what = f"has {len(elements)} objects; VOC's masks can distinguish {_BORDER - 1}"
        raise unreadable(path, what, "Correct the annotation.")
    shapes: list[Shape] = []
    problems: list[Problem] = []
    for value, element in enumerate(elements, start=1):
        mask = None if masks is None else IndexedMask(masks, value)
        try:
            shapes.append(_to_shape(element, value, width, height, mask, path))
        except EntryError as error:
            problems.append(error.problem)
    digest = hashlib.sha256(raw).hexdigest()
    return Record(path, photo, tuple(shapes), (width, height), digest=digest, problems=tuple(problems))


def stated_classes(path: Path) -> set[str]:
    """Return the class names of an XML file's objects; none if it cannot be read."""
    try:
        names = parse_xml(read_bounded(path, _MAX_XML_BYTES), path).findall("object/name")
    except EntryError:
        return set()
    return {name for element in names if (name := (element.text or "").strip())}


def stated_photo(path: Path) -> str:
    """Return the name of the photo that an XML file states, empty if it states none or cannot be read."""
    try:
        return (parse_xml(read_bounded(path, _MAX_XML_BYTES), path).findtext("filename") or "").strip()
    except EntryError:
        return ""


def _size(xml: Element, path: Path, photo: Path) -> tuple[int, int]:
    stated = [xml.findtext(f"size/{side}") for side in ("width", "height")]
    if all(text is not None and text.strip() not in ("", "0") for text in stated):
        return int(_number(xml, "size/width", path)), int(_number(xml, "size/height", path))
    try:
        return read_size(photo).upright
    except ImageError as error:
        raise EntryError(unread_photo(photo, error)) from error


def _number(element: Element, tag: str, path: Path) -> float:
    text = element.findtext(tag)
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = f"<{tag}> is {(text or 'missing')[:40]!r}, not a number"
        raise unreadable(path, what, "Correct the annotation.")
    return number


def _to_shape(element: Element, value: int, width: int, height: int, mask: IndexedMask | None, path: Path) -> Shape:
    if element.find("bndbox") is None:
        shape = _with_outline(Shape(f"object {value}", (element.findtext("name") or "").strip()), element)
        if shape.outlines:
            return shape
        raise unreadable(path, f"object {value} has no <bndbox>", "Draw a box around it, or remove it.")
    left, right = _first_to_last(element, "x", width, path)
    top, bottom = _first_to_last(element, "y", height, path)
    name = (element.findtext("name") or "").strip()
    if left >= right or top >= bottom:
        box = f"{left:g} {top:g} {right:g} {bottom:g}"
        what = f"the box of '{name[:40]}' (xyxy {box}) holds no pixel of its {width} x {height} image"
        raise entry_error(ProblemKind.BOX, path, what, "Correct its bndbox.")
    if not name:
        raise unreadable(path, f"object {value} has no <name>", "Give it one.")
    is_difficult = (element.findtext("difficult") or "").strip() == "1"
    shape = Shape(f"object {value}", name, (left, top, right, bottom), mask=mask, is_difficult=is_difficult)
    return shape if mask is not None else _with_outline(shape, element)


def _first_to_last(element: Element, axis: str, length: int, path: Path) -> tuple[float, float]:
    """Return where a box begins and ends; some tools write the corners in the order in which they were drawn."""
    low, high = sorted(_number(element, f"bndbox/{axis}{end}", path) for end in ("min", "max"))
    # VOC counts pixels from 1, and includes xmax and ymax.
    return max(low - 1, 0), min(high, length)


def _with_outline(shape: Shape, element: Element) -> Shape:
    """Add the outline that Roboflow, RectLabel and LabelMe write beside the box; one of its corners only is no mask."""
    for tag in _OUTLINES:
        stated = element.find(tag)
        if stated is None:
            continue
        try:
            outline = points(list(_places(stated)))
        except ODD_ENTRY as error:
            return replace(shape, lost_mask=f"its {tag} cannot be read ({str(error)[:200]})")
        return shape if _is_rectangle(outline) else replace(shape, outlines=(outline,))
    return shape


def _places(stated: Element) -> Iterator[list[str | None]]:
    """Yield the points of <x1>, <y1>, <x2>, ... or of <pt><x>, <y>."""
    yield from ([point.findtext("x"), point.findtext("y")] for point in stated.findall("pt"))
    number = 1
    while stated.find(f"x{number}") is not None:
        yield [stated.findtext(f"x{number}"), stated.findtext(f"y{number}")]
        number += 1


def _is_rectangle(outline: Outline) -> bool:
    return len(outline) in _CORNERS and all(len(np.unique(side)) <= 2 for side in outline.T)
