"""The command that draws a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from splitlab.cli.options import opened, refuse_others
from splitlab.cli.output import DataArgument, JsonOption, SeedOption, app, out, print_json
from splitlab.data.classes import asked_names
from splitlab.data.dataset import Dataset, ImageCounts, count_images, left_out_in_words
from splitlab.data.few_shot_split import draw_few_shot, paper_few_shot
from splitlab.data.saved_splits import split_by_labels, split_by_lists
from splitlab.data.split import Split, draw_paper_split, draw_split, draw_stratified
from splitlab.errors import SplitError
from splitlab.io import check_place, write_json
from splitlab.workspace import Workspace


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
        f"Of {counts.to_draw:,} labelled images: {counts.masks:,} with masks, {counts.half_masked + counts.boxes:,} "
        f"with boxes only, {counts.background:,} background (in W only)."
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
