"""A worker: take the next run of a device, train it in a child process, start it again when it was killed."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.errors import RunError
from splitlab.io import HeldError, holding, is_held, make_folder
from splitlab.queue import queue
from splitlab.queue.queue import Entry, changing_queue, status_of, waiting_runs
from splitlab.runs.devices import Device, host_label
from splitlab.runs.run_folder import RunFolder, State, evaluated_step
from splitlab.workspace import Workspace

_IDLE_SECONDS = 1.0
# One start and three restarts.
_MOST_STARTS = 4
_LOOK_SECONDS = 0.5
_MOST_LETTERS = 500

Command = Callable[[RunFolder], list[str]]


def train_command(run: RunFolder) -> list[str]:
    """Return the command that trains a run in a process of its own."""
    return [sys.executable, "-m", "splitlab", "train", str(run.path)]


def launch(run: RunFolder, workspace: Workspace) -> None:
    """Queue a run, and make sure that a worker for its device runs. Raise RunError if it cannot be queued."""
    queue.enqueue(workspace, run.name)
    ensure_worker(workspace, run.spec().device)


def ensure_worker(workspace: Workspace, kind: str) -> None:
    """Start a detached worker, which ends with the queue, unless one runs for this kind of device: cpu, cuda, mps.

    Raise RunError if it cannot be started, or the workspace cannot be written.
    """
    if worker_is_alive(workspace, kind):
        return
    make_folder(workspace.workers)
    process = _start(
        [sys.executable, "-m", "splitlab", "worker", "--device", kind, "--until-empty"],
        workspace.workers / f"{Device(kind).label}.log",
        {"SPLITLAB_WORKSPACE": str(workspace.root), "SPLITLAB_CHECKPOINTS": str(workspace.checkpoints)},
    )
    # A worker that nobody waits for would stay in the process table after its end.
    threading.Thread(target=process.wait, daemon=True).start()


@dataclass
class Worker:
    """Trains the queued runs for one device, one after the other.

    Two workers never train the same run: a worker holds a run's claim while it looks after it, and then checks whether
    the run is still queued. A run leaves the queue only when it has ended, so a worker that is killed loses none.

    Attributes:
        workspace: whose queue.
        device: what the trainings may use.
        command: returns the command that trains a run.
        tell: takes a line about each run.
        watch: called while a training runs.
        stopping: set it to end the worker; the current training is saved and stays queued.
    """

    workspace: Workspace
    device: Device
    command: Command = train_command
    tell: Callable[[str], object] = lambda _line: None
    watch: Callable[[], object] = lambda: None
    stopping: bool = False

    def work(self) -> None:
        """Train what is queued and what will be, until stopped; raises as `work_until_empty`."""
        with _lock_worker(self.workspace, self.device):
            while not self.stopping:
                self._take_one(self._own(waiting_runs(self.workspace)))

    def work_until_empty(self) -> None:
        """Train until no run for this kind of device is queued, or until stopped.

        Raises:
            HeldError: another worker looks after the device.
            RunError: the workspace cannot be written.
        """
        with ExitStack() as lock:
            lock.enter_context(_lock_worker(self.workspace, self.device))
            while not self.stopping:
                with queue.changing_queue(self.workspace) as waiting:
                    waiting[:] = waiting_runs(self.workspace)
                    own = self._own(waiting)
                    if not own:
                        # While the queue is locked: whoever adds a run next sees that no worker is left.
                        lock.close()
                        return
                self._take_one(own)

    def take(self, entry: Entry) -> bool:
        """Start a queued run and wait for its end, unless another process has it; say whether it was started."""
        run = RunFolder(self.workspace.runs / entry.run)
        with suppress(HeldError), run.claim():
            # Its count of starts changes only while its claim is held.
            now = queue.find_entry(self.workspace, entry)
            if now and self._may_start(run, now):
                self.tell(f"{run.name}: starts")
                self._carry_out(run, now)
                status = status_of(run)
                told = f"{run.name}: {status.state}, step {status.step} of {status.steps} {status.message}"
                self.tell(told.rstrip())
                return True
        return False

    def _own(self, waiting: list[Entry]) -> list[Entry]:
        mine = [entry for entry in waiting if entry.device == self.device.kind]
        return [entry for entry in mine if os.access(self.workspace.runs / entry.run, os.W_OK)]

    def _take_one(self, entries: list[Entry]) -> None:
        if not any(self.take(entry) for entry in entries):
            time.sleep(_IDLE_SECONDS)

    def _may_start(self, run: RunFolder, entry: Entry) -> bool:
        state = State.RUNNING if run.is_locked() else status_of(run).state
        if state in (State.DONE, State.FAILED):
            # It ended in a process that outlived its worker.
            queue.take_out(self.workspace, run.name, entry.ticket)
        return state not in (State.DONE, State.FAILED, State.RUNNING)

    def _carry_out(self, run: RunFolder, entry: Entry) -> None:
        step = 0
        with suppress(RunError):  # broken events: the training finds its own step
            step = evaluated_step(run)
        entry = replace(entry, step=step, starts=entry.starts + 1 if entry.step == step else 1)
        if entry.starts > _MOST_STARTS:
            told = f"The training was started {_MOST_STARTS} times at step {step} and killed each time before it saved"
            last = f" again. The last time, {status_of(run).message or 'it said nothing'}."
            way_out = " The system kills what needs too much memory: free some, or use smaller batches or images."
            self._fail(run, entry, told + last + way_out)
            return
        queue.update_entry(self.workspace, entry)
        _write(run, State.WAITING, "starting")
        log_start = run.log_path.stat().st_size if run.log_path.exists() else 0
        code = self._train(run, entry)
        self._conclude(run, entry, code, log_start)

    def _train(self, run: RunFolder, entry: Entry) -> int:
        process = _start(self.command(run), run.log_path, self.device.environment())
        asked = False
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_SECONDS)
            self.watch()
            if not asked and (self.stopping or not self._is_queued(entry)):
                # The training saves and stops.
                process.terminate()
                asked = True

    def _is_queued(self, entry: Entry) -> bool:
        with suppress(RunError):
            return queue.find_entry(self.workspace, entry) is not None
        return True  # a queue that cannot be read is no wish to stop

    def _conclude(self, run: RunFolder, entry: Entry, code: int, log_start: int) -> None:
        state = status_of(run).state
        if not self._is_queued(entry):
            if state in (State.WAITING, State.INTERRUPTED) and not queue.place_of(self.workspace, run.name):
                _write(run, State.CANCELLED, "stopped on request")
        elif state in (State.DONE, State.FAILED):
            queue.take_out(self.workspace, run.name, entry.ticket)
        elif self.stopping:
            _write(run, State.WAITING, "")
            queue.update_entry(self.workspace, replace(entry, starts=0))
        elif state == State.CANCELLED:
            queue.take_out(self.workspace, run.name, entry.ticket)
        elif run.is_locked():
            pass  # the process of an earlier worker still trains the run, so this one was refused
        elif code < 0:
            _write(run, State.WAITING, f"its process was ended by signal {-code} ({signal.strsignal(-code)})")
        else:
            lines = run.log_path.read_bytes()[log_start:].decode(errors="replace").strip().splitlines()
            said = lines[-1].strip()[:_MOST_LETTERS] if lines else f"its process ended with code {code} and no message"
            self._fail(run, entry, f"The training ended before its end: {said}")

    def _fail(self, run: RunFolder, entry: Entry, message: str) -> None:
        _write(run, State.FAILED, message)
        queue.take_out(self.workspace, run.name, entry.ticket)


def _start(command: list[str], log: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that Ctrl-C in this terminal does not reach, and that writes to a log."""
    env = {**os.environ, **variables}
    try:
        with log.open("ab") as file:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, start_new_session=True
            )
    except OSError as error:
        raise RunError(f"{log}: a process that writes to it cannot be started ({error.strerror}).") from error


def _write(run: RunFolder, state: State, message: str) -> None:
    status = status_of(run)
    run.write_status(state, status.step, status.steps, message)


def _lock_worker(workspace: Workspace, device: Device) -> AbstractContextManager[None]:
    """Hold a device of this machine for a worker. Raise HeldError if another worker holds it."""
    make_folder(workspace.workers)
    refusal = f"Another worker looks after {device.name} of this machine. Let it, or end it first."
    # `worker_is_alive` holds the lock for a moment.
    return holding(workspace.workers / f"{device.label}.lock", refusal, patience=0.5)


def worker_is_alive(workspace: Workspace, kind: str) -> bool:
    """Say whether a worker of this machine looks after a device of a kind: cpu, cuda or mps."""
    locks = list(workspace.workers.glob(f"{glob.escape(host_label())}-{kind}*.lock"))
    if not locks:
        return False
    # Two processes that look at the same moment would take each other for a worker.
    with changing_queue(workspace):
        return any(is_held(path) for path in locks)
