"""The command line: the same functions as the pages, one command for each step."""

from __future__ import annotations

import sys

from splitlab.cli import (
    atlas_commands,
    budget_commands,
    checkpoint_commands,
    claims_commands,
    compare_commands,
    data_commands,
    few_shot_commands,
    hub_commands,
    publish_commands,
    queue_commands,
    results_commands,
    run_commands,
    split_commands,
    sweep_commands,
)
from splitlab.cli.huge_pages import take_huge_pages
from splitlab.cli.output import app, err
from splitlab.errors import SplitLabError

# Importing a module of commands is what adds them to the app.
COMMANDS = (
    data_commands,
    split_commands,
    run_commands,
    few_shot_commands,
    queue_commands,
    sweep_commands,
    results_commands,
    atlas_commands,
    checkpoint_commands,
    hub_commands,
    publish_commands,
    compare_commands,
    budget_commands,
    claims_commands,
)


@app.callback()
def about() -> None:
    """How many images get masks, how many only boxes? Split, train, evaluate, compare."""


def main() -> None:
    """Run the command line; a mistake that a user can mend is one sentence, not a traceback."""
    take_huge_pages()
    try:
        app()
    except SplitLabError as error:
        err.print(f"Error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
