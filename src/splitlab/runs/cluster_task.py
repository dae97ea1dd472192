"""What a task of a cluster does on its machine: look after one run, as a worker would, and give the machine back."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import splitlab
from splitlab.runs.attempt import Command, StopWish
from splitlab.runs.devices import Device
from splitlab.runs.leash import leashed
from splitlab.runs.queue import status_of
from splitlab.runs.queue_entries import Entry, entry_of, lock_queue
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.worker import Worker
from splitlab.workspace import Workspace


@dataclass(frozen=True)
class Order:
    """A run for a machine of a cluster.

    Attributes:
        workspace: where it is, on shared storage.
        name: the run folder's name.
        device: cpu or cuda; the cluster says which GPU.
        command: what trains it.
        version: SplitLab's, which the machine must have as well.
    """

    workspace: Workspace
    name: str
    device: str
    command: Command
    version: str = splitlab.__version__


@dataclass(frozen=True)
class Report:
    """What a machine has to say of a run.

    Attributes:
        machine: its name.
        state: of the run, as the machine sees it.
        message: of the run.
        refusal: why the machine is not fit for any run of the work space; empty where it is.
    """

    machine: str
    state: State
    message: str
    refusal: str = ""


def carry_out_order(order: Order) -> Report:
    """Train a run that waits, until it has ended, waits no longer, or somebody else has it.

    A training that is killed is started again as a worker does it, so often without progress and no more. SIGINT, with
    which Ray cancels a task, has the training saved and left in the queue.

    Raises:
        RunError: the work space cannot be written.
    """
    machine = platform.node()
    run = RunFolder(order.workspace.runs / order.name)
    refusal = _refusal(order, run, machine)
    if refusal:
        return Report(machine, State.WAITING, "", refusal)
    # A training finds its data by these, not by what the machine's own terminal was set to.
    os.environ["SPLITLAB_WORKSPACE"] = str(order.workspace.root)
    os.environ["SPLITLAB_CHECKPOINTS"] = str(order.workspace.checkpoints)
    with _stopped_by_sigint() as stop:
        worker = Worker(order.workspace, Device(order.device), lambda run: leashed(order.command(run)), stop=stop)
        while not stop.asked and (entry := _entry(order)) and worker.take(entry):
            pass
    status = status_of(run)
    return Report(machine, status.state, status.message)


def _refusal(order: Order, run: RunFolder, machine: str) -> str:
    if splitlab.__version__ != order.version:
        return f"{machine} has SplitLab {splitlab.__version__}, not {order.version}: install the same everywhere."
    if not run.spec_path.is_file():
        return f"{machine} does not see {run.path}: mount the shared storage there, at the same path."
    return ""


def _entry(order: Order) -> Entry | None:
    with lock_queue(order.workspace.queue):
        return entry_of(order.workspace.queue, order.name)


@contextmanager
def _stopped_by_sigint() -> Iterator[StopWish]:
    stop = StopWish()

    def ask(*_: object) -> None:
        stop.asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
