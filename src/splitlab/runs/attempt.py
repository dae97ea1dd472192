"""One start of a queued run by its worker: the training as a child process, and what its end means for the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from splitlab.errors import RunError
from splitlab.runs import queue_entries
from splitlab.runs.devices import Device
from splitlab.runs.queue import status_of
from splitlab.runs.queue_entries import Entry, lock_queue
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.saved_step import evaluated_step
from splitlab.workspace import Workspace

# One start and three more.
MOST_STARTS = 4
LOOK_SECONDS = 0.2
LOG_TAIL_BYTES, LOG_LINE_LETTERS = 4096, 500

Command = Callable[[RunFolder], list[str]]


def train_command(run: RunFolder) -> list[str]:
    """Return the command that trains a run to its end, in a process of its own."""
    return [sys.executable, "-m", "splitlab", "train", str(run.path)]


@dataclass
class StopWish:
    """Whether a worker is to end; a plain value, because a signal handler sets it and must not wait for a lock."""

    asked: bool = False


@dataclass(frozen=True)
class Attempt:
    """A run that its worker has claimed.

    Attributes:
        workspace: whose queue holds the entry.
        run: the run folder.
        entry: its wait in the queue; where that is gone, the run is to stop.
        device: what the training may use.
        command: what trains it.
        stop: whether the worker is to end.
    """

    workspace: Workspace
    run: RunFolder
    entry: Entry
    device: Device
    command: Command
    stop: StopWish

    def carry_out(self) -> None:
        """Train the run and take it out of the queue, or leave it there where it is to go on.

        Raises:
            RunError: the work space cannot be written; the run stays in the queue.
        """
        step = _saved_step(self.run)
        with lock_queue(self.workspace.queue):
            starts = queue_entries.count_start(self.workspace.queue, self.entry, step)
        if starts is None:
            self._end_as_cancelled()
            return
        if starts > MOST_STARTS:
            self._give_up(step)
            return
        self._write(State.WAITING, "starting")
        log_start = self.run.log_path.stat().st_size if self.run.log_path.exists() else 0
        code = self._wait_for(self._start())
        if not self._is_queued():
            self._end_as_cancelled()
        elif self.stop.asked:
            self._leave_for_later()
        else:
            self._judge(code, log_start)

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            with self.run.log_path.open("ab") as log:
                return subprocess.Popen(
                    self.command(self.run),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self.device.environment()},
                    # Ctrl-C in the worker's terminal is the worker's to handle.
                    start_new_session=True,
                )
        except OSError as error:
            raise RunError(f"{self.run.path}: the training cannot be started ({error.strerror}).") from error

    def _wait_for(self, process: subprocess.Popen[bytes]) -> int:
        asked = False
        while True:
            try:
                return process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if not asked and (self.stop.asked or not self._is_queued()):
                    # Saves and stops a training; ends a process that has not come to it yet.
                    process.terminate()
                    asked = True

    def _judge(self, code: int, log_start: int) -> None:
        state = status_of(self.run).state
        if state in (State.DONE, State.FAILED, State.CANCELLED):
            self._take_out()
        elif self.run.is_locked():
            return  # a process of an earlier worker trains it still: the one that was started here was refused
        elif code < 0:
            self._write(State.WAITING, f"its process was ended by signal {-code} ({signal.strsignal(-code)})")
        else:
            said = _last_line(self.run, log_start)
            reason = said or f"nothing stands in its log.txt about it; its process ended with code {code}"
            self._write(State.FAILED, f"The training ended before its end: {reason}")
            self._take_out()

    def _give_up(self, step: int) -> None:
        before = status_of(self.run)
        last = f" The last time, {before.message}." if before.message else ""
        self._write(
            State.FAILED,
            f"The training was started {MOST_STARTS} times at step {step} and its process was killed each time before "
            f"it saved another.{last} The system kills what takes too much memory: free some, or start a new run with "
            "smaller batches or images.",
        )
        self._take_out()

    def _end_as_cancelled(self) -> None:
        waits_anew = queue_entries.entry_of(self.workspace.queue, self.run.name)
        if not waits_anew and status_of(self.run).state in (State.WAITING, State.INTERRUPTED):
            self._write(State.CANCELLED, "stopped on request")

    def _leave_for_later(self) -> None:
        if status_of(self.run).state in (State.DONE, State.FAILED):
            self._take_out()
            return
        self._write(State.WAITING, "")
        with lock_queue(self.workspace.queue):
            queue_entries.forget_starts(self.workspace.queue, self.entry)

    def _is_queued(self) -> bool:
        folder = self.workspace.queue
        if (folder / self.entry.file_name).exists():
            return True
        try:
            with lock_queue(folder):
                return queue_entries.still_there(folder, self.entry) is not None
        except RunError:
            return True  # what cannot be looked at is no wish to stop

    def _take_out(self) -> None:
        with lock_queue(self.workspace.queue):
            queue_entries.remove(self.workspace.queue, self.entry)

    def _write(self, state: State, message: str) -> None:
        status = status_of(self.run)
        self.run.write_status(state, status.step, status.steps, message)


def _saved_step(run: RunFolder) -> int:
    """Return the step that a training goes on from; the start where its events are broken."""
    try:
        return evaluated_step(run)
    except RunError:
        return 0


def _last_line(run: RunFolder, start: int) -> str:
    """Return the last line that a process wrote into the run's log, which began at `start`; empty for none."""
    try:
        with run.log_path.open("rb") as log:
            log.seek(max(start, run.log_path.stat().st_size - LOG_TAIL_BYTES))
            lines = log.read(LOG_TAIL_BYTES).decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:LOG_LINE_LETTERS] for line in reversed(lines) if line.strip()), "")
