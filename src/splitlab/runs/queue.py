"""The queue of a work space, as people use it: runs wait in it until a worker of their device takes them.

Run folders are named by their name in the work space's folder of runs, and by nothing that leads out of it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from splitlab.drafts import swept
from splitlab.errors import RunError
from splitlab.runs import queue_entries
from splitlab.runs.locks import HeldError
from splitlab.runs.queue_entries import Entry, lock_queue
from splitlab.runs.run_folder import RunFolder, State, Status
from splitlab.workspace import Workspace

# Runs put in under one hold of the queue's lock, for which others wait.
AT_ONCE = 200
# Somebody else who takes a run out or deletes it at the same moment is through sooner; a worker keeps it for longer.
MOMENT_SECONDS = 1.0
_ENDED_EARLY = (State.CANCELLED, State.FAILED, State.INTERRUPTED)


class Where(StrEnum):
    """Where a run may be moved to in the queue; UP is one place earlier."""

    FIRST = "first"
    LAST = "last"
    UP = "up"
    DOWN = "down"


def run_name(workspace: Workspace, text: str) -> str:
    """Read the name of a run of the work space, given as it is or as a path to its folder.

    Raises:
        RunError: it leads elsewhere.
    """
    path = Path(text)
    is_path = "\0" not in text and path.name != text and path.parent.resolve() == workspace.runs.resolve()
    name = path.name if is_path else text
    if not name or name != Path(name).name or name.startswith(".") or "\0" in name or "\\" in name:
        raise RunError(f"'{text}' is no run of the work space. Give the name of a folder in {workspace.runs}.")
    return name


def run_named(workspace: Workspace, text: str) -> RunFolder:
    """Open a run of the work space by its name, or by a path to its folder.

    Raises:
        RunError: there is none, or it lies elsewhere.
    """
    return RunFolder.open(workspace.runs / run_name(workspace, text))


def waiting_runs(workspace: Workspace) -> list[Entry]:
    """List the queue in its order; the runs being trained stand in it until they end.

    Entries whose run folder was deleted are left out.
    """
    return [
        entry
        for entry in queue_entries.entries(workspace.queue)
        if (workspace.runs / entry.run / "spec.json").is_file()
    ]


def place_of(workspace: Workspace, name: str) -> int | None:
    """Return a run's place in the queue, from 1; None where it does not wait."""
    names = [entry.run for entry in waiting_runs(workspace)]
    return names.index(name) + 1 if name in names else None


def enqueue(workspace: Workspace, name: str) -> None:
    """Put a run behind all others, to start or to go on from its last saved state; one that waits keeps its place.

    Raises:
        RunError: there is no such run, it is being trained, or is done.
    """
    enqueue_all(workspace, [name])


def enqueue_all(workspace: Workspace, names: Sequence[str]) -> None:
    """Put runs behind all others in this order, without a look at the whole queue for each.

    Raises:
        RunError: as `enqueue`; the runs before the one that it names are in the queue.
    """
    runs = list({run.name: run for run in (run_named(workspace, name) for name in names)}.values())
    for start in range(0, len(runs), AT_ONCE):
        with lock_queue(workspace.queue):
            queue = queue_entries.entries(workspace.queue)
            waiting = {entry.run: entry for entry in queue}
            for place, run in enumerate(runs[start : start + AT_ONCE], start=queue_entries.place_behind(queue)):
                _put_in(workspace, run, place, waiting.get(run.name))


def retry(workspace: Workspace, name: str) -> None:
    """Put a run that failed, was stopped or lost its process into the queue again; it goes on from its saved state.

    Raises:
        RunError: there is no such run, or it did not end early.
    """
    run = run_named(workspace, name)
    state = status_of(run).state
    if state not in _ENDED_EARLY:
        raise RunError(f"{run.path} is {state}; only a run that failed or was stopped is tried again.")
    enqueue(workspace, run.name)


def move(workspace: Workspace, name: str, where: Where) -> None:
    """Move a waiting run within the queue; at its end already, it stays.

    Raises:
        RunError: it does not wait, or the queue cannot be written.
    """
    run = run_named(workspace, name)
    with lock_queue(workspace.queue):
        queue = waiting_runs(workspace)
        index = next((index for index, entry in enumerate(queue) if entry.run == run.name), None)
        if index is None:
            raise RunError(f"{run.path} does not wait in the queue. Put it in with: splitlab queue add {run.name}")
        entry = queue[index]
        if where == Where.FIRST and index > 0:
            queue_entries.put_at(workspace.queue, entry, queue[0].place - 1)
        elif where == Where.LAST and entry != queue[-1]:
            queue_entries.put_at(workspace.queue, entry, queue[-1].place + 1)
        elif where == Where.UP and index > 0:
            _swap(workspace, queue[index - 1], entry)
        elif where == Where.DOWN and entry != queue[-1]:
            _swap(workspace, entry, queue[index + 1])


