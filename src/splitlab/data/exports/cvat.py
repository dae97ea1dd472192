"""CVAT's own format, "CVAT 1.1": an XML file per subset, with boxes and exact masks side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel, TrainVal
from splitlab.data.exports.objects import LabelShape, inside_image, row_runs, simple_outline
from splitlab.data.exports.photos import name_photos, parts_of, place_images
from splitlab.data.masks import read_mask
from splitlab.geometry import Rle, rle_to_mask, rle_to_xyxy
from splitlab.io import Progress, no_progress, written_whole


def export_cvat(
    data: TrainVal, folder: Path, progress: Progress = no_progress, labels: LabelShape | None = None
) -> Path:
    """Write {train,val}/annotations.xml, {train,val}/images/ and labels.json for CVAT's task; return the folder.

    - A mask becomes a mask, or with `labels` an outline of few points or a box. Its outline has its parts joined and
      its holes filled.
    - Images that are not labelled are listed without objects, as background images are.
    - Crowds, objects with empty masks, images with unreadable labels and scores are left out.
    - A subset without images is left out. Photos are hard links where the disk allows it.

    Raises:
        DataError: as for `export_coco`.
    """
    with written_whole(folder) as draft:
        for part, dataset in parts_of(data):
            _write_part(dataset, draft / part, part, progress, labels)
        constructor = [{"name": name, "attributes": []} for name in data.train.class_names]
        (draft / "labels.json").write_text(json.dumps(constructor, indent=2))
    return folder


def _write_part(dataset: Dataset, draft: Path, part: str, progress: Progress, labels: LabelShape | None) -> None:
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    root.append(_meta(dataset))
    images = place_images(dataset, name_photos(dataset.images), draft / "images", part, progress)
    for number, shown in enumerate(images):
        sides = {"width": str(shown.image.width), "height": str(shown.image.height)}
        image = SubElement(root, "image", {"id": str(number), "name": shown.name.as_posix(), **sides})
        for label in shown.image.targets:
            image.append(_object(label, shown.image, dataset.class_names, labels))
    indent(root)
    ElementTree(root).write(draft / "annotations.xml", encoding="utf-8", xml_declaration=True)


def _meta(dataset: Dataset) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    SubElement(task, "size").text = str(len(dataset.images))
    SubElement(task, "mode").text = "annotation"
    labels = SubElement(task, "labels")
    for name in dataset.class_names:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "attributes")
    return meta


def _object(label: ObjectLabel, image: ImageLabels, class_names: Sequence[str], labels: LabelShape | None) -> Element:
    common = {"label": class_names[label.class_index], "source": "file", "occluded": "0", "z_order": "0"}
    if label.mask is None or labels == LabelShape.BOXES:
        sides = zip(("xtl", "ytl", "xbr", "ybr"), inside_image(label, image), strict=True)
        return Element("box", common | {name: f"{side:.3f}" for name, side in sides})
    mask = read_mask(label.mask)
    if labels == LabelShape.OUTLINES:
        return Element("polygon", common | {"points": ";".join(f"{x:g},{y:g}" for x, y in simple_outline(mask))})
    return Element("mask", common | _mask(mask))


def _mask(mask: Rle) -> dict[str, str]:
    """Return the attributes of a mask: the runs in its bounding box row by row, background first."""
    left, top, right, bottom = rle_to_xyxy(mask).astype(int).tolist()
    inside = rle_to_mask(mask)[top:bottom, left:right]
    place = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {"rle": ", ".join(map(str, row_runs(inside))), **{name: str(side) for name, side in place.items()}}
