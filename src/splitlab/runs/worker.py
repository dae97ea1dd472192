"""The worker of one device: it takes the next run of the queue, trains it, and takes the next."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from splitlab.runs import queue_entries
from splitlab.runs.attempt import Attempt, Command, StopWish, train_command
from splitlab.runs.devices import Device, lock_worker
from splitlab.runs.locks import HeldError
from splitlab.runs.queue import status_of
from splitlab.runs.queue_entries import Entry, lock_queue
from splitlab.runs.run_folder import RunFolder, State
from splitlab.workspace import Workspace

IDLE_SECONDS = 1.0


def tell_nobody(_line: str) -> None:
    """Take a line and show nothing."""


@dataclass(frozen=True)
class Worker:
    """Trains the runs of a queue that ask for its kind of device, one after the other.

    Two workers never train one run: each holds the run's claim while it looks after it, and looks whether it still
    waits once it has the claim. A run is taken out only when it has ended, so a worker that dies loses none.

    Attributes:
        workspace: whose queue.
        device: what it looks after.
        command: what trains a run.
        tell: takes a line for each run.
        stop: set it to have the training at hand saved and left in the queue, and the worker end.
    """

    workspace: Workspace
    device: Device
    command: Command = train_command
    tell: Callable[[str], object] = tell_nobody
    stop: StopWish = field(default_factory=StopWish)

    def work(self) -> None:
        """Train what comes until it is stopped.

        Raises:
            HeldError: another worker looks after the device.
            RunError: the work space cannot be written.
        """
        with lock_worker(self.workspace, self.device):
            while not self.stop.asked:
                if not self._take_one(self._own_entries()):
                    time.sleep(IDLE_SECONDS)

    def work_until_empty(self) -> None:
        """Train until no run waits for this kind of device, or it is stopped.

        Raises:
            HeldError: another worker looks after the device.
            RunError: the work space cannot be written.
        """
        self._empty_queue()
        # Who put a run in just before the lock was given back saw a worker and started none: look once more.
        # Who did it after that started one, which may be first.
        with suppress(HeldError):
            while self._own_entries() and not self.stop.asked:
                self._empty_queue()

    def _empty_queue(self) -> None:
        with lock_worker(self.workspace, self.device):
            while not self.stop.asked and (waiting := self._own_entries()):
                if not self._take_one(waiting):
                    time.sleep(IDLE_SECONDS)

    def _own_entries(self) -> list[Entry]:
        """List what waits for this kind of device and may be written here; drop entries of runs that are gone."""
        folder = self.workspace.queue
        # A rename under way could hide an entry from a listing without the lock, and end this worker.
        with lock_queue(folder):
            own = []
            for entry in queue_entries.entries(folder):
                path = self.workspace.runs / entry.run
                if not (path / "spec.json").is_file():
                    queue_entries.remove(folder, entry)
                elif entry.device == self.device.kind and os.access(path, os.W_OK):
                    own.append(entry)
        return own

    def take(self, entry: Entry) -> bool:
        """Look after a run of the queue until its training has ended once, unless somebody else does.

        Returns:
            Whether it was started.

        Raises:
            RunError: the work space cannot be written.
        """
        run = RunFolder(self.workspace.runs / entry.run)
        with suppress(HeldError), run.claim():
            if self._may_start(run, entry):
                self._carry_out(run, entry)
                return True
        return False

    def _take_one(self, waiting: list[Entry]) -> bool:
        """Look after the first run that nobody looks after; say whether there was one."""
        return any(self.take(entry) for entry in waiting)

    def _may_start(self, run: RunFolder, entry: Entry) -> bool:
        # Looks without the queue's lock: one that is just being moved has its turn a moment later.
        if not queue_entries.still_there(self.workspace.queue, entry) or run.is_locked():
            return False
        state = status_of(run).state
        if state in (State.DONE, State.FAILED):
            # It ended in a process that outlived its worker.
            with lock_queue(self.workspace.queue):
                queue_entries.remove(self.workspace.queue, entry)
        return state not in (State.DONE, State.FAILED, State.RUNNING)

    def _carry_out(self, run: RunFolder, entry: Entry) -> None:
        self.tell(f"{run.name}: starts")
        Attempt(self.workspace, run, entry, self.device, self.command, self.stop).carry_out()
        status = status_of(run)
        self.tell(f"{run.name}: {status.state}, step {status.step} of {status.steps} {status.message}".rstrip())
