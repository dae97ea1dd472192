"""The command that opens the app in the browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from splitlab.cli.output import app
from splitlab.workspace import SHIPPED


@app.command(
    "app",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Examples: `splitlab app` · `splitlab app --port 8600 --server.headless true`",
)
def open_app(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the address; the first free one from 8501 on if left out.")
    ] = None,
) -> None:
    """Open the app in the browser.

    Datasets and runs are kept in `workspace` below the current folder. Further options are passed on to
    `streamlit run`.
    """
    options = [] if port is None else ["--server.port", str(port)]
    words = [sys.executable, "-m", "streamlit", "run", str(SHIPPED / "app.py"), *options, *context.args]
    os.execv(sys.executable, words)  # noqa: S606 (our own command, and no shell)
