"""What all commands share: the app they are added to, common arguments, and output as text, JSON and progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from splitlab import shown_numbers
from splitlab.errors import SplitLabError

if TYPE_CHECKING:
    from rich.progress import TaskID

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help="A dataset's folder, its name, or `embedded`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Equal seeds draw equal splits.")]

app = typer.Typer(rich_markup_mode="markdown")
"""Modules add their commands to this app; `command_order` takes them from it one at a time."""

# Names of classes, photos and runs may look like rich markup.
out = Console(markup=False, highlight=False)
err = Console(markup=False, highlight=False, stderr=True)


def print_json(content: Any) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(content, allow_nan=False) + "\n")


def shown(value: float | None) -> str:
    """Format an AP to one decimal place; a dash if it is missing."""
    return "–" if value is None else shown_numbers.shown(value)


def run_script(main: Callable[[], int]) -> NoReturn:
    """Run the main function of a script and exit with its code; an error that a user can fix prints one sentence."""
    try:
        sys.exit(main())
    except SplitLabError as error:
        err.print(str(error))
        sys.exit(2)


@contextmanager
def progress_bar() -> Iterator[Any]:
    """Yield a callback (task, done, total) that draws a progress bar for each task, on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err
    )
    tasks: dict[str, TaskID] = {}
    started = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        # Tasks of less than a second need no bar.
        if time.monotonic() - started < 1 and done < total and what not in tasks:
            return
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        if done < (bar.tasks[tasks[what]].completed or 0):
            bar.reset(tasks[what], total=total)
        bar.update(tasks[what], completed=done, total=total)

    with bar:
        yield report
