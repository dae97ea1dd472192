"""Label Studio: tasks with predictions to correct, and the labelling configuration that shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from colorsys import hsv_to_rgb
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel, TrainVal
from splitlab.data.exports.objects import LabelShape, inside_image, row_runs, score_of, simple_outline
from splitlab.data.exports.photos import ExportedImage, name_photos, parts_of, place_images
from splitlab.data.masks import read_mask
from splitlab.geometry import Rle, rle_to_mask
from splitlab.io import Progress, no_progress, written_whole

# Of the brush: bits of a value, and of the lengths of its runs.
_VALUE_BITS = 8
_LENGTH_BITS = (3, 4, 8, 16)
_LONGEST_RUN = 1 << _LENGTH_BITS[-1]
_CHANNELS = 4  # a brush paints RGBA
_PAINTED = 255


def export_label_studio(
    data: TrainVal,
    folder: Path,
    progress: Progress = no_progress,
    labels: LabelShape | None = None,
    model: str = "labels",
) -> Path:
    """Write tasks_{train,val}.json, labeling_config.xml and images/{train,val}; return the folder.

    - Tasks have their objects as predictions of `model`, which people correct. Label Studio finds the photos where
      its root of local files is the folder that holds `folder`.
    - A mask becomes brush strokes, or with `labels` an outline of few points or a box. Its outline has its parts
      joined and its holes filled.
    - A task's score is the mean of its found objects'. Images without objects have no prediction.
    - Crowds, objects with empty masks and images with unreadable labels are left out.
    - A subset without images is left out. Photos are hard links where the disk allows it.

    Raises:
        DataError: as for `export_coco`.
    """
    with written_whole(folder) as draft:
        (draft / "labeling_config.xml").write_text(_configuration(data.train.class_names, labels), encoding="utf-8")
        for part, dataset in parts_of(data):
            where = f"{folder.absolute().name}/images/{part}"
            images = place_images(dataset, name_photos(dataset.images), draft / "images" / part, part, progress)
            tasks = [_task(shown, dataset, where, labels, model) for shown in images]
            (draft / f"tasks_{part}.json").write_text(json.dumps(tasks, allow_nan=False))
    return folder


def _configuration(class_names: Sequence[str], labels: LabelShape | None) -> str:
    view = Element("View")
    SubElement(view, "Image", name="image", value="$image", zoom="true", zoomControl="true")
    kinds = [("box", "RectangleLabels"), *([] if labels == LabelShape.BOXES else [_kind_of_masks(labels)])]
    for name, tag in kinds:
        choices = SubElement(view, tag, name=name, toName="image")
        for place, class_name in enumerate(class_names):
            SubElement(choices, "Label", value=class_name, background=_colour(place, len(class_names)))
    indent(view)
    return f"{tostring(view, encoding='unicode')}\n"


def _kind_of_masks(labels: LabelShape | None) -> tuple[str, str]:
    """Return the name and the tag of the control that masks are drawn with."""
    return ("outline", "PolygonLabels") if labels == LabelShape.OUTLINES else ("mask", "BrushLabels")


def _colour(place: int, classes: int) -> str:
    red, green, blue = (round(255 * level) for level in hsv_to_rgb(place / classes, 0.8, 0.9))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _task(shown: ExportedImage, dataset: Dataset, where: str, labels: LabelShape | None, model: str) -> dict[str, Any]:
    found = [
        {"id": f"{shown.number}-{number}", **_result(label, shown.image, dataset.class_names, labels)}
        for number, label in enumerate(shown.image.targets, start=1)
    ]
    scores = [result["score"] for result in found if "score" in result]
    prediction = {"model_version": model, "result": found} | ({"score": float(np.mean(scores))} if scores else {})
    url = f"/data/local-files/?d={quote(f'{where}/{shown.name}')}"
    return {"data": {"image": url}, "predictions": [prediction] if found else []}


def _result(
    label: ObjectLabel, image: ImageLabels, class_names: Sequence[str], labels: LabelShape | None
) -> dict[str, Any]:
    kind, value = _shape(label, image, labels)
    name = {"rectanglelabels": "box", "polygonlabels": "outline", "brushlabels": "mask"}[kind]
    score = score_of(label)
    return {
        "from_name": name,
        "to_name": "image",
        "type": kind,
        "original_width": image.width,
        "original_height": image.height,
        "image_rotation": 0,
        "value": {**value, kind: [class_names[label.class_index]]},
        **({} if score is None else {"score": score}),
    }


def _shape(label: ObjectLabel, image: ImageLabels, labels: LabelShape | None) -> tuple[str, dict[str, Any]]:
    """Return the type of a result, and its value: places in percent of the image's sides."""
    percent = 100 / np.array([image.width, image.height], np.float64)
    if label.mask is None or labels == LabelShape.BOXES:
        (left, top), (right, bottom) = np.array(inside_image(label, image)).reshape(2, 2) * percent
        return "rectanglelabels", {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0}
    mask = read_mask(label.mask)
    if labels == LabelShape.OUTLINES:
        return "polygonlabels", {"points": (simple_outline(mask) * percent).tolist(), "closed": True}
    return "brushlabels", {"format": "rle", "rle": _brush(mask)}


def _brush(mask: Rle) -> list[int]:
    """Return a mask as the bytes of Label Studio's brush: runs of RGBA values, row by row, packed into bits.

    The bits are the number of values (32), the bits of a value less one (5) and of each kind of length less one (4
    each), then for each run a 1, its kind of length (2), its length less one and its value.
    """
    runs = [_CHANNELS * length for length in row_runs(rle_to_mask(mask))]
    head = [f"{sum(runs):032b}", f"{_VALUE_BITS - 1:05b}", *(f"{bits - 1:04b}" for bits in _LENGTH_BITS)]
    bits = "".join([*head, *(_run(length, _PAINTED * (place % 2)) for place, length in enumerate(runs))])
    padded = bits + "0" * (-len(bits) % 8)
    return list(int(padded, 2).to_bytes(len(padded) // 8, "big"))


def _run(length: int, value: int) -> str:
    whole, rest = divmod(length, _LONGEST_RUN)
    pieces = [_LONGEST_RUN] * whole + ([rest] if rest else [])
    return "".join(_piece(piece, value) for piece in pieces)


def _piece(length: int, value: int) -> str:
    kind = next(kind for kind, bits in enumerate(_LENGTH_BITS) if length <= 1 << bits)
    return f"1{kind:02b}{length - 1:0{_LENGTH_BITS[kind]}b}{value:0{_VALUE_BITS}b}"
