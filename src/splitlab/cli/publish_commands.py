"""Commands that make a checkpoint: of a run, or a smaller one of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splitlab.cli.checkpoint_commands import CheckpointArgument, checkpoint_app
from splitlab.cli.opened_data import opened
from splitlab.cli.output import out, progress_bar
from splitlab.cli.queue_commands import RunArgument
from splitlab.runs.card_in_words import card_in_words, megabytes
from splitlab.runs.checkpoint import read_card
from splitlab.runs.checkpoint_files import facts_of
from splitlab.runs.checkpoint_names import proposed_name
from splitlab.runs.publish import publish
from splitlab.runs.queue import run_named
from splitlab.runs.store import weights_folder
from splitlab.workspace import Workspace


@checkpoint_app.command("publish", epilog="Example: `splitlab checkpoint publish pets-30-450-1 --name pets-30-450`")
def publish_run(
    run: RunArgument,
    name: Annotated[str | None, typer.Option(help="What to call it; the run's name where left out.")] = None,
) -> None:
    """Copy what a run has learnt into the work space's checkpoints, in half precision; the run stays as it is."""
    workspace = Workspace.here()
    folder = run_named(workspace, run)
    made = publish(folder.path, name or proposed_name(folder.name), workspace.imported)
    out.print(f"{made.name}, {megabytes(_size(made))}: {made}", highlight=False, soft_wrap=True)


@checkpoint_app.command(
    epilog="Example: `splitlab checkpoint shrink pets-30-450-1 --name pets-30-450 --data path/to/pets`"
)
def shrink(
    folder: CheckpointArgument,
    name: Annotated[str, typer.Option(help="What to call the copy.")],
    data: Annotated[str, typer.Option(help="The data set to score it on: its val images.")],
    into: Annotated[
        Path | None, typer.Option(help="The folder of checkpoints; the work space's where left out.")
    ] = None,
) -> None:
    """Copy a checkpoint with 8 bits a weight, half of half precision, and score the copy, for one that is to be sent.

    Both scores are shown; the card has those of the copy.
    """
    from splitlab.experiments.shrink import shrink as shrink_checkpoint

    workspace, folder = Workspace.here(), weights_folder(folder)
    with progress_bar() as progress:
        val = opened(data, workspace, ("val",)).val
        made = shrink_checkpoint(folder, name, into or workspace.imported, val, progress)
    for checkpoint in (folder, made):
        lines = card_in_words(read_card(checkpoint), {})
        scores = f"{lines['mask AP']}, on {lines['scored on']}" if "scored on" in lines else lines["mask AP"]
        out.print(f"{megabytes(_size(checkpoint))}: {scores}", highlight=False, soft_wrap=True)
    out.print(f"{made.name}: {made}", highlight=False, soft_wrap=True)


def _size(checkpoint: Path) -> int:
    return sum(facts.bytes for facts in facts_of(checkpoint).values())
