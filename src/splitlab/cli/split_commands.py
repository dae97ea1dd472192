"""The command that draws a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from splitlab.cli.opened_data import opened
from splitlab.cli.output import DataArgument, JsonOption, SeedOption, app, out, print_json
from splitlab.cli.refused_options import refuse_others
from splitlab.data.class_lists import asked_names
from splitlab.data.dataset import Dataset
from splitlab.data.image_counts import ImageCounts, count_images, left_out_in_words
from splitlab.data.splits.draw_split import draw_split, draw_stratified
from splitlab.data.splits.few_shot import draw_few_shot, paper_few_shot
from splitlab.data.splits.given_split import split_by_labels, split_by_lists
from splitlab.data.splits.paper_split import draw_paper_split
from splitlab.data.splits.split import Split
from splitlab.errors import SplitError
from splitlab.runs.atomic_files import check_place, write_json
from splitlab.workspace import Workspace

ALL = "all"


class Protocol(StrEnum):
    """How a split is drawn."""

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
    weak: Annotated[str, typer.Option(help="|W|: images with boxes only, or `all` that are left.")] = "0",
    seed: SeedOption = 0,
    protocol: Annotated[Protocol, typer.Option(help="How to draw; see below.")] = Protocol.RANDOM,
    full_list: Annotated[Path | None, typer.Option(help="lists: a file that names the images of F.")] = None,
    weak_list: Annotated[Path | None, typer.Option(help="lists: a file that names those of W, or of F and W.")] = None,
    masks_per_class: Annotated[int | None, typer.Option(help="few-shot: masks of each class.")] = None,
    classes: Annotated[str | None, typer.Option(help='few-shot: the classes that count, as `cat,"dog, big"`.')] = None,
    as_json: JsonOption = False,
    save: Annotated[Path | None, typer.Option("--out", help="Also write the split to this file.")] = None,
) -> None:
    """Draw a full set F and a weak set W.

    **random** and **stratified** (classes in proportion) by seed: with one seed a smaller F lies in a larger one, and
    a smaller W in a larger one of the same F. They leave out images without labels, and put background images into W
    only.
    **paper**: the images that the authors drew for YOLOv5, of VOC2012 and Cityscapes. **labels**: images with masks
    are F, those with boxes only W. **few-shot**: so many masks a class by seed, or the paper's 17 images where no
    number is given. **lists**: two text files, such as the authors' `train_seg_400.txt` and `train_det_400_1000.txt`
    for DETR; F is taken out of W where the second file names all of its images.
    """
    heard = {"data", "protocol", "as_json", "save", *_heard(protocol, masks_per_class)}
    refuse_others(context, heard, f"the protocol {protocol} does not go by this{_unless(protocol)}. Leave it out.")
    if save is not None:
        check_place(save)
    train = opened(data, Workspace.here(), ("train",)).train
    counts = count_images(train)

    def sized(draw: Callable[[Dataset, int, int, int], Split]) -> Split:
        size = _needed(full)
        return draw(train, size, counts.to_draw - size if weak == ALL else _count(weak), seed)

    drawn = {
        Protocol.RANDOM: lambda: sized(draw_split),
        Protocol.STRATIFIED: lambda: sized(draw_stratified),
        Protocol.PAPER: lambda: draw_paper_split(train, _needed(full), None if weak == ALL else _count(weak)),
        Protocol.LABELS: lambda: split_by_labels(train),
        Protocol.FEW_SHOT: lambda: _few_shot(train, masks_per_class, seed, classes),
        Protocol.LISTS: lambda: _by_lists(train, full_list, weak_list),
    }[protocol]()
    if save is not None:
        write_json(save, drawn.to_json())
    if as_json:
        print_json({**drawn.to_json(), "images": asdict(counts)})
        return
    out.print(f"{drawn.name} of {data}, {drawn.drawn}, seed {drawn.seed}, hash {drawn.hash[:12]}")
    out.print(_drawn_from(counts), highlight=False)
    if left_out := left_out_in_words(counts, train):
        out.print(left_out, highlight=False, soft_wrap=True)


def _drawn_from(counts: ImageCounts) -> str:
    return (
        f"Of {counts.to_draw:,} labelled images: {counts.masks:,} with masks, {counts.boxes:,} with boxes only, "
        f"{counts.background:,} background (in W only)."
    )


def _heard(protocol: Protocol, masks_per_class: int | None) -> tuple[str, ...]:
    """Name the parameters that a protocol goes by."""
    return {
        Protocol.RANDOM: ("full", "weak", "seed"),
        Protocol.STRATIFIED: ("full", "weak", "seed"),
        Protocol.PAPER: ("full", "weak"),
        Protocol.LABELS: (),
        # Without a number it is the paper's own images.
        Protocol.FEW_SHOT: () if masks_per_class is None else ("masks_per_class", "classes", "seed"),
        Protocol.LISTS: ("full_list", "weak_list"),
    }[protocol]


def _unless(protocol: Protocol) -> str:
    return " without --masks-per-class" if protocol == Protocol.FEW_SHOT else ""


def _needed(full: int | None) -> int:
    if full is None:
        raise SplitError("Say how many images get masks, such as --full 400.")
    return full


def _count(weak: str) -> int:
    try:
        return int(weak)
    except ValueError as error:
        raise SplitError(f"--weak {weak}: give a number of images, or the word all.") from error


def _few_shot(train: Dataset, masks_per_class: int | None, seed: int, classes: str | None) -> Split:
    if masks_per_class is None:
        return paper_few_shot(train)
    return draw_few_shot(train, masks_per_class, seed, asked_names(classes))


def _by_lists(train: Dataset, full_list: Path | None, weak_list: Path | None) -> Split:
    if full_list is None:
        raise SplitError("--protocol lists needs --full-list, a text file with one image a line.")
    return split_by_lists(train, full_list, weak_list)
