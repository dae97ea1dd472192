"""Whether a process is at work on something: lock files, and heartbeats for storage that shares no locks.

The system releases a lock when its process ends. The age of a heartbeat is read from the clock of the file system that
holds it, so the clocks of two machines need not agree.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from splitlab.errors import RunError

BEAT_SECONDS = 10.0
# Twelve beats, because the storage of a busy cluster may stall.
DEAD_SECONDS = 120.0


class HeldError(RunError):
    """Another process holds the lock."""


@contextmanager
def holding(path: Path, refusal: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock file, made where it is missing, while the context lasts.

    Raises:
        HeldError: it is still held, by any process, after `patience` seconds; the message is `refusal`.
        RunError: the file cannot be made, or its folder is gone.
    """
    # FileLock would make the folder again, such as that of a run that was just deleted.
    if not path.parent.is_dir():
        raise RunError(f"{path.parent} is gone. Look at what is there now.")
    lock = FileLock(path, timeout=patience)
    try:
        lock.acquire()
    except Timeout as error:
        raise HeldError(refusal) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). Choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Say whether a lock file is held, by holding it for a moment. Raise RunError if it cannot be written."""
    if not path.exists():
        return False
    try:
        with holding(path, ""):
            return False
    except HeldError:
        return True


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Touch a file every ten seconds while the context lasts, then remove it. A failed beat ends nothing."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.is_set():
            with suppress(OSError):
                path.touch()
            ended.wait(BEAT_SECONDS)

    thread = threading.Thread(target=beat, daemon=True, name=f"heartbeat {path}")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def has_beaten(paths: Sequence[Path]) -> bool:
    """Say whether one of these files of one folder was written within the last two minutes."""
    beats = [path.stat().st_mtime for path in paths if path.exists()]
    try:
        with tempfile.TemporaryFile(dir=paths[0].parent) as file:
            now = os.fstat(file.fileno()).st_mtime
    except OSError:
        now = time.time()  # a read-only folder leaves no other clock
    return bool(beats) and now - max(beats) < DEAD_SECONDS
