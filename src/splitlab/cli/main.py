"""The command line: the same functions as the pages, one command for each step."""

from __future__ import annotations

import signal
import sys

import typer

from splitlab.cli.command_order import OrderedCommands
from splitlab.cli.output import err
from splitlab.errors import SplitLabError

_MOST_LETTERS, _END_LETTERS = 2000, 300

app = typer.Typer(cls=OrderedCommands, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def about() -> None:
    """How many images get masks, how many only boxes? Split, train, evaluate, compare."""


def main() -> None:
    """Run the command line; a mistake that a user can mend is one sentence, not a traceback."""
    # A shell starts background commands with SIGINT ignored, but commands save their work on it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except (SplitLabError, OSError) as error:
        err.print(f"Error: {_as_answer(error)}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _as_answer(error: SplitLabError | OSError) -> str:
    """Return the sentence for a fault that a user can mend: bounded, and without what a terminal would obey."""
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        text = f"{place}{error.strerror or error}. Check the path, and the space and rights there."
    else:
        text = str(error)
    if len(text) > _MOST_LETTERS:
        text = f"{text[: _MOST_LETTERS - _END_LETTERS]} [...] {text[-_END_LETTERS:]}"
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
