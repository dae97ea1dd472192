"""Options that several commands share: datasets, class maps, and the refusal of options that do not apply."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli.output import err
from splitlab.data.classes import TABLES
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.fit_for_training import PARTS, Part, notes_on, with_scorable_val
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import CheckpointError, RunError, SettingsError
from splitlab.evaluation.asked_class_map import AskedClassMap, asked_class_map, read_asked
from splitlab.evaluation.class_map import ClassMap, class_map_for, keep_class_map, require_known
from splitlab.workspace import Workspace

ClassMapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--class-map",
        metavar="MAP",
        help="Map the model's classes to the dataset's where names differ: MODEL=DATA, a YAML file, "
        f"{', '.join(TABLES)}, or `order`. Kept in the checkpoint's card.",
    ),
]

_Masks = StrEnum("_Masks", ["CUT", "WHOLE"])
MasksOption = Annotated[
    _Masks | None,
    typer.Option(
        help="Whether masks are `cut` to their boxes or left `whole`; by default as the card says: cut for YOLO, whole "
        "for DETR, as published."
    ),
]


def are_cut(masks: _Masks | None) -> bool | None:
    """Return whether masks should be cut to their boxes; None if the card decides."""
    return None if masks is None else masks == _Masks.CUT


def opened(data: str, workspace: Workspace, parts: Sequence[Part] = PARTS) -> TrainVal:
    """Open a dataset, and report unreadable entries of the parts that are used. Raise DataError if it is unusable.

    Images whose labels cannot be read are left out of val.
    """
    found = open_dataset(data, workspace.data)
    say(notes_on(found, parts))
    return with_scorable_val(found)


def say(sentences: Sequence[str]) -> None:
    """Print sentences on standard error, so that standard output stays clean."""
    for sentence in sentences:
        err.print(sentence, soft_wrap=True)


def refuse_others(context: typer.Context, used: Collection[str], why: str) -> None:
    """Refuse options on the command line that would have no effect.

    Args:
        context: of the command.
        used: names of the parameters that have an effect.
        why: why the others have none, and what to do; the message puts it after the options.

    Raises:
        SettingsError: another option was given.
    """
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in used and _is_given(context, str(parameter.name))
    ]
    if given:
        raise SettingsError(f"{', '.join(given)}: {why}")


def class_maps_of(folders: Sequence[Path], dataset: Dataset, words: Sequence[str] | None) -> list[ClassMap]:
    """Return the class map of each checkpoint, and keep the requested one in its card.

    Args:
        folders: the checkpoints.
        dataset: the dataset.
        words: of `--class-map`. Of several checkpoints, it applies to those whose classes differ from the dataset's and
            that have the classes it names.

    Raises:
        CheckpointError: none of a checkpoint's classes has a counterpart, or the request fits no checkpoint.
        SettingsError: the request cannot be read.
    """
    found = {folder: read_card(folder).class_names for folder in folders}
    asked = _asked(found, dataset, read_asked(words)) if words else {}
    for folder, classes in asked.items():
        _keep(folder, dataset, classes)
    return [asked[folder] if folder in asked else _known(folder, dataset) for folder in folders]


def _is_given(context: typer.Context, name: str) -> bool:
    # Compared by name: some versions of typer bring their own click.
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _known(folder: Path, dataset: Dataset) -> ClassMap:
    return require_known(class_map_for(read_card(folder), dataset.class_names), str(folder), dataset.name)


def _asked(found: dict[Path, list[str]], dataset: Dataset, asked: AskedClassMap) -> dict[Path, ClassMap]:
    """Return the requested class map for each checkpoint that it fits."""
    meant = [folder for folder, names in found.items() if len(found) == 1 or names != list(dataset.class_names)]
    fitting = {}
    for folder in meant:
        try:
            fitting[folder] = asked_class_map(asked, found[folder], dataset.class_names, str(folder), dataset.name)
        except CheckpointError:
            if len(meant) == 1:
                raise
    if not fitting:
        raise CheckpointError(
            f"--class-map fits none of the checkpoints whose classes differ from those of '{dataset.name}'. Set one "
            "for each with: splitlab evaluate CHECKPOINT --data DATA --class-map MAP. The card keeps it."
        )
    return fitting


def _keep(folder: Path, dataset: Dataset, classes: ClassMap) -> None:
    try:
        keep_class_map(folder, dataset.name, classes)
    except RunError as error:
        say([f"The class map is used now but is not kept: {error}"])
