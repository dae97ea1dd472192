"""Commands that work on data sets: check, read-as, get, add, export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from splitlab.cli.opened_data import opened
from splitlab.cli.output import DataArgument, JsonOption, app, err, out, print_json, progress_bar
from splitlab.data.check import Check, SubsetCounts, check_dataset
from splitlab.data.exports.coco_export import export_coco
from splitlab.data.exports.yolo_export import YoloLabels, export_yolo
from splitlab.data.fit_for_training import notes_on
from splitlab.data.image_counts import count_images
from splitlab.data.incoming.archives import Limits
from splitlab.data.incoming.import_archive import import_archive, proposed_name
from splitlab.data.open_dataset import dataset_folder, open_dataset
from splitlab.data.problem import count_kinds
from splitlab.data.reading import Crowds, Reading, WithoutLabels, load_reading, save_reading
from splitlab.data.splits.split import read_split
from splitlab.data.splits.split_dataset import as_split, boxes_only, without_masks
from splitlab.errors import DataError
from splitlab.workspace import Workspace

PROBLEMS_EXIT = 1
MOST_SHOWN = 20
COUNTED: dict[str, Callable[[SubsetCounts], int]] = {
    "images": lambda counts: counts.images,
    "with masks": lambda counts: counts.images_with_masks,
    "boxes only": lambda counts: counts.images_with_boxes_only,
    "background": lambda counts: counts.images_background,
    "not labelled": lambda counts: counts.images_unlabelled,
    "labels broken": lambda counts: counts.images_broken,
    "objects": lambda counts: counts.objects,
    "crowds": lambda counts: counts.crowds,
    "difficult": lambda counts: counts.difficult,
}
UNLABELLED = {
    "train": "No split draws them; if they show no object, say so with --without-labels background of data read-as.",
    "val": "Scores take them as images that show no object.",
}

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(data_app, name="data", help="Check, get, add and export data sets, and say how their labels are read.")


class ExportFormat(StrEnum):
    """What a data set can be written as."""

    COCO = "coco"
    YOLO = "yolo"


@data_app.command(epilog="Example: `splitlab data check path/to/VOC2012 --json`")
def check(data: DataArgument, as_json: JsonOption = False) -> None:
    """Say what is there (images, objects, classes, which have masks) and what is wrong, kind by kind and file by file.

    Opens every photo and every mask. One bad entry does not end it. Ends with code 1 where something is wrong.
    """
    dataset = open_dataset(data, Workspace.here().data)
    with progress_bar() as progress:
        found = check_dataset(dataset, progress)
    if as_json:
        print_json(found.to_json())
    else:
        _print_check(found)
    if found.problems:
        raise typer.Exit(PROBLEMS_EXIT)


@data_app.command("read-as", epilog="Example: `splitlab data read-as my-leaves --crowds objects`")
def set_reading(
    data: DataArgument,
    crowds: Annotated[
        Crowds | None, typer.Option(help="What labels with iscrowd 1 are; CVAT writes it with masks drawn by brush.")
    ] = None,
    without_labels: Annotated[
        WithoutLabels | None, typer.Option(help="What photos without labels are; only background is ever drawn.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how the labels of a data set are read where its files leave it open, and keep that beside them.

    Without an option, shows how they are read now. Splits drawn before must be drawn again where crowds change.
    """
    folder = dataset_folder(data, Workspace.here().data)
    before = load_reading(folder)
    reading = Reading(crowds or before.crowds, without_labels or before.without_labels)
    if reading != before:
        save_reading(folder, reading)
    counts = count_images(open_dataset(data, Workspace.here().data).train)
    if as_json:
        print_json({**asdict(reading), "images": asdict(counts)})
        return
    out.print(f"Labels with iscrowd 1 are {reading.crowds}; photos without labels are {reading.without_labels}.")
    out.print(
        f"In train, {counts.masks:,} images have masks, {counts.boxes:,} boxes only, {counts.background:,} are "
        f"background, {counts.unlabelled:,} unlabelled.",
        highlight=False,
    )


@data_app.command(epilog="Example: `splitlab data get pets`")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="voc2012, pets or cityscapes.")],
) -> None:
    """Download a data set into the work space and unpack it, if its checksums are right."""
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
    for note in notes_on(added):
        err.print(note, highlight=False, soft_wrap=True)


@data_app.command(
    epilog="Examples: `splitlab data export VOC2012 voc-coco` · "
    "`splitlab data export embedded out --format yolo --split split.json`"
)
def export(
    data: DataArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    file_format: Annotated[ExportFormat, typer.Option("--format", help="coco or yolo.")] = ExportFormat.COCO,
    split: Annotated[Path | None, typer.Option(help="Export this split only: F with masks, W with boxes.")] = None,
    labels: Annotated[
        YoloLabels | None, typer.Option(help="yolo: every object as a box, or as an outline; needed where both occur.")
    ] = None,
) -> None:
    """Write a data set as COCO or YOLO-seg, for other tools to train on.

    Ultralytics does not read boxes and outlines in one set. With **--labels boxes** it is a set for detection; with
    **--labels outlines** an object without a mask gets its box as an outline of four points, as the paper's authors
    write W.
    """
    if file_format == ExportFormat.COCO and labels is not None:
        raise DataError(f"--labels {labels} is for --format yolo: COCO holds boxes beside masks. Leave it out.")
    workspace = Workspace.here()
    dataset = opened(data, workspace)
    if split is not None:
        # As the paper's authors convert W: to COCO for DETR, to YOLO's text files for YOLOv5.
        as_weak = without_masks if file_format == ExportFormat.COCO else boxes_only
        dataset = as_split(dataset, read_split(split), as_weak)
    with progress_bar() as progress:
        if file_format == ExportFormat.COCO:
            export_coco(dataset, folder, progress)
        else:
            export_yolo(dataset, folder, progress, labels)
    out.print(f"Written to {folder}.")


def _print_check(found: Check) -> None:
    counts = Table("", "train", "val")
    for name, number_of in COUNTED.items():
        counts.add_row(name, f"{number_of(found.train):,}", f"{number_of(found.val):,}")
    out.print(counts)
    classes = Table("class", "objects in train", "in val")
    for name, objects in found.train.objects_by_class.items():
        classes.add_row(name, f"{objects:,}", f"{found.val.objects_by_class[name]:,}")
    out.print(classes)
    for kind, number in count_kinds(found.problems).items():
        out.print(f"{number:,} x {kind}", highlight=False)
    for problem in found.problems[:MOST_SHOWN]:
        out.print(f"{problem.file}: {problem.what}. {problem.way_out}", highlight=False)
    if len(found.problems) > MOST_SHOWN:
        out.print(f"... and {len(found.problems) - MOST_SHOWN} more; --json lists them all.")
    for name, subset in (("train", found.train), ("val", found.val)):
        if subset.images_with_some_masks:
            of_them = f"{subset.images_with_some_masks:,} of {name}'s images have masks on some of their objects only"
            out.print(f"{of_them}: they can stand in W, not in F.", highlight=False)
    for name, subset in (("train", found.train), ("val", found.val)):
        if subset.images_unlabelled:
            out.print(f"{subset.images_unlabelled:,} of {name}'s images have no labels. {UNLABELLED[name]}")
    if not found.problems:
        out.print("Every photo opens, every label fits its photo.")
