"""A sweep's runs through the queue, watched until the last has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from splitlab.cli.output import err, progress_bar
from splitlab.data.progress import Progress
from splitlab.runs.devices import Device
from splitlab.runs.locks import HeldError
from splitlab.runs.queue import enqueue_all, status_of, waiting_runs
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.worker import Worker
from splitlab.workspace import Workspace

LOOK_SECONDS = 1.0
# Of those that wait the first are the ones being trained.
LOOKED_AT = 16


@dataclass(frozen=True)
class Ended:
    """A run that did not reach its end."""

    name: str
    state: State
    message: str


def work_through(runs: Sequence[RunFolder], workspace: Workspace, wait: bool) -> list[Ended]:
    """Put runs into the queue and, where asked to `wait`, work it off; return the runs that ended early.

    Where another worker looks after the device, it trains them and this process only watches. Ctrl-C saves the run at
    hand and leaves the others in the queue.

    Raises:
        SplitLabError: the work space cannot be written.
        KeyboardInterrupt: after Ctrl-C, once the run at hand is saved.
    """
    enqueue_missing(runs, workspace)
    if not wait:
        err.print(f"{len(runs):,} runs wait. Work them off with: splitlab worker", highlight=False)
        return []
    for kind in sorted({run.spec().device for run in runs}):
        _work(Worker(workspace, Device.named(kind), tell=err.print), runs)
    states = [(run.name, status_of(run)) for run in runs]
    return [Ended(name, status.state, status.message) for name, status in states if status.state != State.DONE]


def enqueue_missing(runs: Sequence[RunFolder], workspace: Workspace) -> None:
    """Put those runs into the queue that neither wait nor train nor are done.

    Raises:
        RunError: the queue cannot be written.
    """
    waiting = {entry.run for entry in waiting_runs(workspace)}
    # One that somebody trains without the queue is left to them.
    missing = [run for run in runs if run.name not in waiting]
    startable = [run.name for run in missing if status_of(run).state not in (State.RUNNING, State.DONE)]
    enqueue_all(workspace, startable)


def _work(worker: Worker, runs: Sequence[RunFolder]) -> None:
    def work() -> None:
        # Whoever holds the device works the queue off as well.
        with suppress(HeldError):
            worker.work_until_empty()

    # Not joined with a timeout: an interrupted join takes the thread for ended (Python before 3.13).
    with ThreadPoolExecutor(1) as pool, progress_bar() as progress:
        working = pool.submit(work)
        try:
            while (left := _tell(worker.workspace, runs, progress)) or not working.done():
                if left and working.done():
                    # The worker that held the device may be gone.
                    working.result()
                    working = pool.submit(work)
                time.sleep(LOOK_SECONDS)
            working.result()
        finally:
            worker.stop.asked = True
            if not working.done():
                err.print("Saving the run at hand; the others stay in the queue.")


def _tell(workspace: Workspace, runs: Sequence[RunFolder], progress: Progress) -> int:
    """Show how far the runs are; return how many of them still wait or train."""
    names = {run.name for run in runs}
    left = [entry.run for entry in waiting_runs(workspace) if entry.run in names]
    progress("runs", len(runs) - len(left), len(runs))
    for name in left[:LOOKED_AT]:
        status = status_of(RunFolder(workspace.runs / name))
        if status.state == State.RUNNING:
            progress("train", status.step, status.steps)
            break
    return len(left)
