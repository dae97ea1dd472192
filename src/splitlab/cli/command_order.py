"""The table of commands: their order in the help, and the module each is imported from when asked for."""

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
# Control characters, and the halves of letters that Python makes of bytes that are not UTF-8. Spaces and joiners of all
# kinds stand in ordinary file names.
_REFUSED = ("Cc", "Cs")
# Python's own limit on whole numbers in text is 4,300 digits, and a float ends at 309.
_LONG_NUMBER = re.compile(r"(?:^|=)[+-]?\d{19,}(?:\.\d*)?(?:[eE][+-]?\d+)?$")


def _check_words(words: Sequence[str]) -> None:
    """Refuse what is no plain text of a bounded length.

    Raises:
        SettingsError: a word is too long, holds control characters or bytes that are not UTF-8, or is a number of too
            many digits.
    """
    for word in words:
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in word)
        shown = shown[:_SHOWN_LETTERS]
        if len(word) > _MOST_LETTERS:
            raise SettingsError(f"'{shown}...' has {len(word):,} letters, over the {_MOST_LETTERS:,} that are read.")
        if any(unicodedata.category(letter) in _REFUSED and letter not in "\t\n" for letter in word):
            raise SettingsError(
                f"'{shown}' holds control characters, or bytes that are not UTF-8. Rename the file, or type it again."
            )
        if _LONG_NUMBER.search(word):
            raise SettingsError(f"'{shown}...' is a number of more than 18 digits. Give a smaller one.")


class _Line(NamedTuple):
    """A command's line in `splitlab --help`.

    Attributes:
        help: The first sentence of the command's own help.
        modules: The modules of `splitlab.cli` that add it to the app, with its subcommands.
    """

    help: str
    modules: tuple[str, ...]


_PANELS: Mapping[str, Mapping[str, _Line]] = {
    "Open the app": {
        "app": _Line(
            "Open the app in the browser. Datasets and runs are kept in `workspace` below the current folder.", ("app",)
        ),
    },
    "Plan a budget": {
        "cost": _Line("Say what the labels of a split cost, in hours, and which share of it masks take.", ("cost",)),
        "plan": _Line(
            "Find the split for a budget, or the cheapest one for a score, with the score to expect (90% interval).",
            ("budget",),
        ),
        "equiscore": _Line("Find the cheapest split of the equiscore curve |W| = k phi0^2 / |F|.", ("budget",)),
        "claims": _Line(
            "Recompute what the paper says of its own tables, or see whether it holds for what was measured here.",
            ("atlas",),
        ),
    },
    "Data": {
        "data": _Line("Check, get, add and export data sets, and say how their labels are read.", ("data",)),
        "split": _Line("Draw a full set F and a weak set W.", ("data",)),
    },
    "Train": {
        "train": _Line("Train a model on batches that mix mask images and box images.", ("run",)),
        "sweep": _Line(
            "Train every split, model and seed of a plan; the same command goes on after a break and does nothing "
            "twice.",
            ("sweep",),
        ),
        "few-shot": _Line(
            "Learn classes from a few masks each and the boxes of every other image (Sec. 4.6 of the paper).",
            ("few_shot",),
        ),
        "atlas": _Line("The paper's experiment on our own data: train its grid, see how far it is.", ("atlas",)),
    },
    "Runs and their queue": {
        "runs": _Line("List the runs, the newest first: split, model, how far, and mask AP.", ("run",)),
        "queue": _Line(
            "List the runs that wait, in the order in which `splitlab worker` takes them; or change it.",
            ("queue",),
        ),
        "worker": _Line(
            "Train the runs that wait for a device, one after the other; one worker looks after each device.",
            ("queue",),
        ),
        "cancel": _Line("Stop a run that waits or trains; what it has learnt is saved.", ("queue",)),
        "retry": _Line(
            "Queue a run again that failed, was stopped or lost its process; it goes on from its last saved state.",
            ("queue",),
        ),
        "delete": _Line("Delete a run folder with its weights and scores, for good; asks first.", ("queue",)),
    },
    "See what was learnt": {
        "evaluate": _Line(
            "Score a trained model: AP50, AP70, AP75, AP50:95 of masks and boxes, 0 to 100, on the val images.",
            ("run",),
        ),
        "predict": _Line(
            "Find objects in photos: class, score, box (xyxy, pixels) and RLE mask, in image size.", ("run",)
        ),
        "compare": _Line(
            "Compare models on one data set: what each gets wrong, what that costs, and where they differ most.",
            ("compare",),
        ),
        "results": _Line(
            "Show what was measured here and in the atlas: mask AP of each split, mean and spread over its seeds.",
            ("sweep",),
        ),
    },
    "Keep and share": {
        "checkpoint": _Line(
            "Import and export checkpoints, show what they are, share them as a hub.",
            ("checkpoint",),
        ),
    },
}
"""The commands by the heading that they stand under."""

_LINES = {name: line for lines in _PANELS.values() for name, line in lines.items()}


class _ImportedCommands(Mapping[str, Any]):
    """The commands by name; to take one is to import it."""

    def __getitem__(self, name: str) -> Any:
        for module in _LINES[name].modules:
            import_module(f"splitlab.cli.{module}")
        return get_group(app).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_LINES)

    def __len__(self) -> int:
        return len(_LINES)


class OrderedCommands(TyperGroup):
    """A group of the commands in `PANELS`: its help comes from there, and only the command that runs is imported.

    Some versions of typer bring their own click: its types have no name that holds for all.
    """

    commands: Any

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _ImportedCommands()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check what was typed, then divide it among the commands."""
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
