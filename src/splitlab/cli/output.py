"""Output of commands: tables, JSON, progress, and errors in one sentence."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from splitlab import shown_numbers

if TYPE_CHECKING:
    from rich.progress import TaskID

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help="A data set's folder, its name, or `embedded`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Equal seeds draw equal splits.")]

app = typer.Typer(rich_markup_mode="markdown")
"""What the modules of commands add their commands to; `command_order` takes them from it one at a time."""

# Names of classes, photos and runs may hold what rich takes for markup.
out, err = Console(markup=False), Console(markup=False, stderr=True)


def print_json(content: Any) -> None:
    """Print one line of JSON and nothing else."""
    sys.stdout.write(json.dumps(content, allow_nan=False) + "\n")


def shown(value: float | None) -> str:
    """Show an AP to one digit, a dash where there is none."""
    return "–" if value is None else shown_numbers.shown(value)


@contextmanager
def progress_bar() -> Iterator[Any]:
    """Yield a callback (what, done, total) that draws one bar for each thing being done, on standard error."""
    # Most commands draw no bar.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err
    )
    tasks: dict[str, TaskID] = {}
    started = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        # Nothing that ends within a second shows a bar.
        if time.monotonic() - started < 1 and done < total and what not in tasks:
            return
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        if done < (bar.tasks[tasks[what]].completed or 0):
            bar.reset(tasks[what], total=total)
        bar.update(tasks[what], completed=done, total=total)

    with bar:
        yield report
