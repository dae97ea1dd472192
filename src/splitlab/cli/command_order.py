"""The table of commands: their order in the help, and the module that is imported when a command runs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from splitlab.cli.output import app
from splitlab.errors import SettingsError

_MOST_LETTERS, _SHOWN_LETTERS = 4096, 60
# Control characters, and the surrogates that Python makes of bytes that are not UTF-8. Ordinary file names hold spaces
# and joiners of all kinds.
_REFUSED = ("Cc", "Cs")
# Python's own limit on integers in text is 4,300 digits, and a float ends at 309.
_LONG_NUMBER = re.compile(r"(?:^|=)[+-]?\d{19,}(?:\.\d*)?(?:[eE][+-]?\d+)?$")


class _Line(NamedTuple):
    """A command's line in `splitlab --help`: its module in `splitlab.cli`, and the first sentence of its own help."""

    module: str
    help: str


_PANELS: Mapping[str, Mapping[str, _Line]] = {
    "Open the app": {
        "app": _Line("main", "Open the app in the browser."),
    },
    "Run a labelling project": {
        "project": _Line("project", "Label a folder of photos in rounds: plan, choose, hand over, take back."),
    },
    "Plan a budget": {
        "cost": _Line("cost", "Show the annotation cost of a split in hours, and the share of it that masks take."),
        "prices": _Line(
            "cost",
            "List label prices that others measured or charge, with their sources; `--prices NAME` uses one.",
        ),
        "plan": _Line(
            "budget",
            "Find the best split for a budget, or the cheapest for a score, with the expected score (90% interval).",
        ),
        "equiscore": _Line("budget", "Find the cheapest split of the equiscore curve |W| = k phi0^2 / |F|."),
        "claims": _Line(
            "atlas", "Recompute the paper's claims from its own tables, or check them on the results measured here."
        ),
    },
    "Data": {
        "data": _Line("datasets.data", "Check, download, add, export datasets, and set how their labels are read."),
        "split": _Line("datasets.split", "Draw a full set F and a weak set W."),
        "assist": _Line("assist", "Make a mask of every box without one, ranked by predicted IoU."),
    },
    "Train": {
        "train": _Line("run", "Train a model on batches that mix mask images and box images."),
        "sweep": _Line(
            "sweep",
            "Train every split, model and seed of a plan; the same command resumes it and trains nothing twice.",
        ),
        "few-shot": _Line(
            "few_shot", "Learn classes from a few masks each and the boxes of all other images (Sec. 4.6 of the paper)."
        ),
        "atlas": _Line("atlas", "Repeat the paper's experiment on our own datasets: train its grid, see its progress."),
    },
    "Runs and their queue": {
        "runs": _Line("run", "List the training runs, newest first: split, model, progress and mask AP."),
        "queue": _Line(
            "queue",
            "List the queued runs in the order in which `splitlab worker` trains them; or change the queue.",
        ),
        "worker": _Line(
            "queue", "Train the queued runs for a device, one after the other; each device has one worker."
        ),
        "cancel": _Line("queue", "Stop a queued or running training run; its progress is saved."),
        "retry": _Line(
            "queue",
            "Queue a run again that failed, was stopped or lost its process; it continues from its last saved state.",
        ),
        "delete": _Line("queue", "Delete a run folder with its weights and scores permanently; asks first."),
    },
    "Look at results": {
        "evaluate": _Line(
            "run", "Score a trained model on the val images: AP50, AP70, AP75, AP50:95 of masks and boxes, 0 to 100."
        ),
        "predict": _Line("predict", "Find objects in photos; print them, or write files that other tools read."),
        "compare": _Line(
            "compare", "Compare models on one dataset: their errors, what these cost, and where they differ most."
        ),
        "results": _Line(
            "sweep",
            "Show results measured here and in the atlas: mask AP of each split, mean and spread over seeds.",
        ),
    },
    "Keep and share": {
        "checkpoint": _Line("checkpoint", "Import, export, show and share checkpoints."),
    },
}
"""The commands by the heading under which the help lists them."""

_LINES = {name: line for lines in _PANELS.values() for name, line in lines.items()}


class OrderedCommands(TyperGroup):
    """A group of the commands in `_PANELS`: its help comes from there, and only the command that runs is imported.

    Some versions of typer bring their own click, so no name of its types works in all versions.
    """

    commands: Any

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _ImportedCommands()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check the words, then divide them among the commands."""
        _check_words(args)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without importing a command."""
        listed: Any = {
            name: TyperCommand(name, help=line.help, rich_help_panel=heading)
            for heading, lines in _PANELS.items()
            for name, line in lines.items()
        }
        group = TyperGroup(
            name=self.name,
            help=self.help,
            params=self.params,
            commands=listed,
            rich_markup_mode=self.rich_markup_mode,
        )
        group.format_help(ctx, formatter)


class _ImportedCommands(Mapping[str, Any]):
    """The commands by name; looking one up imports it."""

    def __getitem__(self, name: str) -> Any:
        import_module(f"splitlab.cli.{_LINES[name].module}")
        return get_group(app).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_LINES)

    def __len__(self) -> int:
        return len(_LINES)


def _check_words(words: Sequence[str]) -> None:
    """Raise SettingsError for a word that is too long, is not plain text, or is a number of too many digits."""
    for word in words:
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in word)
        shown = shown[:_SHOWN_LETTERS]
        if len(word) > _MOST_LETTERS:
            raise SettingsError(f"'{shown}...' has {len(word):,} characters; at most {_MOST_LETTERS:,} are allowed.")
        if any(unicodedata.category(letter) in _REFUSED and letter not in "\t\n" for letter in word):
            raise SettingsError(
                f"'{shown}' holds control characters, or bytes that are not UTF-8. Rename the file, or type it again."
            )
        if _LONG_NUMBER.search(word):
            raise SettingsError(f"'{shown}...' is a number of more than 18 digits. Give a smaller one.")
