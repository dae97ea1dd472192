"""Which process is meant by a number: of which host, and started when."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

import psutil

_STATE, _START = 0, 19  # of the fields behind the program's name, in /proc/PID/stat


@cache
def host() -> str:
    """Name where a process number means something: the machine, since its last start, and its container."""
    boot = _text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        container = str(Path("/proc/self/ns/pid").readlink())
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


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except (OSError, ValueError):
        return ""
