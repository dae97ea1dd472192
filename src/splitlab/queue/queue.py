"""The queue of a workspace: a list of runs in one JSON file, which is changed only under a lock.

A run stays in the list until it has ended, so no kill loses one. Workers (`queue.worker`) take runs from the front.
Every function raises RunError if the queue's file is broken or, when it changes the queue, cannot be written.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from splitlab.errors import RunError
from splitlab.io import HeldError, holding, make_folder, plain_json, swept, write_json
from splitlab.runs.run_folder import RunFolder, State, Status
from splitlab.workspace import Workspace

_AT_ONCE = 200  # runs added under one hold of the lock, so that others need not wait long
_FILE, _LOCK_SECONDS = "queue.json", 30.0
# Longer than another process needs to cancel or delete a run. A worker holds its run until the training ends.
_MOMENT_SECONDS = 3.0
_RUN_NAME = re.compile(r"(?!\.)[^/\\\0]+")


@dataclass(frozen=True)
class Entry:
    """A queued run. The random `ticket` distinguishes it from an earlier entry of the same run.

    `device` is cpu, cuda or mps; `starts` counts how often the run was started from the saved step `step`.
    """

    run: str
    device: str
    ticket: str
    starts: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        is_counted = isinstance(self.starts + self.step, int)
        if not (is_counted and self.device in ("cpu", "cuda", "mps") and _RUN_NAME.fullmatch(self.run)):
            raise ValueError(f"{str(asdict(self))[:200]} is not a valid entry")


Where = StrEnum("Where", ["FIRST", "LAST", "UP", "DOWN"])
"""Where to move a run in the queue; UP is one place earlier."""


def waiting_runs(workspace: Workspace) -> list[Entry]:
    """List the queue in order, including runs being trained, without those whose folder was deleted."""
    return [entry for entry in _read(workspace) if (workspace.runs / entry.run / "spec.json").is_file()]


def place_of(workspace: Workspace, name: str) -> int | None:
    """Return a run's place in the queue, from 1; None if it is not queued."""
    return next((place for place, entry in enumerate(waiting_runs(workspace), 1) if entry.run == name), None)


def run_name(workspace: Workspace, text: str) -> str:
    """Return the name of a run, given its name or its folder's path. Raise RunError if the text is neither."""
    path = Path(text)
    if "\0" not in text and path.name != text and path.parent.resolve() == workspace.runs.resolve():
        text = path.name
    if not _RUN_NAME.fullmatch(text):
        raise RunError(f"'{text}' is not a run of the workspace. Give the name of a folder in {workspace.runs}.")
    return text


def run_named(workspace: Workspace, text: str) -> RunFolder:
    """Open a run by its name or its folder's path. Raise RunError if there is no such run."""
    return RunFolder.open(workspace.runs / run_name(workspace, text))


def status_of(run: RunFolder) -> Status:
    """Read a run's status; a run with a broken status file counts as waiting, because its saved state is enough."""
    try:
        return run.status()
    except RunError:
        return Status(State.WAITING, 0, 0)


def enqueue(workspace: Workspace, *names: str) -> None:
    """Add runs at the end of the queue, to start or to continue; queued runs keep their place.

    Raise RunError if a run does not exist, is being trained, or is done; the runs before it are queued.
    """
    runs = [run_named(workspace, name) for name in names]
    for start in range(0, len(runs), _AT_ONCE):
        with changing_queue(workspace) as queue:
            for run in runs[start : start + _AT_ONCE]:
                _add(queue, run)


def enqueue_missing(runs: Sequence[RunFolder], workspace: Workspace) -> None:
    """Queue the runs that are not queued, trained or done. Raise RunError if the queue cannot be written."""
    queued = {entry.run for entry in waiting_runs(workspace)}
    missing = [run for run in runs if run.name not in queued]
    enqueue(workspace, *(run.name for run in missing if status_of(run).state not in (State.RUNNING, State.DONE)))


def move(workspace: Workspace, name: str, where: Where) -> None:
    """Move a queued run. Raise RunError if it is not queued."""
    run = run_named(workspace, name)
    with changing_queue(workspace) as queue:
        queue[:] = waiting_runs(workspace)
        index = next((index for index, entry in enumerate(queue) if entry.run == run.name), None)
        if index is None:
            raise RunError(f"{run.path} is not in the queue. Add it with: splitlab queue add {run.name}")
        places = {Where.FIRST: 0, Where.UP: max(index - 1, 0), Where.DOWN: index + 1, Where.LAST: len(queue)}
        queue.insert(places[where], queue.pop(index))


