"""What every command does that makes a run of one's own: name what lasts, make the folder, train or queue it."""

from __future__ import annotations

from pathlib import Path

import typer

from splitlab.cli.output import err, out, progress_bar
from splitlab.data.open_dataset import dataset_names
from splitlab.data.splits.split import Split, read_split
from splitlab.runs.queue import enqueue, place_of, run_named
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import PRETRAINED, RunSpec
from splitlab.runs.store import free_run_path, weights_folder
from splitlab.runs.worker import worker_is_alive
from splitlab.training.processes import is_main_process
from splitlab.workspace import Workspace

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
    from splitlab.experiments.experiment import prepare_run

    folder = out_folder or free_run_path(workspace.runs, spec)
    if (folder / "spec.json").is_file():
        run = RunFolder.open(folder)
        if run.spec() == spec and (split is None or read_split(run.split_path) == split):
            return run
    return prepare_run(folder, spec, workspace.data, split)


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
    from splitlab.experiments.experiment import carry_out

    with progress_bar() as progress:
        state = carry_out(run, workspace.data, progress, err.print)
    if not is_main_process():
        return False
    if state == State.CANCELLED:
        err.print(f"Stopped at step {run.status().step}. Go on with: splitlab train {run.path}")
        raise typer.Exit(CANCELLED_EXIT)
    return True
