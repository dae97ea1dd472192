"""In which order `splitlab --help` lists the commands: that of the work, from the first question to what is shared."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from splitlab.cli.given_words import check_words

PANELS = {
    "Plan a budget": ("cost", "plan", "equiscore", "claims"),
    "Data": ("data", "split"),
    "Train": ("train", "sweep", "few-shot", "atlas"),
    "Runs and their queue": ("runs", "queue", "worker", "cancel", "retry", "delete"),
    "See what was learnt": ("evaluate", "predict", "compare", "results"),
    "Keep and share": ("checkpoint",),
}
"""The commands by the heading that they stand under."""

_HEADINGS = {name: heading for heading, names in PANELS.items() for name in names}


class OrderedCommands(TyperGroup):
    """A group whose commands stand in the order of `PANELS`, each under its heading.

    Some versions of typer bring their own click: its types have no name that holds for all.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check what was typed, then divide it among the commands."""
        check_words(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands' names, those of no panel last."""
        there = super().list_commands(ctx)
        return [name for name in _HEADINGS if name in there] + [name for name in there if name not in _HEADINGS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command with its heading."""
        command: Any = super().get_command(ctx, cmd_name)
        if command is not None and cmd_name in _HEADINGS:
            command.rich_help_panel = _HEADINGS[cmd_name]
        return command
