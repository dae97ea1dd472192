"""Commands that share checkpoints: make a hub's index, list what hubs offer, get one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from splitlab.cli.checkpoint_commands import checkpoint_app
from splitlab.cli.output import JsonOption, out, print_json, progress_bar, shown
from splitlab.errors import RunError
from splitlab.runs.card_in_words import megabytes
from splitlab.runs.hub import read_hub
from splitlab.runs.hub_index import write_index
from splitlab.runs.known_hubs import known_hubs, remember_hub
from splitlab.workspace import Workspace

HUB_HELP = "A folder with an index.json, or its http or https address."


@checkpoint_app.command(epilog="Example: `splitlab checkpoint index /shared/checkpoints`")
def index(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of checkpoint folders.")],
) -> None:
    """Make a folder of checkpoints a hub: write its index.json, with each one's card, sizes and sha256."""
    path = write_index(folder)
    out.print(f"{path}: {len(read_hub(str(folder)))} checkpoints", highlight=False)


@checkpoint_app.command("list", epilog="Example: `splitlab checkpoint list https://example.org/checkpoints`")
def list_hub(
    hub: Annotated[
        str | None, typer.Argument(metavar="[HUB]", help=HUB_HELP + " Left out: the hubs used before.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a hub offers; it is remembered, and the pages offer it too."""
    root = Workspace.here().root
    if hub is None:
        _list_hubs(known_hubs(root), as_json)
        return
    offered = read_hub(hub)
    # A work space that is only read is no reason not to look.
    with suppress(RunError):
        remember_hub(root, hub)
    if as_json:
        print_json([asdict(entry) for entry in offered.values()])
        return
    heads = ("model", "data set", "licence", "split", "mask AP50", "AP70", "size")
    table = Table(Column("name", no_wrap=True), *heads, caption="AP on the val images of each one's data set")
    for entry in offered.values():
        card, mask = entry.card, entry.card.scores.get("mask", {})
        scores = shown(mask.get("ap50")), shown(mask.get("ap70"))
        table.add_row(
            entry.name, card.model, card.dataset, card.data_licence, card.split_name, *scores, megabytes(entry.bytes)
        )
    out.print(table)


def _list_hubs(hubs: list[str], as_json: bool) -> None:
    if as_json:
        print_json(hubs)
    elif not hubs:
        out.print("No hub was used here yet. Name one: splitlab checkpoint list HUB")
    for hub in [] if as_json else hubs:
        out.print(hub, highlight=False, soft_wrap=True)


@checkpoint_app.command(epilog="Example: `splitlab checkpoint get /shared/checkpoints pets-30-330`")
def get(
    hub: Annotated[str, typer.Argument(metavar="HUB", help=HUB_HELP)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `splitlab checkpoint list HUB` shows it.")],
) -> None:
    """Copy a checkpoint of a hub into the work space; the same command goes on after a break.

    It is kept if its files are those of the index (size, sha256) and the model on its card takes the weights.
    """
    from splitlab.models.hub_get import get_checkpoint

    workspace = Workspace.here()
    with progress_bar() as progress:
        folder = get_checkpoint(hub, name, workspace.imported, progress)
    remember_hub(workspace.root, hub)
    out.print(f"{name} is here: {folder}", highlight=False, soft_wrap=True)
