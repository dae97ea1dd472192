"""Settings of training commands, and the start or queueing of a new run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from splitlab.cli.output import err, out, progress_bar
from splitlab.data.open_dataset import dataset_names
from splitlab.data.split import Split
from splitlab.errors import SettingsError
from splitlab.models.precision import is_main_process
from splitlab.queue.queue import enqueue, place_of, run_named
from splitlab.queue.worker import worker_is_alive
from splitlab.runs.recipes import run_settings
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import PRETRAINED, SETTINGS, RunSpec
from splitlab.runs.store import free_run_path, weights_folder
from splitlab.workspace import Workspace

_RUN_SECONDS = 600
# Their quotes and digits are their own.
_TEXTS = frozenset(name for name, one in SETTINGS.items() if one.kind is str)


def chosen_settings(
    recipe: str, options: dict[str, Any], others: Sequence[str], full: int, weak: int | None
) -> dict[str, Any]:
    """Return a recipe's settings, with the options that were given (not None), and others as NAME=VALUE, over them.

    Args:
        recipe: its name.
        options: settings by name.
        others: of `--set`.
        full: |F|, or any number of images above 0 where it is not known yet.
        weak: |W|, or None where it is not known yet; see `run_settings`.

    Raises:
        SettingsError: there is no such recipe, or one of the others has no value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return run_settings(recipe, {**given, **named_values(others)}, full, weak)


def not_said_elsewhere(others: Sequence[str], said_by: Mapping[str, str]) -> Sequence[str]:
    """Return the others, if none of them is said by an option of its own.

    Args:
        others: settings as NAME=VALUE.
        said_by: the option of a setting.

    Raises:
        SettingsError: one of them is.
    """
    for other in others:
        name = other.partition("=")[0]
        if name in said_by:
            raise SettingsError(f"--set {other}: {name} is said by {said_by[name]}.")
    return others


def named_values(others: Sequence[str]) -> dict[str, Any]:
    """Read settings written as NAME=VALUE.

    Raises:
        SettingsError: one of them has no value.
    """
    return dict(_named_value(other) for other in others)


def value_of(text: str) -> Any:
    """Read a number or true and false; what is neither stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _named_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--set {text} has no value. Write it as NAME=VALUE, such as --set momentum=0.9.")
    return name, value if name in _TEXTS else value_of(value)


def run_of_main_process(folder: Path | None) -> RunFolder:
    """Wait for the run that the main of several processes makes, and open it.

    Raises:
        SettingsError: nobody said where it will be.
        RunError: it does not come.
    """
    if folder is None:
        raise SettingsError("Several processes need one run folder. Say where it is to be with --out.")
    deadline = time.monotonic() + _RUN_SECONDS
    while not (folder / "spec.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    return RunFolder.open(folder)


CANCELLED_EXIT = 130


def lasting_name(data: str, workspace: Workspace) -> str:
    """Keep names of the work space; make paths absolute, so that a run goes on from any folder."""
    return data if data in dataset_names(workspace.data) else str(Path(data).absolute())


def lasting_start(start_from: str) -> str:
    """Make the path of a checkpoint or run absolute; the word `pretrained` stays."""
    return start_from if start_from == PRETRAINED else str(weights_folder(Path(start_from)).absolute())


def run_with(spec: RunSpec, split: Split | None, out_folder: Path | None, workspace: Workspace) -> RunFolder:
    """Make the run, or open the one that the same command made before.

    Raises:
        SplitLabError: the run cannot be made, or the folder holds another.
    """
    from splitlab.training.experiment import make_or_open_run

    return make_or_open_run(out_folder or free_run_path(workspace.runs, spec), spec, workspace.data, split)


def leave_to_worker(workspace: Workspace, *runs: str) -> None:
    """Queue runs, given as names or folders, say which place each has, and how to train them if no worker runs.

    Raises:
        RunError: a run does not exist, is being trained, or is done.
    """
    enqueue(workspace, *runs)
    for run in [run_named(workspace, name) for name in runs]:
        device = run.spec().device
        out.print(f"{run.name}: place {place_of(workspace, run.name)} in the queue")
        if not worker_is_alive(workspace, device):
            way_out = f"Start one with: splitlab worker --device {device}"
            err.print(f"No worker looks after {device} on this machine. {way_out}", soft_wrap=True)


def train_here(run: RunFolder, workspace: Workspace) -> bool:
    """Train and evaluate a run; say whether this process is the one that tells of its scores.

    Raises:
        Exit: somebody stopped it.
    """
    from splitlab.training.experiment import carry_out

    with progress_bar() as progress:
        state = carry_out(run, workspace.data, progress, err.print)
    if not is_main_process():
        return False
    if state == State.CANCELLED:
        err.print(f"Stopped at step {run.status().step}. Go on with: splitlab train {run.path}")
        raise typer.Exit(CANCELLED_EXIT)
    return True
