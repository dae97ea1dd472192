"""The command that makes a checkpoint of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from splitlab.cli.checkpoint_commands import checkpoint_app
from splitlab.cli.output import out
from splitlab.cli.queue_commands import RunArgument
from splitlab.runs.card_in_words import megabytes
from splitlab.runs.checkpoint_files import facts_of
from splitlab.runs.checkpoint_names import proposed_name
from splitlab.runs.publish import publish
from splitlab.runs.queue import run_named
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
    size = sum(facts.bytes for facts in facts_of(made).values())
    out.print(f"{made.name}, {megabytes(size)}: {made}", highlight=False, soft_wrap=True)
