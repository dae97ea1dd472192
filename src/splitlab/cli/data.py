"""Commands for datasets and splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from splitlab.cli.options import opened, refuse_others
from splitlab.cli.output import DataArgument, JsonOption, SeedOption, app, err, out, print_json, progress_bar
from splitlab.data.archives import Limits
from splitlab.data.check import Check, SubsetCounts, check_dataset
from splitlab.data.classes import asked_names
from splitlab.data.dataset import Dataset, ImageCounts, count_images, count_kinds, left_out_in_words
from splitlab.data.exports import YoloLabels, export_coco, export_yolo
from splitlab.data.few_shot_split import draw_few_shot, paper_few_shot
from splitlab.data.fit_for_training import notes_on
from splitlab.data.open_dataset import dataset_folder, import_archive, open_dataset, proposed_name
from splitlab.data.reading import Crowds, Reading, WithoutLabels, load_reading, save_reading
from splitlab.data.saved_splits import split_by_labels, split_by_lists
from splitlab.data.split import (
    Split,
    as_split,
    boxes_only,
    draw_paper_split,
    draw_split,
    draw_stratified,
    read_split,
    without_masks,
)
from splitlab.errors import DataError, SplitError
from splitlab.io import check_place, write_json
from splitlab.workspace import Workspace

_PROBLEMS_EXIT = 1
_MOST_SHOWN = 20
_COUNTED: dict[str, Callable[[SubsetCounts], int]] = {
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
_UNLABELLED = {
    "train": "No split uses them. If they show no object, run splitlab data read-as with --without-labels background.",
    "val": "Scores treat them as images that show no object.",
}

_data_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(_data_app, name="data", help="Check, download, add, export datasets, and set how their labels are read.")


_ExportFormat = StrEnum("_ExportFormat", ["COCO", "YOLO"])


@_data_app.command(epilog="Example: `splitlab data check path/to/VOC2012 --json`")
def check(data: DataArgument, as_json: JsonOption = False) -> None:
    """Count images, objects and classes, and list all problems by kind and by file.

    Opens every photo and every mask, and continues after a bad entry. Exits with code 1 if there is a problem.
    """
    dataset = open_dataset(data, Workspace.here().data)
    with progress_bar() as progress:
        found = check_dataset(dataset, progress)
    if as_json:
        print_json(found.to_json())
    else:
        _print_check(found)
    if found.problems:
        raise typer.Exit(_PROBLEMS_EXIT)


@_data_app.command("read-as", epilog="Example: `splitlab data read-as my-leaves --crowds objects`")
def set_reading(
    data: DataArgument,
    crowds: Annotated[
        Crowds | None, typer.Option(help="How to read labels with iscrowd 1, which CVAT sets for brush masks.")
    ] = None,
    without_labels: Annotated[
        WithoutLabels | None, typer.Option(help="How to read photos without labels; splits use only background.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set how ambiguous labels of a dataset are read; the choice is kept beside its files.

    Without an option, shows the current choice. Draw splits again after a change to crowds.
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
        f"background, {counts.unlabelled:,} unlabelled."
    )


@_data_app.command(epilog="Example: `splitlab data get pets`")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="voc2012, pets or cityscapes.")],
) -> None:
    """Download a dataset into the workspace, verify its checksums and unpack it."""
    from splitlab.data.known_datasets import get_dataset

    with progress_bar() as progress:
        folder = get_dataset(name, Workspace.here().data, progress)
    out.print(f"{folder.name} is in {folder}. Check it with: splitlab data check {folder.name}")


@_data_app.command(epilog="Example: `splitlab data add my-photos.zip --name cells`")
def add(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="A zip or tar of a dataset in any known format.")],
    name: Annotated[str | None, typer.Option(help="A name for it; by default the archive's.")] = None,
) -> None:
    """Unpack a dataset into the workspace; nothing is kept if it cannot be read."""
    data_dir = Workspace.here().data
    if archive.is_dir():
        raise DataError(f"{archive} is a folder; use its path as it is. To use it by name, move it into {data_dir}.")
    try:
        file = archive.open("rb")
    except OSError as error:
        raise DataError(f"{archive}: cannot be read ({error.strerror}). Check the path.") from error
    with file:
        added = import_archive(file, name or proposed_name(archive.name), data_dir, Limits())
    out.print(f"{added.train.name} is here: {len(added.train.images):,} training images, format {added.format}.")
    for note in notes_on(added):
        err.print(note, soft_wrap=True)


@_data_app.command(
    epilog="Examples: `splitlab data export VOC2012 voc-coco` · "
    "`splitlab data export embedded out --format yolo --split split.json`"
)
def export(
    data: DataArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    file_format: Annotated[_ExportFormat, typer.Option("--format", help="coco or yolo.")] = _ExportFormat.COCO,
    split: Annotated[Path | None, typer.Option(help="Export only this split: F with masks, W with boxes.")] = None,
    labels: Annotated[
        YoloLabels | None, typer.Option(help="yolo: write all objects as boxes or as outlines; needed if both occur.")
    ] = None,
) -> None:
    """Write a dataset as COCO or YOLO-seg, for training with other tools.

    Ultralytics does not read boxes and outlines in one dataset. **--labels boxes** writes a detection dataset.
    **--labels outlines** writes the box of an object without a mask as an outline of four points, as the paper's
    authors write W.
    """
    if file_format == _ExportFormat.COCO and labels is not None:
        raise DataError(f"--labels {labels} is for --format yolo: COCO holds boxes and masks. Leave it out.")
    workspace = Workspace.here()
    dataset = opened(data, workspace)
    if split is not None:
        # The paper's authors convert W in this way: to COCO for DETR, to YOLO's text files for YOLOv5.
        as_weak = without_masks if file_format == _ExportFormat.COCO else boxes_only
        dataset = as_split(dataset, read_split(split), as_weak)
    with progress_bar() as progress:
        if file_format == _ExportFormat.COCO:
            export_coco(dataset, folder, progress)
        else:
            export_yolo(dataset, folder, progress, labels)
    out.print(f"Written to {folder}.")


def _print_check(found: Check) -> None:
    counts = Table("", "train", "val")
    for name, number_of in _COUNTED.items():
        counts.add_row(name, f"{number_of(found.train):,}", f"{number_of(found.val):,}")
    out.print(counts)
    classes = Table("class", "objects in train", "in val")
    for name, objects in found.train.objects_by_class.items():
        classes.add_row(name, f"{objects:,}", f"{found.val.objects_by_class[name]:,}")
    out.print(classes)
    for kind, number in count_kinds(found.problems).items():
        out.print(f"{number:,} x {kind}")
    for problem in found.problems[:_MOST_SHOWN]:
        out.print(f"{problem.file}: {problem.what}. {problem.way_out}")
    if len(found.problems) > _MOST_SHOWN:
        out.print(f"... and {len(found.problems) - _MOST_SHOWN} more; --json lists them all.")
    for name, subset in (("train", found.train), ("val", found.val)):
        if subset.images_with_some_masks:
            some = f"{subset.images_with_some_masks:,} {name} images have masks on only some of their objects"
            out.print(f"{some}: they can be in W, but not in F.")
        if subset.images_unlabelled:
            out.print(f"{subset.images_unlabelled:,} {name} images have no labels. {_UNLABELLED[name]}")
    if not found.problems:
        out.print("Every photo opens, every label fits its photo.")


class _Protocol(StrEnum):
    RANDOM = "random"
    STRATIFIED = "stratified"
    PAPER = "paper"
    LABELS = "labels"
    FEW_SHOT = "few-shot"
    LISTS = "lists"


@app.command(
    epilog="Examples: `splitlab split embedded --full 30 --weak 150 --seed 0 --json` · "
    "`splitlab split VOC2012 --protocol paper --full 400 --weak all --out paper-400.json`"
)
def split(
    context: typer.Context,
    data: DataArgument,
    full: Annotated[int | None, typer.Option(help="|F|: images with masks.")] = None,
    weak: Annotated[str, typer.Option(help="|W|: images with boxes only, or `all` others.")] = "0",
    seed: SeedOption = 0,
    protocol: Annotated[_Protocol, typer.Option(help="How to draw; see above.")] = _Protocol.RANDOM,
    full_list: Annotated[Path | None, typer.Option(help="lists: a file that names the images of F.")] = None,
    weak_list: Annotated[Path | None, typer.Option(help="lists: a file that names those of W, or of F and W.")] = None,
    masks_per_class: Annotated[int | None, typer.Option(help="few-shot: masks of each class.")] = None,
    classes: Annotated[str | None, typer.Option(help='few-shot: classes to learn, such as `cat,"dog, big"`.')] = None,
    as_json: JsonOption = False,
    save: Annotated[Path | None, typer.Option("--out", help="Also write the split to this file.")] = None,
) -> None:
    """Draw a full set F and a weak set W.

    **random** and **stratified** (classes in proportion) draw by seed: with one seed, a smaller F lies in a larger one,
    and a smaller W in a larger one of the same F. They leave out images without labels, and put background images only
    into W.
    **paper**: the images of VOC2012 and Cityscapes that the authors drew for YOLOv5. **labels**: images with masks are
    F, those with only boxes are W. **few-shot**: a number of masks per class by seed, or the paper's 17 images if no
    number is given. **lists**: two text files, such as the authors' `train_seg_400.txt` and `train_det_400_1000.txt`
    for DETR; images of F are removed from W if the second file names them all.
    """
    # What each protocol uses, and how it draws from the training images.
    sizes = ("full", "weak", "seed")
    few_shot = () if masks_per_class is None else ("masks_per_class", "classes", "seed")
    protocols: dict[_Protocol, tuple[tuple[str, ...], Callable[[Dataset], Split]]] = {
        _Protocol.RANDOM: (sizes, lambda train: _sized(draw_split, train, full, weak, seed)),
        _Protocol.STRATIFIED: (sizes, lambda train: _sized(draw_stratified, train, full, weak, seed)),
        _Protocol.PAPER: (sizes[:2], lambda train: draw_paper_split(train, _needed(full), _count(weak))),
        _Protocol.LABELS: ((), split_by_labels),
        _Protocol.FEW_SHOT: (few_shot, lambda train: _few_shot(train, masks_per_class, seed, classes)),
        _Protocol.LISTS: (("full_list", "weak_list"), lambda train: _by_lists(train, full_list, weak_list)),
    }
    used, draw_from = protocols[protocol]
    unless = " without --masks-per-class" if protocol == _Protocol.FEW_SHOT else ""
    why = f"the protocol {protocol} does not use this{unless}. Leave it out."
    refuse_others(context, {"data", "protocol", "as_json", "save", *used}, why)
    if save is not None:
        check_place(save)
    train = opened(data, Workspace.here(), ("train",)).train
    counts, drawn = count_images(train), draw_from(train)
    if save is not None:
        write_json(save, drawn.to_json())
    if as_json:
        print_json({**drawn.to_json(), "images": asdict(counts)})
        return
    out.print(f"{drawn.name} of {data}, {drawn.drawn}, seed {drawn.seed}, hash {drawn.hash[:12]}")
    out.print(_drawn_from(counts))
    if left_out := left_out_in_words(counts, train):
        out.print(left_out, soft_wrap=True)


def _drawn_from(counts: ImageCounts) -> str:
    return (
        f"Of {counts.to_draw:,} labelled images: {counts.masks:,} with masks, {counts.boxes:,} with boxes only, "
        f"{counts.background:,} background (in W only)."
    )


def _sized(
    draw: Callable[[Dataset, int, int, int], Split], train: Dataset, full: int | None, weak: str, seed: int
) -> Split:
    size, count = _needed(full), _count(weak)
    return draw(train, size, count_images(train).to_draw - size if count is None else count, seed)


def _needed(full: int | None) -> int:
    if full is None:
        raise SplitError("Give the number of images with masks, such as --full 400.")
    return full


def _count(weak: str) -> int | None:
    try:
        return None if weak == "all" else int(weak)
    except ValueError as error:
        raise SplitError(f"--weak is '{weak}'; give a number of images, or the word all.") from error


def _few_shot(train: Dataset, masks_per_class: int | None, seed: int, classes: str | None) -> Split:
    if masks_per_class is None:
        return paper_few_shot(train)
    return draw_few_shot(train, masks_per_class, seed, asked_names(classes))


def _by_lists(train: Dataset, full_list: Path | None, weak_list: Path | None) -> Split:
    if full_list is None:
        raise SplitError("--protocol lists needs --full-list, a text file with one image per line.")
    return split_by_lists(train, full_list, weak_list)
