"""Commands for datasets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.table import Table

from splitlab.cli.datasets.exports import YOLO_FORMATS, FormatOption, LabelsOption, say_next_step
from splitlab.cli.options import opened
from splitlab.cli.output import DataArgument, JsonOption, SeedOption, app, err, out, print_json, progress_bar
from splitlab.data.archives import Limits
from splitlab.data.check import Check, SubsetCounts, check_dataset
from splitlab.data.dataset import count_images, count_kinds, images_in_words
from splitlab.data.exports.formats import ExportFormat, write_export
from splitlab.data.fit_for_training import notes_on
from splitlab.data.import_dataset import keep, proposed_name, refuse_name, stage_archive, stage_folder
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.open_dataset import INDEX, dataset_folder, open_dataset
from splitlab.data.reading import Crowds, HalfMasked, Reading, WithoutLabels, load_reading, save_reading
from splitlab.data.selection.labelling_plan import plan_labelling, write_plan
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.data.selection.val_cut import DEFAULT_SHARE, cut_val, save_cut, without_cut
from splitlab.data.split import as_split, boxes_only, read_split, without_masks
from splitlab.errors import DataError
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


@_data_app.command(epilog="Examples: `splitlab data check path/to/VOC2012 --json` · `splitlab data check export.zip`")
def check(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A dataset's folder, zip or tar, its name, or `embedded`.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Say what a dataset is, count images, objects and classes, and list all problems by kind and by file.

    Opens every photo and every mask, and continues after a bad entry. An archive is unpacked for this, and not kept.
    Exits with code 1 if there is a problem.
    """
    with progress_bar() as progress:
        if Path(data).is_file():
            with _archive_of(Path(data)) as file:
                staged = stage_archive(file, Workspace.here().data, Limits(), progress)
            found = staged.check(progress)
            staged.discard()
        else:
            found = check_dataset(open_dataset(data, Workspace.here().data), progress)
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
    half_masked: Annotated[
        HalfMasked | None, typer.Option(help="Where images may stand of whose objects only some have masks.")
    ] = None,
    outside: Annotated[
        Outside | None, typer.Option(help="Whether photos outside the folder are read, if links or paths lead there.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set how ambiguous labels of a dataset are read; the choice is kept beside its files.

    Without an option, shows the current choice. Draw splits again after a change to crowds.
    """
    folder = dataset_folder(data, Workspace.here().data)
    before = load_reading(folder)
    reading = Reading(
        crowds or before.crowds,
        without_labels or before.without_labels,
        half_masked or before.half_masked,
        outside or before.outside,
    )
    if reading != before:
        save_reading(folder, reading)
    counts = count_images(open_dataset(data, Workspace.here().data).train)
    if as_json:
        print_json({**asdict(reading), "images": asdict(counts)})
        return
    out.print(f"Labels with iscrowd 1 are {reading.crowds}; photos without labels are {reading.without_labels}.")
    allowed_in = "F and W" if reading.half_masked == HalfMasked.FULL else "W only"
    out.print(f"Half-masked images may be in {allowed_in}; photos outside the folder are {reading.outside}.")
    out.print(f"In train, {images_in_words(counts)}.")


@_data_app.command(epilog="Example: `splitlab data cut my-leaves --share 0.2 --seed 0`")
def cut(
    data: DataArgument,
    share: Annotated[float, typer.Option(help="Share of the images that can be scored.")] = DEFAULT_SHARE,
    seed: SeedOption = 0,
    remove: Annotated[bool, typer.Option("--remove", help="Give the images back to train.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Cut a val part from train, for a dataset without one.

    Classes keep their proportions, and near-duplicates stay together. The cut is kept beside the dataset's files, so
    that every run sees the same. Splits drawn before no longer fit.
    """
    workspace = Workspace.here()
    folder = dataset_folder(data, workspace.data)
    with without_cut(folder):
        whole = open_dataset(data, workspace.data)
        if whole.has_val:
            raise DataError(f"'{data}' has a val part of its own, with {len(whole.val.images):,} images. Use that one.")
        if not remove:
            # To compare photos takes minutes, so what cannot be cut is refused first.
            cut_val(whole.train, share, seed)
            with progress_bar() as progress:
                groups = find_near_duplicates(whole.train.images, folder, workspace.data / INDEX, progress)
            made = cut_val(whole.train, share, seed, groups)
            save_cut(folder, made)
            if made.aside:
                err.print(
                    f"{len(made.aside):,} near-duplicates of val images cannot be scored and are in neither part."
                )
    parts = open_dataset(data, workspace.data)
    counts = {part: count_images(images) for part, images in (("train", parts.train), ("val", parts.val))}
    if as_json:
        print_json({part: asdict(count) for part, count in counts.items()})
        return
    for part, count in counts.items():
        out.print(f"In {part}, {images_in_words(count)}.")


@_data_app.command("plan-labels", epilog="Example: `splitlab data plan-labels my-photos todo --masks 100 --boxes 400`")
def plan_labels(
    data: DataArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="For labelling-plan.csv and labelling-plan.json.")],
    masks: Annotated[int, typer.Option(help="Number of photos to draw masks on.")],
    boxes: Annotated[int, typer.Option(help="Number of photos to draw boxes on.")],
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Choose among photos without labels those to draw masks on, those to draw boxes on, and those to leave.

    At random by seed, near-duplicates of a chosen photo last. **splitlab plan** says how many of each.
    """
    workspace = Workspace.here()
    train = opened(data, workspace, ("train",)).train
    root = dataset_folder(data, workspace.data)
    # To compare photos takes minutes, so numbers that cannot be planned are refused first.
    plan_labelling(train, masks, boxes, seed)
    with progress_bar() as progress:
        groups = find_near_duplicates(train.images, root, workspace.data / INDEX, progress)
    plan = plan_labelling(train, masks, boxes, seed, groups)
    table, whole = write_plan(folder, plan, train, root)
    if as_json:
        print_json({**asdict(plan), "hash": plan.hash})
        return
    out.print(
        f"Draw masks on {len(plan.masks):,} photos and boxes on {len(plan.boxes):,}; leave {len(plan.leave):,}, of "
        f"which {len(plan.near_duplicates):,} are near-duplicates of chosen ones."
    )
    out.print(f"Written to {table} and {whole}.")


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
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A zip, tar or folder of a dataset in any known format, or of photos."),
    ],
    name: Annotated[str | None, typer.Option(help="A name for it; by default the archive's or folder's.")] = None,
) -> None:
    """Unpack or copy a dataset into the workspace; nothing is kept if it cannot be read."""
    data_dir = Workspace.here().data
    name = name or proposed_name(source.resolve().name)
    refuse_name(name, data_dir)
    with progress_bar() as progress:
        if source.is_dir():
            staged = stage_folder(source, data_dir)
        else:
            with _archive_of(source) as file:
                staged = stage_archive(file, data_dir, Limits(), progress)
    added = keep(staged, name, data_dir)
    out.print(f"{name} is here, recognised as {added.format}. In train, {images_in_words(count_images(added.train))}.")
    for note in notes_on(added):
        err.print(note, soft_wrap=True)
    if not added.has_val:
        err.print(f"It has no val part. To cut one from train: splitlab data cut {added.train.as_argument}")


def _archive_of(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error


@_data_app.command(
    epilog="Examples: `splitlab data export VOC2012 voc-coco` · "
    "`splitlab data export embedded out --format yolo --split split.json` · "
    "`splitlab data export embedded pre-drawn --format label-studio`"
)
def export(
    data: DataArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    file_format: FormatOption = ExportFormat.COCO,
    split: Annotated[Path | None, typer.Option(help="Export only this split: F with masks, W with boxes.")] = None,
    labels: LabelsOption = None,
) -> None:
    """Write a dataset's photos and labels for training or labelling with other tools.

    Ultralytics does not read boxes and outlines in one dataset. **--labels boxes** writes a detection dataset.
    **--labels outlines** writes the box of an object without a mask as an outline of four points, as the paper's
    authors write W. **cvat** and **label-studio** write labels that people can correct there.
    """
    workspace = Workspace.here()
    dataset = opened(data, workspace)
    if split is not None:
        # The paper's authors convert W in this way: to COCO for DETR, to YOLO's text files for YOLOv5.
        as_weak = boxes_only if file_format in YOLO_FORMATS else without_masks
        dataset = as_split(dataset, read_split(split), as_weak)
    with progress_bar() as progress:
        write_export(dataset, folder, file_format, labels, progress)
    out.print(f"Written to {folder}.")
    say_next_step(dataset, folder, file_format)


def _print_check(found: Check) -> None:
    out.print(f"Recognised as {found.format}.")
    for kind, number in count_kinds(found.problems).items():
        out.print(f"{number:,} x {kind}")
    counts = Table("", "train", "val")
    for name, number_of in _COUNTED.items():
        counts.add_row(name, f"{number_of(found.train):,}", f"{number_of(found.val):,}")
    out.print(counts)
    classes = Table("class", "objects in train", "in val")
    for name, objects in found.train.objects_by_class.items():
        classes.add_row(name, f"{objects:,}", f"{found.val.objects_by_class[name]:,}")
    if found.train.objects_by_class:
        out.print(classes)
    for problem in found.problems[:_MOST_SHOWN]:
        out.print(f"{problem.file}: {problem.what}. {problem.way_out}")
    if len(found.problems) > _MOST_SHOWN:
        out.print(f"... and {len(found.problems) - _MOST_SHOWN} more; --json lists them all.")
    for name, subset in (("train", found.train), ("val", found.val)):
        if subset.images_with_some_masks:
            some = f"{subset.images_with_some_masks:,} {name} images have masks on only some of their objects"
            out.print(f"{some}: they can be in W, and with splitlab data read-as --half-masked full also in F.")
        if subset.images_unlabelled:
            out.print(f"{subset.images_unlabelled:,} {name} images have no labels. {_UNLABELLED[name]}")
    for note in found.notes:
        out.print(note, soft_wrap=True)
    if not found.problems and found.train.images:
        out.print("Every photo opens, every label fits its photo.")
