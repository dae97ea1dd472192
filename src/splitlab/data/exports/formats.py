"""The formats of exports: one function writes any of them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import assert_never

from splitlab.data.dataset import TrainVal
from splitlab.data.exports.coco import export_coco
from splitlab.data.exports.cvat import export_cvat
from splitlab.data.exports.label_studio import export_label_studio
from splitlab.data.exports.objects import LabelShape
from splitlab.data.exports.yolo import export_darknet, export_yolo
from splitlab.errors import DataError
from splitlab.io import Progress, refuse_taken


class ExportFormat(StrEnum):
    """The formats that labels are written in."""

    COCO = "coco"
    YOLO = "yolo"
    DARKNET = "yolo-1.1"
    CVAT = "cvat"
    LABEL_STUDIO = "label-studio"


def check_export(folder: Path, file_format: ExportFormat, labels: LabelShape | None) -> None:
    """Raise DataError if the folder is taken, or the format has no such shape of labels: called before long work."""
    refuse_taken(folder)
    if file_format == ExportFormat.COCO and labels is not None:
        raise DataError(f"--labels {labels} is not for --format coco, which holds boxes and masks. Leave it out.")
    if file_format == ExportFormat.DARKNET and labels == LabelShape.OUTLINES:
        raise DataError("--labels outlines is not for --format yolo-1.1, which holds boxes alone. Leave it out.")


def write_export(
    data: TrainVal,
    folder: Path,
    file_format: ExportFormat,
    labels: LabelShape | None,
    progress: Progress,
    model: str = "labels",
) -> None:
    """Write labels, or what `model` found, in a format.

    Raises:
        DataError: as `check_export`, or as the format's function in `splitlab.data.exports`.
    """
    check_export(folder, file_format, labels)
    match file_format:
        case ExportFormat.COCO:
            export_coco(data, folder, progress)
        case ExportFormat.YOLO:
            export_yolo(data, folder, progress, labels)
        case ExportFormat.DARKNET:
            export_darknet(data, folder, progress)
        case ExportFormat.CVAT:
            export_cvat(data, folder, progress, labels)
        case ExportFormat.LABEL_STUDIO:
            export_label_studio(data, folder, progress, labels, model)
        case _:
            assert_never(file_format)


def next_step(data: TrainVal, folder: Path, file_format: ExportFormat) -> str:
    """Say what to do with the files of an export; empty where that needs no words."""
    match file_format:
        case ExportFormat.CVAT:
            return (
                "In CVAT: paste labels.json into the raw labels of a new task, add the photos, then upload "
                "annotations.xml as CVAT 1.1."
            )
        case ExportFormat.LABEL_STUDIO:
            root = folder.absolute().parent
            return (
                "In Label Studio, started with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
                f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root}: paste labeling_config.xml as the labelling interface, "
                f"add {folder.absolute() / 'images'} as local storage without syncing it, import the tasks."
            )
        case ExportFormat.YOLO if not data.val.images:
            return "There are no val images, which Ultralytics needs: add a folder of them as `val` to data.yaml."
        case _:
            return ""
