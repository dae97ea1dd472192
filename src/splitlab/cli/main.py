"""The entry point of the command line, and its answer to errors that a user can fix."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated

import typer

from splitlab.cli import output
from splitlab.cli.command_order import OrderedCommands
from splitlab.cli.output import err
from splitlab.errors import SplitLabError
from splitlab.workspace import SHIPPED

_MOST_LETTERS, _END_LETTERS = 2000, 300

app = typer.Typer(cls=OrderedCommands, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def about() -> None:
    """How many images get masks, how many only boxes? Split, train, evaluate, compare."""


@output.app.command(
    "app",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Examples: `splitlab app` · `splitlab app --port 8600 --server.headless true`",
)
def open_app(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The app's port; by default the first free one from 8501.")
    ] = None,
) -> None:
    """Open the app in the browser.

    Datasets and runs are kept in `workspace` below the current folder. Further options are passed on to
    `streamlit run`.
    """
    options = [] if port is None else ["--server.port", str(port)]
    words = [sys.executable, "-m", "streamlit", "run", str(SHIPPED / "app.py"), *options, *context.args]
    os.execv(sys.executable, words)  # noqa: S606 (our own command, and no shell)


def main() -> None:
    """Run the command line; an error that a user can fix prints one sentence, not a traceback."""
    # A shell starts background commands with SIGINT ignored, but commands save their work when they receive it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except (SplitLabError, OSError) as error:
        err.print(f"Error: {_sentence(error)}", soft_wrap=True)
        sys.exit(1)


def _sentence(error: SplitLabError | OSError) -> str:
    """Return the message for a user, of limited length and without control characters."""
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        text = f"{place}{error.strerror or error}. Check the path, the free space and your permissions there."
    else:
        text = str(error)
    if len(text) > _MOST_LETTERS:
        text = f"{text[: _MOST_LETTERS - _END_LETTERS]} [...] {text[-_END_LETTERS:]}"
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
