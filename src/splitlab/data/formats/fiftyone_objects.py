"""One label of FiftyOne: a detection with or without a mask, or a polyline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from splitlab.data.dataset import EntryError
from splitlab.data.images import MAX_PIXELS
from splitlab.data.label_files.entries import ODD_ENTRY, as_list, number, points, text
from splitlab.data.label_files.packed_masks import from_base64, inflated, npy_to_mask, png_to_mask
from splitlab.data.label_files.photo_index import PhotoIndex
from splitlab.data.label_files.records import Shape
from splitlab.data.reading import read_bounded
from splitlab.geometry import Rle, patch_to_rle

LABEL_KINDS = ("Detections", "Polylines", "Detection", "Polyline")
"""The kinds of labels that are objects."""

_MAX_MASK_BYTES = 50_000_000
# A mask that differs from its box by a pixel was cut out of the image with other rounding.
_ROUNDING = 1
# Boxes in fractions of the image may reach a little beyond it.
_LEAST, _MOST = -0.5, 1.5


def labels_in(value: dict[str, Any]) -> list[Any]:
    """Return the labels of a field: of a list of them, or of a single one."""
    kind = str(value.get("_cls"))
    return as_list(value.get(kind.lower())) if kind in ("Detections", "Polylines") else [value]


def read_label(
    label: Any, where: str, names: list[str], path: Path, photos: PhotoIndex, size: tuple[int, int]
) -> Shape | None:
    """Read one label in an image of `size` (width, height), or return None if it is no area.

    Raises:
        EntryError, or one of `ODD_ENTRY`: it cannot be read.
    """
    width, height = size
    name = _class_name(label["label"], names)
    if "bounding_box" not in label and "points" in label:
        if not (label.get("closed") or label.get("filled")):
            return None
        outlines = tuple(points(outline) * (width, height) for outline in as_list(label["points"]) if outline)
        if not outlines:
            raise ValueError("it has no points")
        return Shape(where, name, outlines=outlines)
    left, top, right, bottom = _fractions(label["bounding_box"])
    box = (left * width, top * height, right * width, bottom * height)
    shape = Shape(where, name, box=box, is_crowd=_is_crowd(label))
    try:
        return replace(shape, mask=_mask_of(label, box, path, photos, size))
    except EntryError as error:
        return replace(shape, lost_mask=error.problem.what)
    except ODD_ENTRY as error:
        return replace(shape, lost_mask=f"its mask cannot be read ({str(error)[:200]})")


def _class_name(stated: object, names: list[str]) -> str:
    """Return a class; where classes are declared, it may be stated by its place among them."""
    if isinstance(stated, int) and not isinstance(stated, bool) and names:
        if not 0 <= stated < len(names):
            raise ValueError(f"class {stated} is not one of the {len(names)} declared")
        return names[stated]
    return "" if stated is None else text(stated)


def _fractions(stated: Any) -> tuple[float, float, float, float]:
    left, top, width, height = (number(side) for side in stated)
    box = (left, top, left + width, top + height)
    if not all(_LEAST <= side <= _MOST for side in box) or min(width, height) < 0:
        raise ValueError(f"its bounding_box {str(stated)[:80]} is not in fractions of the image")
    return box


def _is_crowd(label: dict[str, Any]) -> bool:
    attributes = label.get("attributes")
    stated = attributes.get("iscrowd") if isinstance(attributes, dict) else None
    value = stated.get("value") if isinstance(stated, dict) else label.get("iscrowd")
    return value in (1, True)


def _mask_of(
    label: dict[str, Any],
    box: tuple[float, float, float, float],
    path: Path,
    photos: PhotoIndex,
    size: tuple[int, int],
) -> Rle | None:
    """Return the mask, which is stored for the box alone; None if there is none."""
    pixels = size[0] * size[1]
    if label.get("mask") is not None:
        patch = npy_to_mask(inflated(from_base64(_binary(label["mask"])), pixels), pixels)
    elif label.get("mask_path"):
        stated = text(label["mask_path"])
        file = photos.look_up(stated, [path.parent], path)
        if file is None:
            raise ValueError(f"{stated[:80]!r} is missing")
        patch = png_to_mask(read_bounded(file, _MAX_MASK_BYTES), pixels)
    else:
        return None
    left, top, right, bottom = (round(side) for side in box)
    wide, high = right - left, bottom - top
    if abs(patch.shape[1] - wide) > _ROUNDING or abs(patch.shape[0] - high) > _ROUNDING:
        if min(wide, high) < 1 or wide * high > MAX_PIXELS:
            raise ValueError(f"its bounding_box of {wide} x {high} pixels cannot hold its mask")
        stretched = cv2.resize(patch.astype(np.uint8), (wide, high), interpolation=cv2.INTER_NEAREST)
        patch = np.asarray(stretched, bool)
    return patch_to_rle(patch, left, top, size[1], size[0])


def _binary(stated: Any) -> Any:
    """Return the base64 text of MongoDB's extended JSON, in its old form or its new one, or of plain text."""
    if not isinstance(stated, dict):
        return stated
    found = stated["$binary"]
    return found["base64"] if isinstance(found, dict) else found
