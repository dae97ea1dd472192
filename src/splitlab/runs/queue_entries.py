"""The files of the queue: one for each run that waits, whose name says its place, its device and the run.

A listing opens no file, and a move is a rename. What changes the queue holds its lock; who only looks does not.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.errors import RunError
from splitlab.runs.atomic_files import write_json
from splitlab.runs.locks import holding

PATIENCE_SECONDS = 30.0
_MIDDLE = 500_000_000_000
_NAME = re.compile(r"(\d{12})-([0-9a-f]{16})-(cpu|cuda|mps)-(.+)", re.DOTALL | re.ASCII)


@dataclass(frozen=True, order=True)
class Entry:
    """One place in the queue.

    Attributes:
        place: the lower, the earlier.
        ticket: tells this wait of a run from an earlier one.
        device: cpu, cuda or mps, as the run's spec says.
        run: the run folder's name.
    """

    place: int
    ticket: str
    device: str
    run: str

    @property
    def file_name(self) -> str:
        """Its file in the queue's folder."""
        return f"{self.place:012d}-{self.ticket}-{self.device}-{self.run}"


def lock_queue(folder: Path) -> AbstractContextManager[None]:
    """Hold the queue, for the moment that a change of it takes.

    Raises:
        RunError: its folder cannot be made, or another process has held it for half a minute.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror}). Choose another work space.") from error
    refusal = f"{folder} is being changed by another process that does not come to an end. Try again, or end it."
    return holding(folder / ".lock", refusal, PATIENCE_SECONDS)


def entries(folder: Path) -> list[Entry]:
    """List the queue in its order; files of other names are passed over."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    found = [match for match in map(_NAME.fullmatch, names) if match]
    return sorted(Entry(int(place), ticket, device, run) for place, ticket, device, run in (m.groups() for m in found))


def entry_of(folder: Path, run: str) -> Entry | None:
    """Find the entry of a run; None where it does not wait."""
    return next((entry for entry in entries(folder) if entry.run == run), None)


def still_there(folder: Path, entry: Entry) -> Entry | None:
    """Find an entry again, wherever it has been moved to; None where it has been taken out.

    Without the queue's lock, one that is being moved at this moment may not be seen.
    """
    if (folder / entry.file_name).exists():
        return entry
    return next((found for found in entries(folder) if found.ticket == entry.ticket), None)


def place_behind(queue: Sequence[Entry]) -> int:
    """Return the place behind all entries of a queue."""
    return queue[-1].place + 1 if queue else _MIDDLE


def add(folder: Path, place: int, device: str, run: str) -> None:
    """Let a run wait from now on; with the queue's lock held."""
    write_json(folder / Entry(place, secrets.token_hex(8), device, run).file_name, {})


def put_at(folder: Path, entry: Entry, place: int) -> None:
    """Give an entry another place, in one step; with the queue's lock held."""
    try:
        (folder / entry.file_name).rename(folder / replace(entry, place=place).file_name)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). The order stays.") from error


def remove(folder: Path, entry: Entry) -> None:
    """Take an entry out, wherever it stands; nothing happens where it is gone. With the queue's lock held."""
    found = still_there(folder, entry)
    try:
        if found:
            (folder / found.file_name).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). The run stays in the queue.") from error


def count_start(folder: Path, entry: Entry, saved_step: int) -> int | None:
    """Note one more start of a run; return how many there were from its saved step, this one counted.

    None where the entry has been taken out. With the queue's lock held.

    Raises:
        RunError: the note cannot be written, such as on a full disk.
    """
    found = still_there(folder, entry)
    if found is None:
        return None
    path = folder / found.file_name
    try:
        noted = json.loads(path.read_text())
        starts = int(noted["starts"]) if noted["step"] == saved_step else 0
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        starts = 0  # a new entry, or a note that is broken: count from here
    write_json(path, {"step": saved_step, "starts": starts + 1})
    return starts + 1


def forget_starts(folder: Path, entry: Entry) -> None:
    """Forget the starts of a run that was stopped on request: they were no failures. With the queue's lock held."""
    found = still_there(folder, entry)
    if found:
        write_json(folder / found.file_name, {})
