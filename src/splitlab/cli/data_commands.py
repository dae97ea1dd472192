"""Commands that work on data sets: check, get, add, export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from splitlab.cli.output import DataArgument, JsonOption, app, out, print_json, progress_bar
from splitlab.data.check import Check, check_dataset
from splitlab.data.exports.coco_export import export_coco
from splitlab.data.exports.yolo_export import export_yolo
from splitlab.data.incoming.archives import Limits
from splitlab.data.incoming.import_archive import import_archive, proposed_name
from splitlab.data.open_dataset import open_dataset
from splitlab.data.splits.split import read_split
from splitlab.data.splits.split_dataset import as_split, boxes_only, without_masks
from splitlab.errors import DataError
from splitlab.workspace import Workspace

PROBLEMS_EXIT = 1
MOST_SHOWN = 20

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(data_app, name="data", help="Check, get, add and export data sets.")


class ExportFormat(StrEnum):
    """What a data set can be written as."""

    COCO = "coco"
    YOLO = "yolo"


@data_app.command(epilog="Example: `splitlab data check path/to/VOC2012 --json`")
def check(data: DataArgument, as_json: JsonOption = False) -> None:
    """Say what is there (images, objects, classes, which have masks) and what is wrong, file by file.

    Opens every photo and every mask. Ends with code 1 where something is wrong.
    """
    opened = open_dataset(data, Workspace.here().data)
    with progress_bar() as progress:
        found = check_dataset(opened, progress)
    if as_json:
        print_json(found.to_json())
    else:
        _print_check(found)
    if found.problems:
        raise typer.Exit(PROBLEMS_EXIT)


@data_app.command(epilog="Example: `splitlab data get pets`")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="voc2012, pets or cityscapes.")],
) -> None:
    """Download a data set into the work space; the same command goes on after a break."""
    from splitlab.experiments.known_datasets import get_dataset

    with progress_bar() as progress:
        folder = get_dataset(name, Workspace.here().data, progress)
    out.print(f"{folder.name} is in {folder}. Look at it: splitlab data check {folder.name}")


@data_app.command(epilog="Example: `splitlab data add my-photos.zip --name cells`")
def add(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="A zip or tar of a data set in any known format.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the archive's name where left out.")] = None,
) -> None:
    """Unpack a data set into the work space, if it can be read; nothing is kept otherwise."""
    data_dir = Workspace.here().data
    if archive.is_dir():
        raise DataError(
            f"{archive} is a folder: its path is taken as it is. To know it by name, move it into {data_dir}."
        )
    try:
        file = archive.open("rb")
    except OSError as error:
        raise DataError(f"{archive}: cannot be read ({error.strerror}). Check the path.") from error
    with file:
        added = import_archive(file, name or proposed_name(archive.name), data_dir, Limits())
    out.print(f"{added.train.name} is here: {len(added.train.images):,} training images, format {added.format}.")


@data_app.command(
    epilog="Examples: `splitlab data export VOC2012 voc-coco` · "
    "`splitlab data export embedded out --format yolo --split split.json`"
)
def export(
    data: DataArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    file_format: Annotated[ExportFormat, typer.Option("--format", help="coco or yolo.")] = ExportFormat.COCO,
    split: Annotated[Path | None, typer.Option(help="Export this split only: F with masks, W with boxes.")] = None,
) -> None:
    """Write a data set as COCO or YOLO-seg, for other tools to train on."""
    opened = open_dataset(data, Workspace.here().data)
    if split is not None:
        # As the paper's authors convert W: to COCO for DETR, to YOLO's text files for YOLOv5.
        as_weak = without_masks if file_format == ExportFormat.COCO else boxes_only
        opened = as_split(opened, read_split(split), as_weak)
    write = export_coco if file_format == ExportFormat.COCO else export_yolo
    with progress_bar() as progress:
        write(opened, folder, progress)
    out.print(f"Written to {folder}.")


def _print_check(found: Check) -> None:
    counts = Table("", "images", "with masks", "boxes only", "without objects", "objects", "crowds", "difficult")
    for name, subset in (("train", found.train), ("val", found.val)):
        numbers = (subset.images, subset.images_with_masks, subset.images_with_boxes_only)
        more = (subset.images_without_objects, subset.objects, subset.crowds, subset.difficult)
        counts.add_row(name, *(f"{number:,}" for number in (*numbers, *more)))
    out.print(counts)
    classes = Table("class", "objects in train", "in val")
    for name, objects in found.train.objects_by_class.items():
        classes.add_row(name, f"{objects:,}", f"{found.val.objects_by_class[name]:,}")
    out.print(classes)
    for problem in found.problems[:MOST_SHOWN]:
        out.print(f"{problem.file}: {problem.what}. {problem.way_out}", highlight=False)
    if len(found.problems) > MOST_SHOWN:
        out.print(f"... and {len(found.problems) - MOST_SHOWN} more; --json lists them all.")
    for name, subset in (("train", found.train), ("val", found.val)):
        if subset.images_with_some_masks:
            of_them = f"{subset.images_with_some_masks:,} of {name}'s images have masks on some of their objects only"
            out.print(f"{of_them}: they can stand in W, not in F.", highlight=False)
    if not found.problems:
        out.print("Every photo opens, every label fits its photo.")
