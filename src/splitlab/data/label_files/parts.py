"""Shapes that are parts of one object, because the annotator put them into one group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

from splitlab.data.dataset import unreadable
from splitlab.data.label_files.records import Shape, draw_mask
from splitlab.geometry import Rle, union


def join_groups(
    shapes: Sequence[tuple[Hashable, Shape]], label_file: Path, width: int, height: int
) -> tuple[Shape, ...]:
    """Return objects from shapes, each with its group (None: it has none), in an image of this size in pixels.

    Outlines and masks of one group and class are the parts of one object, and a single box among them is its box.
    Several boxes are objects of their own: groups also hold things that belong together.

    Raises:
        EntryError: a mask in a group cannot be read, or an outline that is in a group with masks cannot be drawn.
    """
    groups: dict[Hashable, list[Shape]] = defaultdict(list)
    for place, (group, shape) in enumerate(shapes):
        groups[("alone", place) if group is None else ("group", group, shape.class_name)].append(shape)
    objects: list[Shape] = []
    for members in groups.values():
        lost = next((shape for shape in members if shape.lost_mask), None)
        if lost and len(members) > 1:
            raise unreadable(label_file, f"{lost.where}: {lost.lost_mask}", "Draw its group again.")
        areas = [shape for shape in members if shape.outlines or shape.mask]
        boxes = [shape for shape in members if not (shape.outlines or shape.mask)]
        if areas and len(boxes) == 1:
            areas, boxes = [replace(areas[0], box=boxes[0].box), *areas[1:]], []
        objects += [*boxes, *([_joined(areas, label_file, width, height)] if areas else [])]
    return tuple(objects)


def _joined(parts: Sequence[Shape], label_file: Path, width: int, height: int) -> Shape:
    first = parts[0]
    if len(parts) == 1:
        return first
    is_difficult = any(part.is_difficult for part in parts)
    if not any(part.mask or part.holes for part in parts):
        outlines = tuple(outline for part in parts for outline in part.outlines)
        return replace(first, outlines=outlines, is_difficult=is_difficult)
    masks: list[Rle] = []
    for part in parts:
        mask = part.mask if isinstance(part.mask, dict) else draw_mask(part, label_file, width, height)
        masks += [mask] if mask else []
    return replace(first, outlines=(), holes=(), mask=union(masks) if masks else None, is_difficult=is_difficult)
