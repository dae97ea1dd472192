"""A worker: take the next run for a device, train it in a child process, and start it again if it was killed."""

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

_IDLE_SECONDS, _LOOK_SECONDS = 1.0, 0.5
_MOST_STARTS = 4  # one start and three restarts
_MOST_LETTERS = 500

Command = Callable[[RunFolder], list[str]]


def train_command(run: RunFolder) -> list[str]:
    """Return the command that trains a run in its own process."""
    return [sys.executable, "-m", "splitlab", "train", str(run.path)]


def launch(run: RunFolder, workspace: Workspace) -> None:
    """Queue a run, and make sure that a worker for its device is running. Raise RunError if it cannot be queued."""
    queue.enqueue(workspace, run.name)
    ensure_worker(workspace, run.spec().device)


def ensure_worker(workspace: Workspace, kind: str) -> None:
    """Start a detached worker for cpu, cuda or mps, which ends when the queue is empty, unless one is running.

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
    # Nothing else waits for the worker, so it would remain in the process table after its end.
    threading.Thread(target=process.wait, daemon=True).start()


def worker_is_alive(workspace: Workspace, kind: str) -> bool:
    """Return whether a worker on this machine serves a device of a kind: cpu, cuda or mps."""
    locks = list(workspace.workers.glob(f"{glob.escape(host_label())}-{kind}*.lock"))
    if not locks:
        return False
    # Each check holds the lock for a moment: two at once would take each other for a worker.
    with changing_queue(workspace):
        return any(is_held(path) for path in locks)


@dataclass
class Worker:
    """Trains the queued runs for one device, one after the other.

    Two workers never train the same run: a worker holds a run's claim, and then checks whether the run is still queued.
    Set `stopping` to end the worker; the current training is saved and stays queued.

    Attributes:
        command: returns the command that trains a run.
        tell: receives a line about each run.
        watch: called while a training runs.
    """

    workspace: Workspace
    device: Device
    command: Command = train_command
    tell: Callable[[str], object] = lambda _line: None
    watch: Callable[[], object] = lambda: None
    stopping: bool = False

    def work(self, until_empty: bool = False) -> None:
        """Train queued runs until stopped or, if asked, until no run for this kind of device is queued.

        Raise HeldError if another worker serves the device, RunError if the workspace cannot be written.
        """
        with ExitStack() as lock:
            lock.enter_context(_lock_worker(self.workspace, self.device))
            while not self.stopping:
                with changing_queue(self.workspace) as entries:
                    entries[:] = waiting_runs(self.workspace)
                    own = self._own(entries)
                    if until_empty and not own:
                        # While the queue is locked, so that whoever adds a run next sees that no worker is left.
                        lock.close()
                        return
                if not any(self.take(entry) for entry in own):
                    time.sleep(_IDLE_SECONDS)

    def take(self, entry: Entry) -> bool:
        """Train a queued run, unless another process has it; return whether it was started."""
        run = RunFolder(self.workspace.runs / entry.run)
        with suppress(HeldError), run.claim():
            # Its count of starts changes only while its claim is held.
            now = queue.find_entry(self.workspace, entry)
            if now and self._may_start(run, now):
                self.tell(f"{run.name}: starts")
                self._carry_out(run, now)
                status = status_of(run)
                line = f"{run.name}: {status.state}, step {status.step} of {status.steps} {status.message}"
                self.tell(line.rstrip())
                return True
        return False

    def _own(self, entries: list[Entry]) -> list[Entry]:
        mine = [entry for entry in entries if entry.device == self.device.kind]
        return [entry for entry in mine if os.access(self.workspace.runs / entry.run, os.W_OK)]

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
            last = status_of(run).message or "it printed nothing"
            self._fail(
                run,
                entry,
                f"The training was started {_MOST_STARTS} times at step {step} and killed each time before it saved "
                f"again. The last time, {last}. The system kills processes that need too much memory: free some, or "
                "use smaller batches or images.",
            )
            return
        queue.update_entry(self.workspace, entry)
        _write(run, State.WAITING, "starting")
        log_start = run.log_path.stat().st_size if run.log_path.exists() else 0
        self._conclude(run, entry, self._train(run, entry), log_start)

    def _train(self, run: RunFolder, entry: Entry) -> int:
        process = _start(self.command(run), run.log_path, self.device.environment())
        asked = False
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_SECONDS)
            self.watch()
            if not asked and (self.stopping or not self._is_queued(entry)):
                process.terminate()  # the training saves and stops
                asked = True

    def _is_queued(self, entry: Entry) -> bool:
        with suppress(RunError):
            return queue.find_entry(self.workspace, entry) is not None
        return True  # an unreadable queue is not a request to stop

    def _conclude(self, run: RunFolder, entry: Entry, code: int, log_start: int) -> None:
        state = status_of(run).state
        if not self._is_queued(entry):
            if state in (State.WAITING, State.INTERRUPTED) and not queue.place_of(self.workspace, run.name):
                _write(run, State.CANCELLED, "stopped on request")
        elif state in (State.DONE, State.FAILED) or (state == State.CANCELLED and not self.stopping):
            queue.take_out(self.workspace, run.name, entry.ticket)
        elif self.stopping:
            _write(run, State.WAITING, "")
            queue.update_entry(self.workspace, replace(entry, starts=0))
        elif run.is_locked():
            pass  # the process of an earlier worker still trains the run, so this one was refused
        elif code < 0:
            _write(run, State.WAITING, f"its process was ended by signal {-code} ({signal.strsignal(-code)})")
        else:
            lines = run.log_path.read_bytes()[log_start:].decode(errors="replace").strip().splitlines()
            last = lines[-1].strip()[:_MOST_LETTERS] if lines else f"its process ended with code {code} and no message"
            self._fail(run, entry, f"The training stopped early: {last}")

    def _fail(self, run: RunFolder, entry: Entry, message: str) -> None:
        _write(run, State.FAILED, message)
        queue.take_out(self.workspace, run.name, entry.ticket)


def _start(command: list[str], log: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that writes to a log and does not receive Ctrl-C of this terminal."""
    environment = {**os.environ, **variables}
    try:
        with log.open("ab") as file:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
            )
    except OSError as error:
        raise RunError(f"{log}: a process that writes to it cannot be started ({error.strerror}).") from error


def _write(run: RunFolder, state: State, message: str) -> None:
    status = status_of(run)
    run.write_status(state, status.step, status.steps, message)


def _lock_worker(workspace: Workspace, device: Device) -> AbstractContextManager[None]:
    make_folder(workspace.workers)
    refusal = f"Another worker already serves {device.name} on this machine. Let it work, or end it first."
    # `worker_is_alive` holds the lock for a moment.
    return holding(workspace.workers / f"{device.label}.lock", refusal, patience=0.5)
