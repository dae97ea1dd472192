"""What `data export` and `predict --out` share: options, and what to do with the files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splitlab.cli.output import out
from splitlab.data.dataset import TrainVal
from splitlab.data.exports.formats import ExportFormat, next_step
from splitlab.data.exports.objects import LabelShape

YOLO_FORMATS = (ExportFormat.YOLO, ExportFormat.DARKNET)

FormatOption = Annotated[
    ExportFormat,
    typer.Option(
        "--format",
        help="coco; yolo for Ultralytics and YOLOv5; yolo-1.1 for CVAT's format of this name; cvat for CVAT 1.1; "
        "label-studio.",
    ),
]
LabelsOption = Annotated[
    LabelShape | None,
    typer.Option(
        help="Write all objects as boxes, or masks as outlines. yolo asks for it if labels are masks and boxes; cvat "
        "and label-studio write exact masks without it."
    ),
]


def say_next_step(data: TrainVal, folder: Path, file_format: ExportFormat) -> None:
    """Print what to do with the files of an export, where that needs words."""
    if step := next_step(data, folder, file_format):
        out.print(step, soft_wrap=True)
