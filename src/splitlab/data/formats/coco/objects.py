"""One COCO annotation: its class, its box and its mask."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Box, EntryError, ImageId, ObjectLabel, Problem, ProblemKind, entry_error, unreadable
from splitlab.data.formats.coco.classes import coco_id
from splitlab.geometry import (
    LEAST_OUTLINE_NUMBERS,
    MAX_OUTLINE_PIXELS,
    Rle,
    outline_length,
    polygons_to_rle,
    rle_area,
    rle_fits,
    rle_to_xyxy,
    run_lengths_to_rle,
    union,
)

ODD_ENTRY = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""Raised for entries that are not valid COCO."""
_POINT_NUMBERS = 2
_WORDS = {"false": False, "true": True}
# How Python writes the counts of pycocotools, which are bytes.
_BYTES = re.compile(r"b(['\"])(?P<counts>.*)\1", re.DOTALL)


def read_object(
    annotation: dict[str, Any], index_of: dict[ImageId, int], height: int, width: int, path: Path
) -> tuple[ObjectLabel, list[Problem]]:
    """Read one annotation; if only its mask is broken, the object keeps its box.

    `index_of` maps category ids to class indices; `height` and `width` are its image's, in pixels.

    Raises:
        EntryError: it has no class or no box.
    """
    where = entry_name(annotation)
    try:
        category_id = coco_id(annotation["category_id"])
        if category_id not in index_of:
            what = f"{where} has category {category_id}, which is not in 'categories'"
            raise unreadable(path, what, "Add the category, or remove the annotation.")
        mask, problems = _mask_or_problems(annotation, height, width, path)
        label = ObjectLabel(
            class_index=index_of[category_id],
            box=_to_box(annotation, mask, path),
            mask=mask,
            is_crowd=_is_crowd(annotation),
        )
    except ODD_ENTRY as error:
        what = f"{where} is not valid COCO ({type(error).__name__}: {error})"
        raise unreadable(path, what, "It needs category_id, a bbox of four numbers and segmentation.") from error
    return label, problems


def entry_name(annotation: object) -> str:
    """Return the name of an annotation in messages."""
    return f"annotation {annotation.get('id') if isinstance(annotation, dict) else annotation!r}"


def has_box_in_fractions(annotation: dict[str, Any]) -> bool:
    """Return whether a box is in fractions, as in YOLO; a whole pixel in the corner is not."""
    sides = _sides(annotation)
    return sides is not None and all(0 <= side <= 1 for side in sides) and not all(side.is_integer() for side in sides)


def stated_box(annotation: dict[str, Any]) -> Box | None:
    """Return the stated box as xyxy, pixels; None if it is missing or not four finite numbers."""
    sides = _sides(annotation)
    if sides is None or not all(map(math.isfinite, sides)):
        return None
    left, top, width, height = sides
    return left, top, left + width, top + height


def _is_crowd(annotation: dict[str, Any]) -> bool:
    stated = annotation.get("iscrowd") or 0
    word = stated.strip().lower() if isinstance(stated, str) else ""
    return _WORDS[word] if word in _WORDS else bool(int(stated))


def _sides(annotation: dict[str, Any]) -> Box | None:
    try:
        left, top, width, height = (float(side) for side in annotation["bbox"])
    except ODD_ENTRY:
        return None
    return left, top, width, height


def _mask_or_problems(
    annotation: dict[str, Any], height: int, width: int, path: Path
) -> tuple[Rle | None, list[Problem]]:
    segmentation = annotation.get("segmentation")
    # Our own export writes the box as a polygon for tools that fail without one.
    if not segmentation or annotation.get("box_only") in (1, True):
        return None, []
    where = entry_name(annotation)
    try:
        if isinstance(segmentation, list) and all(isinstance(part, dict) for part in segmentation):
            return union([_to_rle(where, part, height, width, path) for part in segmentation]), []
        if isinstance(segmentation, list):
            return _polygons_to_mask(where, segmentation, height, width, path)
        return _to_rle(where, segmentation, height, width, path), []
    except EntryError as error:
        return None, [error.problem]
    except ODD_ENTRY as error:
        what = f"the segmentation of {where} is not valid COCO ({type(error).__name__}: {error})"
        return None, [Problem(ProblemKind.MASK, str(path), what, "Export the mask again; its box is kept.")]