def take_out(workspace: Workspace, name: str) -> None:
    """Take a waiting run out of the queue; its folder stays as it is.

    Raises:
        RunError: it does not wait, or is being trained.
    """
    run = run_named(workspace, name)
    try:
        with run.claim(MOMENT_SECONDS):
            _take_out(workspace, run)
    except HeldError as error:
        raise RunError(f"{run.path} is being trained. Stop it with: splitlab cancel {run.name}") from error


def cancel(workspace: Workspace, name: str) -> State:
    """Stop a run: take it out of the queue, and ask the process that trains it to stop after the step at hand.

    Returns:
        CANCELLED where it only waited; RUNNING where it is on its way to stop.

    Raises:
        RunError: it neither waits nor trains.
    """
    run = run_named(workspace, name)
    try:
        with run.claim(0.0 if status_of(run).state == State.RUNNING else MOMENT_SECONDS):
            if status_of(run).state != State.RUNNING:
                _take_out(workspace, run)
                return State.CANCELLED
    except HeldError:
        pass  # a worker has it, which looks whether its entry is still there
    run.ask_to_cancel()
    _remove(workspace, run)
    return State.RUNNING


def delete(workspace: Workspace, name: str) -> None:
    """Delete a run folder and all that is in it, for good.

    Raises:
        RunError: it is being trained, is a link to elsewhere, or cannot be deleted.
    """
    run = run_named(workspace, name)
    if run.path.is_symlink():
        raise RunError(f"{run.path} is a link to {run.path.readlink()}. Delete what it leads to by hand.")
    try:
        with run.claim(MOMENT_SECONDS), run.lock():
            # Somebody else may have deleted it while this one waited.
            RunFolder.open(run.path)
            _refuse_on_another_machine(run)
            _remove(workspace, run)
            _bury(run)
    except HeldError as error:
        raise RunError(f"{run.path} is being trained. Stop it first with: splitlab cancel {run.name}") from error
    except OSError as error:
        raise RunError(f"{run.path} cannot be deleted ({error.strerror}). Delete the folder by hand.") from error


def _bury(run: RunFolder) -> None:
    grave = Path(tempfile.mkdtemp(prefix=swept(".deleting-", run.path.parent), dir=run.path.parent))
    # In one step out of sight: a delete that breaks off leaves no half run, and nobody writes into what is deleted.
    run.path.rename(grave / run.name)
    try:
        shutil.rmtree(grave)
    except OSError as error:
        raise RunError(
            f"{run.path} is deleted, but {grave} could not be emptied ({error.strerror}). Delete that by hand."
        ) from error


def status_of(run: RunFolder) -> Status:
    """Read how far a run is; one whose status file is broken waits, because its saved state says where to go on."""
    try:
        return run.status()
    except RunError:
        return Status(State.WAITING, 0, 0)


def _put_in(workspace: Workspace, run: RunFolder, place: int, before: Entry | None) -> None:
    spec, status = run.spec(), status_of(run)
    if before and status.state in (State.WAITING, State.INTERRUPTED):
        return
    if status.state == State.RUNNING:
        raise RunError(f"{run.path} is being trained already. Stop it first, or wait for its end.")
    if status.state == State.DONE:
        raise RunError(f"{run.path} is done. Start a new run, with more steps or other settings.")
    if before:  # its training has just ended, and its worker has not seen it yet
        queue_entries.remove(workspace.queue, before)
    run.take_back_cancel()
    run.write_status(State.WAITING, status.step, spec.steps)
    queue_entries.add(workspace.queue, place, spec.device, run.name)


def _refuse_on_another_machine(run: RunFolder) -> None:
    if status_of(run).state == State.RUNNING:
        raise HeldError(f"{run.path} is being trained where the storage shares no locks.")


def _swap(workspace: Workspace, earlier: Entry, later: Entry) -> None:
    # A break between the two leaves both in the same place, and none lost.
    queue_entries.put_at(workspace.queue, later, earlier.place)
    queue_entries.put_at(workspace.queue, earlier, later.place)


def _take_out(workspace: Workspace, run: RunFolder) -> None:
    if not _remove(workspace, run):
        raise RunError(f"{run.path} neither waits in the queue nor trains: it is {status_of(run).state}.")
    status = status_of(run)
    if status.state == State.WAITING:
        run.write_status(State.CANCELLED, status.step, status.steps, "taken out of the queue")


def _remove(workspace: Workspace, run: RunFolder) -> bool:
    with lock_queue(workspace.queue):
        entry = queue_entries.entry_of(workspace.queue, run.name)
        if entry:
            queue_entries.remove(workspace.queue, entry)
        return entry is not None
