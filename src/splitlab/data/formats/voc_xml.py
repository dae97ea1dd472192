"""One VOC annotation file: the image's size and its objects with boxes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from splitlab.data.dataset import Box
from splitlab.data.formats.label_files import check_image_size, read_bounded
from splitlab.data.problem import EntryError, Problem, ProblemKind, entry_error

MAX_XML_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class VocObject:
    """One object: its class, its box (xyxy, pixels counted from 0, far edge outside), and whether it is difficult."""

    class_name: str
    box: Box
    is_difficult: bool


@dataclass(frozen=True, slots=True)
class VocAnnotation:
    """What an XML file says of its image.

    Attributes:
        width: of the image, pixels.
        height: of the image, pixels.
        objects: in their order; None where one cannot be read.
        sha256: of the file.
        problems: what is wrong with the objects that cannot be read.
    """

    width: int
    height: int
    objects: tuple[VocObject | None, ...]
    sha256: str
    problems: tuple[Problem, ...]


def read_voc_annotation(path: Path) -> VocAnnotation:
    """Read Annotations/ID.xml; objects keep their order, which is how SegmentationObject numbers them.

    Raises:
        DataError: the file is missing, over 1 MB, no plain XML, or lacks a size that can be.
    """
    raw = read_bounded(path, MAX_XML_BYTES)
    root = _parse(raw, path)
    width, height = int(_number(root, "size/width", path)), int(_number(root, "size/height", path))
    check_image_size(width, height, path, "its image")
    objects: list[VocObject | None] = []
    problems: list[Problem] = []
    for element in root.findall("object"):
        try:
            objects.append(_to_object(element, width, height, path))
        except EntryError as error:
            objects.append(None)
            problems.append(error.problem)
    return VocAnnotation(width, height, tuple(objects), hashlib.sha256(raw).hexdigest(), tuple(problems))


def _parse(raw: bytes, path: Path) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse_doctype(*_declared: object) -> NoReturn:
        # Entities can be declared in a DOCTYPE only, and a few of them can grow to gigabytes.
        what = "has a DOCTYPE, which no VOC annotation has"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, path, what, "Unpack the data set again.")

    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        what = f"is no XML that can be read ({error})"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, path, what, "Unpack the data set again.") from error
    return builder.close()


def _to_object(element: Element, width: int, height: int, path: Path) -> VocObject:
    # VOC counts pixels from 1, and xmax and ymax are inside.
    left = max(_number(element, "bndbox/xmin", path) - 1, 0)
    top = max(_number(element, "bndbox/ymin", path) - 1, 0)
    right = min(_number(element, "bndbox/xmax", path), width)
    bottom = min(_number(element, "bndbox/ymax", path), height)
    class_name = (element.findtext("name") or "").strip()
    if left >= right or top >= bottom:
        what = (
            f"the box of '{class_name[:40]}' (xyxy {left:g} {top:g} {right:g} {bottom:g}) holds no pixel of its "
            f"{width} x {height} image"
        )
        raise entry_error(ProblemKind.BOX, path, what, "Correct its bndbox.")
    return VocObject(class_name, (left, top, right, bottom), (element.findtext("difficult") or "").strip() == "1")


def _number(element: Element, tag: str, path: Path) -> float:
    text = element.findtext(tag)
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = f"<{tag}> is {(text or 'missing')[:40]!r}, not a number"
        raise entry_error(ProblemKind.LABELS_UNREADABLE, path, what, "Correct the annotation.")
    return number
