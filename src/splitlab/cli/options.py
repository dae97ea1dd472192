"""Options that several commands share: datasets, class maps, and options that do not apply."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli.output import err
from splitlab.data.classes import TABLES
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.fit_for_training import PARTS, Part, notes_on
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import CheckpointError, RunError, SettingsError
from splitlab.evaluation.asked_class_map import AskedClassMap, asked_class_map, read_asked
from splitlab.evaluation.class_map import ClassMap, class_map_for, keep_class_map, require_known
from splitlab.workspace import Workspace


def opened(data: str, workspace: Workspace, parts: Sequence[Part] = PARTS) -> TrainVal:
    """Open a data set; what of the parts that are used cannot be read is said on standard error.

    Raises:
        DataError: there is no such data set, or nothing of it can be read.
    """
    found = open_dataset(data, workspace.data)
    tell_notes(found, parts)
    return found


def tell_notes(data: TrainVal, parts: Sequence[Part] = PARTS) -> None:
    """Say on standard error what of a data set cannot be read or teaches nothing."""
    for note in notes_on(data, parts):
        err.print(note, highlight=False, soft_wrap=True)


def refuse_others(context: typer.Context, heard: Collection[str], why: str) -> None:
    """Refuse what was given on the command line and is not heard here.

    Args:
        context: of the command.
        heard: names of the parameters that count.
        why: what they stand beside, and the way out; it follows the options.

    Raises:
        SettingsError: something else was given.
    """
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in heard and _is_given(context, str(parameter.name))
    ]
    if given:
        raise SettingsError(f"{', '.join(given)}: {why}")


def _is_given(context: typer.Context, name: str) -> bool:
    # By its name: some versions of Typer have a Click of their own.
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


ClassMapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--class-map",
        metavar="MAP",
        help="What the model's classes are in the data set, where names differ: MODEL=DATA, a YAML file, "
        f"{', '.join(TABLES)}, or `order`. Kept in the checkpoint's card.",
    ),
]


def class_maps_of(folders: Sequence[Path], dataset: Dataset, words: Sequence[str] | None) -> list[ClassMap]:
    """Return the class map of each checkpoint, and keep in its card what was asked for.

    Args:
        folders: the checkpoints.
        dataset: the data set.
        words: of `--class-map`. Of several checkpoints it is meant for those whose classes differ from the data set's
            and that have the classes it names.

    Raises:
        CheckpointError: none of a checkpoint's classes has a counterpart, or what was asked for fits no checkpoint.
        SettingsError: what was asked for cannot be read.
    """
    if not words:
        return [_known(folder, dataset) for folder in folders]
    asked = read_asked(words)
    others = [folder for folder in folders if read_card(folder).class_names != list(dataset.class_names)]
    meant = folders if len(folders) == 1 else others
    fitting = {
        folder: _asked(asked, folder, dataset) for folder in meant if len(meant) == 1 or _fits(asked, folder, dataset)
    }
    if not fitting:
        raise CheckpointError(
            f"--class-map fits none of the checkpoints whose classes are not those of '{dataset.name}'. Give each its "
            "own by `splitlab evaluate CHECKPOINT --data DATA --class-map MAP`; its card keeps it."
        )
    for folder, classes in fitting.items():
        _keep(folder, dataset, classes)
    return [fitting[folder] if folder in fitting else _known(folder, dataset) for folder in folders]


def say(sentences: Sequence[str]) -> None:
    """Write sentences on standard error, where they do not disturb what is printed."""
    for sentence in sentences:
        err.print(sentence, highlight=False, soft_wrap=True)


def _known(folder: Path, dataset: Dataset) -> ClassMap:
    return require_known(class_map_for(read_card(folder), dataset.class_names), str(folder), dataset.name)


def _asked(asked: AskedClassMap, folder: Path, dataset: Dataset) -> ClassMap:
    return asked_class_map(asked, read_card(folder).class_names, dataset.class_names, str(folder), dataset.name)


def _fits(asked: AskedClassMap, folder: Path, dataset: Dataset) -> bool:
    try:
        _asked(asked, folder, dataset)
    except CheckpointError:
        return False
    return True


def _keep(folder: Path, dataset: Dataset, classes: ClassMap) -> None:
    try:
        keep_class_map(folder, dataset.name, classes)
    except RunError as error:
        say([f"The class map holds this time and is not kept: {error}"])
