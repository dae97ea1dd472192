"""Settings of training commands, and how a new run is created, queued or trained."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from splitlab.cli.output import err, out, progress_bar
from splitlab.data.open_dataset import dataset_names
from splitlab.data.split import Split
from splitlab.errors import SettingsError
from splitlab.queue.queue import enqueue, place_of, run_named
from splitlab.queue.worker import worker_is_alive
from splitlab.runs.recipes import RECIPES, run_settings
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import PRETRAINED, SETTINGS, RunSpec
from splitlab.runs.store import free_run_path, weights_folder
from splitlab.workspace import Workspace

RecipeOption = Annotated[str, typer.Option(help=f"A set of settings: {', '.join(RECIPES)}.")]
OthersOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of spec.json, such as momentum=0.9."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="The run folder; by default a new one in the workspace.")]
QueuedOption = Annotated[bool, typer.Option("--queue", help="Queue the run for `splitlab worker`.")]
CANCELLED_EXIT = 130
_RUN_SECONDS = 600
# Text is taken as it is, with its quotes and digits.
_TEXTS = frozenset(name for name, one in SETTINGS.items() if one.kind is str)


def chosen_settings(
    recipe: str, options: dict[str, Any], others: Sequence[str], full: int, weak: int | None
) -> dict[str, Any]:
    """Return a recipe's settings, overridden by options that are not None and by others written as NAME=VALUE.

    Args:
        recipe: its name.
        options: settings by name.
        others: of `--set`.
        full: |F|, or any number above 0 if it is not known yet.
        weak: |W|, or None if it is not known yet; see `run_settings`.

    Raises:
        SettingsError: there is no such recipe, or one of the others has no value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return run_settings(recipe, {**given, **named_values(others)}, full, weak)


def without_own(others: Sequence[str], own: Mapping[str, str]) -> Sequence[str]:
    """Return settings written as NAME=VALUE; raise SettingsError if one has its own option, given by name."""
    for other in others:
        name = other.partition("=")[0]
        if name in own:
            raise SettingsError(f"--set {other}: use {own[name]} to set {name}.")
    return others


def named_values(others: Sequence[str]) -> dict[str, Any]:
    """Read settings written as NAME=VALUE. Raise SettingsError if one has no value."""
    return dict(_named_value(other) for other in others)


def value_of(text: str) -> Any:
    """Read a number, true or false; anything else stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def lasting_name(data: str, workspace: Workspace) -> str:
    """Return a dataset's name in the workspace as it is, and a path as an absolute one, valid from any folder."""
    return data if data in dataset_names(workspace.data) else str(Path(data).absolute())


def lasting_start(start_from: str) -> str:
    """Return the absolute path of a checkpoint or run; the word `pretrained` stays."""
    return start_from if start_from == PRETRAINED else str(weights_folder(Path(start_from)).absolute())


def run_with(spec: RunSpec, split: Split | None, out_folder: Path | None, workspace: Workspace) -> RunFolder:
    """Create the run, or open the one that the same command, or the main of several processes, created.

    Raises:
        SplitLabError: the run cannot be created, or the folder holds another one.
    """
    # Both import torch, which takes seconds.
    from splitlab.models.precision import is_main_process
    from splitlab.training.experiment import make_or_open_run

    if not is_main_process():
        return _run_of_main_process(out_folder)
    return make_or_open_run(out_folder or free_run_path(workspace.runs, spec), spec, workspace.data, split)


def leave_to_worker(workspace: Workspace, *runs: str) -> None:
    """Queue runs, given as names or folders, print their places, and how to start a worker if none is running.

    Raises:
        RunError: a run does not exist, is being trained, or is done.
    """
    enqueue(workspace, *runs)
    for run in [run_named(workspace, name) for name in runs]:
        device = run.spec().device
        out.print(f"{run.name}: place {place_of(workspace, run.name)} in the queue")
        if not worker_is_alive(workspace, device):
            way_out = f"Start one with: splitlab worker --device {device}"
            err.print(f"No worker serves {device} on this machine. {way_out}", soft_wrap=True)


def train_here(run: RunFolder, workspace: Workspace) -> bool:
    """Train and evaluate a run; return whether this process is the one that prints its scores.

    Raises:
        Exit: the run was cancelled.
    """
    from splitlab.models.precision import is_main_process
    from splitlab.training.experiment import carry_out

    with progress_bar() as progress:
        state = carry_out(run, workspace.data, progress, err.print)
    if not is_main_process():
        return False
    if state == State.CANCELLED:
        err.print(f"Stopped at step {run.status().step}. Continue with: splitlab train {run.path}")
        raise typer.Exit(CANCELLED_EXIT)
    return True


def _named_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--set {text} has no value. Write it as NAME=VALUE, such as --set momentum=0.9.")
    return name, value if name in _TEXTS else value_of(value)


def _run_of_main_process(folder: Path | None) -> RunFolder:
    if folder is None:
        raise SettingsError("Several processes need one run folder. Set it with --out.")
    deadline = time.monotonic() + _RUN_SECONDS
    while not (folder / "spec.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    return RunFolder.open(folder)
