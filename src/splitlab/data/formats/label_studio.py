"""Label Studio's own JSON: a list of tasks with annotations, in percent of the image.

See labelstud.io/guide/export and labelstud.io/guide/task_format. Its COCO and YOLO exports have readers of their own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.dataset import EntryError, LabelState, Problem, TrainVal, unreadable
from splitlab.data.label_files.entries import (
    ODD_ENTRY,
    as_list,
    box_around,
    ellipse,
    no_areas,
    number,
    peeked,
    points,
    read_json,
    text,
    turned,
)
from splitlab.data.label_files.photo_index import Outside, PhotoIndex
from splitlab.data.label_files.records import Record, Shape, dataset_of
from splitlab.data.reading import check_image_size
from splitlab.errors import DataError
from splitlab.geometry import Rle, mask_to_rle

NAME = "Label Studio"

_MAX_BYTES = 500_000_000
_IMAGE_ENDINGS = ("image", "img", "photo", "url")
_STROKES = ("keypointlabels", "keypoint", "vectorlabels", "vector", "videorectangle")
_CHANNELS, _ALPHA = 4, 3
# The bits of the number of values, of a value's length, of the four lengths of runs, and of what begins a run.
_COUNT, _WORD, _SIZE, _KINDS, _HEAD = 32, 5, 4, 4, 3


def is_label_studio_folder(folder: Path) -> bool:
    """Return whether a JSON file of tasks is in the folder or up to two levels below it."""
    return any(_is_tasks(said) for _, said in peeked(folder, ".json"))


def read_label_studio_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read all JSON files of tasks; the photos must lie in the folder, whatever URL a task names.

    Of several annotations of a task, the one marked as ground truth counts, else the last; skipped ones do not. A task
    without one is not labelled: predictions are proposals. Polygons, ellipses and brush strokes are outlines,
    rectangles are boxes. Key points are reported, and break the labels of their photo.

    Raises:
        DataError: the folder cannot be listed, has no such file, or no task can be read.
    """
    photos = PhotoIndex(folder, outside)
    found = [one for path in photos.files(".json") for one in _read_file(path)]
    if not found:
        raise DataError(f"{folder} has no tasks of Label Studio. Export the project as JSON, not as JSON-MIN.")
    return dataset_of(photos, NAME, found)


def _is_tasks(said: bytes) -> bool:
    return (
        said.lstrip().startswith(b"[") and b'"data"' in said and (b'"annotations"' in said or b'"predictions"' in said)
    )


