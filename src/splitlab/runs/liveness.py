"""Whether the process that wrote something still lives: its start on this machine, its heartbeat on another.

Neither goes by the clock on the wall, which may jump: a start is counted from the system's own start, and the age of
a heartbeat is read from the file system that holds it.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from splitlab.processes import host, process_start, wall_start

__all__ = ["beating", "has_beaten", "host", "process_start", "wall_start"]

BEAT_SECONDS = 10.0
# A process that has not been heard of for so long is dead. Twelve beats: storage of a busy cluster may stall.
DEAD_SECONDS = 120.0


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Touch a file every ten seconds while the context lasts, whatever the process does; then take it away.

    A beat that fails is left out: the next one may do, and the work must not end for it.
    """
    ended = threading.Event()

    def beat() -> None:
        while True:
            with suppress(OSError):
                path.touch()
            if ended.wait(BEAT_SECONDS):
                return

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
    """Say whether one of the files was written within the last two minutes, by the clock of their file system."""
    beats = []
    for path in paths:
        with suppress(OSError):
            beats.append(path.stat().st_mtime)
    return bool(beats) and _file_system_time(paths[0].parent) - max(beats) < DEAD_SECONDS


def _file_system_time(folder: Path) -> float:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()  # a folder that is only read leaves no other clock