def cancel(workspace: Workspace, name: str) -> State:
    """Remove a run from the queue, and ask the process that trains it to save and stop after the current step.

    Return RUNNING if a process trains it, else CANCELLED. Raise RunError if the run is neither queued nor trained.
    """
    run = run_named(workspace, name)
    with suppress(HeldError), run.claim(0.0 if status_of(run).state == State.RUNNING else _MOMENT_SECONDS):
        status = status_of(run)
        if status.state != State.RUNNING:
            if not take_out(workspace, run.name):
                raise RunError(f"{run.path} is neither queued nor being trained: it is {status.state}.")
            if status.state == State.WAITING:
                run.write_status(State.CANCELLED, status.step, status.steps, "taken out of the queue")
            return State.CANCELLED
    # A worker has it, and checks whether the run is still queued.
    run.ask_to_cancel()
    take_out(workspace, run.name)
    return State.RUNNING


def delete(workspace: Workspace, name: str) -> None:
    """Delete a run's folder. Raise RunError if the run is being trained, is a link, or cannot be deleted."""
    run = run_named(workspace, name)
    if run.path.is_symlink():
        raise RunError(f"{run.path} is a link to {run.path.readlink()}. Delete the target yourself.")
    try:
        with run.claim(_MOMENT_SECONDS), run.lock():
            _delete_held(workspace, run)
    except HeldError as error:
        raise RunError(f"{run.path} is being trained. Stop it first with: splitlab cancel {run.name}") from error
    except OSError as error:
        raise RunError(f"{run.path} cannot be deleted ({error}). Delete the folder yourself.") from error


@contextmanager
def changing_queue(workspace: Workspace) -> Iterator[list[Entry]]:
    """Hold the queue's lock, and write the list of entries back if the caller changed it."""
    make_folder(workspace.queue)
    refusal = f"{workspace.queue} is being changed by a process that does not end. Try again, or end that process."
    with holding(workspace.queue / ".lock", refusal, _LOCK_SECONDS):
        queue = _read(workspace)
        before = queue.copy()
        try:
            yield queue
        finally:
            if queue != before:
                write_json(workspace.queue / _FILE, [asdict(entry) for entry in queue])


def find_entry(workspace: Workspace, entry: Entry) -> Entry | None:
    """Find an entry as it is now, by its ticket; None if it was removed."""
    return next((found for found in _read(workspace) if found.ticket == entry.ticket), None)


def update_entry(workspace: Workspace, entry: Entry) -> None:
    """Write an entry's count of starts, if it is still queued."""
    with changing_queue(workspace) as queue:
        queue[:] = [entry if found.ticket == entry.ticket else found for found in queue]


def take_out(workspace: Workspace, name: str, ticket: str = "") -> bool:
    """Remove a run from the queue, only the entry with this ticket if one is given; return whether it was there."""
    with changing_queue(workspace) as queue:
        count = len(queue)
        queue[:] = [entry for entry in queue if entry.run != name or ticket not in ("", entry.ticket)]
        return len(queue) < count


def _read(workspace: Workspace) -> list[Entry]:
    path = workspace.queue / _FILE
    try:
        return [Entry(**row) for row in plain_json(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise RunError(f"{path} is broken ({error}). Delete it, and queue the runs again.") from error


def _add(queue: list[Entry], run: RunFolder) -> None:
    spec, status = run.spec(), status_of(run)
    queued = any(entry.run == run.name for entry in queue)
    if queued and status.state in (State.WAITING, State.INTERRUPTED):
        return
    if status.state == State.RUNNING:
        raise RunError(f"{run.path} is already being trained. Stop it first, or wait until it ends.")
    if status.state == State.DONE:
        raise RunError(f"{run.path} is done. Start a new run, with more steps or other settings.")
    # A run that has just ended may still be queued, because its worker has not noticed yet.
    queue[:] = [entry for entry in queue if entry.run != run.name]
    run.take_back_cancel()
    run.write_status(State.WAITING, status.step, spec.steps)
    queue.append(Entry(run.name, spec.device, secrets.token_hex(8)))


def _delete_held(workspace: Workspace, run: RunFolder) -> None:
    # Another process may have deleted it while this one waited for its locks.
    RunFolder.open(run.path)
    if status_of(run).state == State.RUNNING:
        raise HeldError("It runs on a machine that shares no locks.")
    take_out(workspace, run.name)
    # One rename hides it: an interrupted delete leaves no half run, and nobody writes into it.
    hidden = Path(tempfile.mkdtemp(prefix=swept(".deleting-", run.path.parent), dir=run.path.parent))
    run.path.rename(hidden / run.name)
    shutil.rmtree(hidden)