def _polygons_to_mask(
    where: str, segmentation: list[Any], height: int, width: int, path: Path
) -> tuple[Rle | None, list[Problem]]:
    """Draw outlines; report those with fewer than three points."""
    outlines = [np.asarray(outline, dtype=np.float64) for outline in _as_outlines(segmentation)]
    if not all(_is_near(outline, height, width) for outline in outlines):
        what = f"a polygon of {where} is not a list x0, y0, x1, y1, ... of points near its image"
        raise entry_error(ProblemKind.MASK, path, what, "Export the mask again; its box is kept.")
    areas = [outline.reshape(-1, 2) for outline in outlines if outline.size >= LEAST_OUTLINE_NUMBERS]
    if sum(map(outline_length, areas)) > MAX_OUTLINE_PIXELS:
        what = f"the outline of {where} is over {MAX_OUTLINE_PIXELS:,} pixels long"
        raise entry_error(ProblemKind.MASK, path, what, "Simplify it; its box is kept.")
    short = sum(0 < outline.size < LEAST_OUTLINE_NUMBERS for outline in outlines)
    problems = []
    if short:
        kept = "" if areas else ", so it has no mask"
        what = f"{short} of {len(outlines)} outlines of {where} have fewer than three points{kept}"
        problems.append(Problem(ProblemKind.OUTLINE, str(path), what, "Draw the outline again, or remove it."))
    mask = polygons_to_rle([area.ravel().tolist() for area in areas], height, width) if areas else None
    return mask, problems


def _as_outlines(segmentation: list[Any]) -> list[Any]:
    """Return flat outlines x0, y0, x1, y1, ...

    Accepts COCO's [[x0, y0, x1, y1, ...], ...], one flat outline, one list of points [[x, y], ...], or a list of those.
    """
    if all(_is_number(entry) for entry in segmentation):
        return [segmentation]
    if _are_points(segmentation):
        return [_flat(segmentation)]
    return [_flat(outline) if _are_points(outline) else outline for outline in segmentation]


def _are_points(outline: Any) -> bool:
    return (
        isinstance(outline, Sequence)
        and len(outline) > 0
        and all(
            isinstance(point, list) and len(point) == _POINT_NUMBERS and all(map(_is_number, point))
            for point in outline
        )
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(points: Sequence[Sequence[float]]) -> list[float]:
    return [number for point in points for number in point]


def _is_near(outline: NDArray[np.float64], height: int, width: int) -> bool:
    """Return whether these are points near the image; pycocotools would also follow distant ones."""
    reach = 2 * max(height, width) + 2
    return outline.ndim == 1 and outline.size % 2 == 0 and bool((np.abs(outline) <= reach).all())


def _to_rle(where: str, segmentation: dict[str, Any], height: int, width: int, path: Path) -> Rle:
    size, counts = list(segmentation["size"]), segmentation["counts"]
    if isinstance(counts, str) and (written := _BYTES.fullmatch(counts)):
        counts = written["counts"].replace("\\\\", "\\")
    if isinstance(counts, list):
        counts = [int(count) if isinstance(count, float) and count.is_integer() else count for count in counts]
        fits = all(type(count) is int and count >= 0 for count in counts) and sum(counts) == height * width
    else:
        fits = rle_fits(counts, height, width)
    if size != [height, width] or not fits:
        what = f"the RLE mask of {where} does not fill its image of {height} x {width} pixels (its size says {size})"
        raise entry_error(ProblemKind.MASK, path, what, "Export the mask again; its box is kept.")
    if isinstance(counts, list):
        return run_lengths_to_rle(counts, height, width)
    return {"size": [height, width], "counts": counts}


def _to_box(annotation: dict[str, Any], mask: Rle | None, path: Path) -> Box:
    stated = annotation.get("bbox")
    # Some tools write only the mask.
    if not stated and mask is not None and rle_area(mask) > 0:
        left, top, right, bottom = rle_to_xyxy(mask).tolist()
        return left, top, right, bottom
    left, top, box_width, box_height = (float(side) for side in annotation["bbox"])
    box = (left, top, left + box_width, top + box_height)
    if not all(math.isfinite(side) for side in box):
        what = f"{entry_name(annotation)} has a bbox with a side that is not a number ({str(stated)[:80]})"
        raise entry_error(ProblemKind.BOX, path, what, "Draw the box again.")
    return box