def _read_file(path: Path) -> Iterator[Record | Problem]:
    try:
        content = read_json(path, _MAX_BYTES)
    except EntryError as error:
        yield error.problem
        return
    tasks = content if isinstance(content, list) else []
    for place, task in enumerate(tasks, start=1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            continue
        where = f"task {task.get('id', place)}"
        try:
            yield _read_task(path, task, where)
        except EntryError as error:
            yield error.problem
        except ODD_ENTRY as error:
            what = f"{where[:40]} is no task of Label Studio ({str(error)[:200]})"
            yield unreadable(path, what, "Export the project again.").problem


def _read_task(path: Path, task: dict[str, Any], where: str) -> Record:
    photo = _photo_of(task["data"])
    if photo is None:
        raise unreadable(path, f"{where} names no image", "Export a project of images.")
    annotation = _chosen(as_list(task.get("annotations")))
    results = as_list(annotation.get("result")) if annotation else []
    digest = hashlib.sha256(json.dumps(results, sort_keys=True).encode()).hexdigest()
    shapes: list[Shape] = []
    problems: list[Problem] = []
    strokes: list[str] = []
    size: tuple[int, int] | None = None
    for place, region in enumerate(_regions(results), start=1):
        name = f"region {place} of {where}"
        try:
            if region["type"] in _STROKES:
                strokes.append(region["type"])
                continue
            width, height = int(region["original_width"]), int(region["original_height"])
            check_image_size(width, height, path, f"the image of {where}")
            size = (width, height)
            if (shape := _read_region(region, name, width, height, path)) is not None:
                shapes.append(shape)
        except EntryError as error:
            problems.append(error.problem)
        except ODD_ENTRY as error:
            what = f"{name} cannot be read ({str(error)[:200]})"
            problems.append(unreadable(path, what, "Draw it again, or remove it.").problem)
    problems += no_areas(strokes, path, f"{where}: ")
    state = LabelState.WHOLE if annotation else LabelState.NONE
    return Record(path, photo, tuple(shapes), size, state=state, digest=digest, problems=tuple(problems))


def _photo_of(data: dict[str, Any]) -> str | None:
    """Return the image that a task names: the value under a usual key, else the only text."""
    texts = {key.lower(): value for key, value in data.items() if isinstance(value, str) and value.strip()}
    named = [value for key, value in texts.items() if key.endswith(_IMAGE_ENDINGS)]
    return named[0] if named else next(iter(texts.values())) if len(texts) == 1 else None


def _chosen(annotations: list[Any]) -> dict[str, Any] | None:
    kept = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    truths = [one for one in kept if one.get("ground_truth") is True]
    return (truths or kept)[-1] if kept else None


def _regions(results: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the regions; some projects write the shape and the class of one region as two results of one id."""
    merged: dict[object, dict[str, Any]] = {}
    for place, result in enumerate(results):
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
            continue
        key = result["id"] if isinstance(result.get("id"), str) else place
        known = merged.setdefault(key, {**result, "value": {}})
        known["value"].update(result["value"])
    yield from merged.values()


def _read_region(region: dict[str, Any], where: str, width: int, height: int, path: Path) -> Shape | None:
    """Return the object; None for a region without a shape, such as a choice for the whole image."""
    value = region["value"]
    percent = np.array([width, height], np.float64) / 100
    if not {"points", "rle", "radiusX", "width"} & value.keys():
        return None
    name = _class_of(value)
    if name is None:
        raise unreadable(path, f"{where} has no class", "Give it one, or remove it.")
    if "points" in value:
        return Shape(where, name, outlines=(points(value["points"]) * percent,))
    if "rle" in value:
        return _brushed(value["rle"], where, name, width, height)
    x, y = number(value["x"]) * percent[0], number(value["y"]) * percent[1]
    radians = math.radians(number(value.get("rotation") or 0))
    if "radiusX" in value:
        radii = number(value["radiusX"]) * percent[0], number(value["radiusY"]) * percent[1]
        return Shape(where, name, outlines=(ellipse(x, y, *radii, radians),))
    right, bottom = x + number(value["width"]) * percent[0], y + number(value["height"]) * percent[1]
    corners = np.array([[x, y], [right, y], [right, bottom], [x, bottom]])
    return Shape(where, name, box=box_around(turned(corners, x, y, radians)))


def _class_of(value: dict[str, Any]) -> str | None:
    for key, found in value.items():
        if key.endswith("labels") and isinstance(found, list) and found:
            return text(found[0])
    return None


def _brushed(packed: object, where: str, name: str, width: int, height: int) -> Shape:
    try:
        return Shape(where, name, mask=_brush_to_mask(packed, width, height))
    except ODD_ENTRY as error:
        return Shape(where, name, lost_mask=f"the brush strokes cannot be read ({str(error)[:100]})")


def _brush_to_mask(packed: object, width: int, height: int) -> Rle:
    """Unpack brush strokes: runs of RGBA values row by row, of which alpha says what is painted."""
    bits = "".join(f"{byte:08b}" for byte in bytes(as_list(packed)))
    total = int(bits[:_COUNT], 2)
    if total != _CHANNELS * width * height:
        raise ValueError(f"they have {total:,} values, not {_CHANNELS} for each of {width} x {height} pixels")
    place = _COUNT
    word = int(bits[place : place + _WORD], 2) + 1
    place += _WORD
    sizes = [int(bits[place + _SIZE * kind : place + _SIZE * (kind + 1)], 2) + 1 for kind in range(_KINDS)]
    place += _SIZE * _KINDS
    values = np.zeros(total, np.uint8)
    done = 0
    while done < total:
        is_run, size = bits[place] == "1", sizes[int(bits[place + 1 : place + _HEAD], 2)]
        place += _HEAD
        length = int(bits[place : place + size], 2) + 1
        place += size
        count = 1 if is_run else length
        read = [int(bits[place + word * one : place + word * (one + 1)], 2) for one in range(count)]
        place += word * count
        values[done : done + length] = np.array(read[: total - done] if not is_run else read[0]) & 0xFF
        done += length
    return mask_to_rle(values.reshape(height, width, _CHANNELS)[:, :, _ALPHA] > 0)
