"""Train the runs of a sweep through the queue or on a cluster, and wait until the last has ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from splitlab.cli.output import err, progress_bar
from splitlab.io import HeldError, Progress
from splitlab.queue.cluster import Shares, train_on_cluster
from splitlab.queue.queue import enqueue_missing, status_of, waiting_runs
from splitlab.queue.worker import Worker
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import RunFolder, State
from splitlab.workspace import Workspace

ADDRESS_HELP = "Train on this Ray cluster: HOST:PORT of its head, or `auto` on one of its machines."
GpuShareOption = Annotated[
    float, typer.Option("--gpu-share", help="With --cluster: share of one GPU for each cuda run; with 0.5, two fit.")
]
CpusOption = Annotated[int, typer.Option("--cpus", help="With --cluster: processor cores for each run.")]
_LOOK_SECONDS = 1.0
_LOOKED_AT = 16  # the runs being trained are among the first


@dataclass(frozen=True)
class Ended:
    """A run that stopped early."""

    name: str
    state: State
    message: str


def work_through(runs: Sequence[RunFolder], workspace: Workspace) -> list[Ended]:
    """Queue runs, and train them here or watch another worker train them; return those that stopped early.

    Raises:
        SplitLabError: the workspace cannot be written.
        KeyboardInterrupt: after Ctrl-C, once the current run is saved. The others stay queued.
    """
    enqueue_missing(runs, workspace)
    for kind in sorted({run.spec().device for run in runs}):
        _work(kind, workspace, [run for run in runs if run.spec().device == kind])
    states = [(run.name, status_of(run)) for run in runs]
    return [Ended(name, status.state, status.message) for name, status in states if status.state != State.DONE]


def work_on_cluster(runs: Sequence[RunFolder], workspace: Workspace, address: str, shares: Shares) -> list[Ended]:
    """Queue runs and train them on a cluster; return those that stopped early.

    Raises:
        SplitLabError: the cluster or the workspace cannot be used.
        KeyboardInterrupt: after Ctrl-C, once the trainings are saved.
    """
    enqueue_missing(runs, workspace)
    if not runs:
        return []
    unfinished = train_on_cluster(runs, workspace, address, shares, lambda line: err.print(line, soft_wrap=True))
    return [Ended(run.name, status_of(run).state, unfinished[run.name]) for run in runs if run.name in unfinished]


def _work(kind: str, workspace: Workspace, runs: Sequence[RunFolder]) -> None:
    with progress_bar() as progress:

        def watch() -> int:
            return _show_progress(workspace, runs, progress)

        def stop(*_: object) -> None:
            err.print("Saving the current run; the others stay in the queue.")
            worker.stopping = True

        worker = Worker(workspace, Device.named(kind), tell=err.print, watch=watch)
        before = signal.signal(signal.SIGINT, stop)
        try:
            while watch() and not worker.stopping:
                with suppress(HeldError):  # another worker of the device trains the runs as well
                    worker.work(until_empty=True)
                time.sleep(_LOOK_SECONDS)
        finally:
            signal.signal(signal.SIGINT, before)
    if worker.stopping:
        raise KeyboardInterrupt


def _show_progress(workspace: Workspace, runs: Sequence[RunFolder], progress: Progress) -> int:
    """Show the progress of the runs; return how many of them are still queued."""
    names = {run.name for run in runs}
    left = [entry.run for entry in waiting_runs(workspace) if entry.run in names]
    progress("runs", len(runs) - len(left), len(runs))
    statuses = (status_of(RunFolder(workspace.runs / name)) for name in left[:_LOOKED_AT])
    if current := next((status for status in statuses if status.state == State.RUNNING), None):
        progress("train", current.step, current.steps)
    return len(left)
