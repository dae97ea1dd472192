"""Whether the process that wrote something still lives: its start on this machine, its heartbeat on another.

Neither goes by the clock on the wall, which may jump: a start is counted from the system's own start, and the age of
a heartbeat is read from the file system that holds it.
"""

from __future__ import annotations

import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

BEAT_SECONDS = 10.0
# A process that has not been heard of for so long is dead. Twelve beats: storage of a busy cluster may stall.
DEAD_SECONDS = 120.0
_STATE, _START = 0, 19  # of the fields behind the program's name, in /proc/PID/stat


@cache
def host() -> str:
    """Name where a process number means something: the machine, since its last start, and its container."""
    boot = _text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        container = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (this is no path)
    except OSError:
        container = ""
    return " ".join(part for part in (platform.node(), boot, container) if part)


def process_start(pid: int) -> float | None:
    """Return when a process of this host started, None where there is none: with the pid it names the process for good.

    In seconds since the system's start on Linux, which no change of the clock moves. Other systems keep the time of
    the start as it was, in seconds since 1970.
    """
    if Path("/proc/self/stat").exists():
        # The program's name stands in brackets and may hold anything, even brackets.
        behind_name = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        if len(behind_name) <= _START or behind_name[_STATE] in "ZX":
            return None
        return int(behind_name[_START]) / os.sysconf("SC_CLK_TCK")
    return wall_start(pid)


def wall_start(pid: int) -> float | None:
    """Return when a process started in seconds since 1970, by today's clock; None where there is none."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (psutil.Error, OverflowError, ValueError):
        return None


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


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except (OSError, ValueError):
        return ""
