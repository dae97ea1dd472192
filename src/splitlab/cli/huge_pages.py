"""Trainings on Linux take their memory in huge pages: beside other work they are faster (docs/decisions/0007).

A step takes and gives back gigabytes. As it comes, glibc hands large blocks back to the system and gets them anew page
by page, tens of thousands of pages a step. What it is told before a process starts cannot be told later.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from types import MappingProxyType

TUNABLES = "GLIBC_TUNABLES"

HUGE_PAGES: Mapping[str, str] = MappingProxyType(
    {
        TUNABLES: ":".join(
            ("glibc.malloc.hugetlb=1", f"glibc.malloc.mmap_threshold={2**25}", f"glibc.malloc.trim_threshold={2**33}")
        )
    }
)
"""Environment by which glibc asks for huge pages, and keeps up to 8 GiB that are free; 32 MiB is the most it allows."""

TRAINING_COMMANDS = frozenset({"train", "few-shot", "atlas run"})
"""Those that train in their own process; the queue, sweeps and pages start `train`."""

_FIRST_GLIBC = (2, 35)


def take_huge_pages() -> None:
    """Start this process once more with `HUGE_PAGES` where it is to train; its number stays what it is.

    Where the environment says something about glibc already, that stands. Other systems and C libraries are left alone,
    and so is a program that only calls the command line: to start that once more would do its work twice.
    """
    words = sys.argv[1:]
    ours = TRAINING_COMMANDS.intersection({*words[:1], " ".join(words[:2])}) and sys.orig_argv[-len(words) :] == words
    if ours and TUNABLES not in os.environ and _glibc_knows_them():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **HUGE_PAGES})  # noqa: S606 (our own command, and no shell)


def _glibc_knows_them() -> bool:
    library, version = platform.libc_ver()
    return library == "glibc" and tuple(int(part) for part in version.split(".")[:2]) >= _FIRST_GLIBC
