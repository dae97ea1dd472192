"""Become another program that ends with the process which started it.

    python -m splitlab.runs.leash PARENT PROGRAM ARGUMENT...

A task of a cluster that is killed would else leave its training behind, on a device that the cluster gives to the next.
The training is asked politely (SIGTERM), so that it saves what it has learnt. Linux alone can do it; elsewhere the
training goes on, and holds its run until it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>; it outlives execve


def leashed(words: list[str]) -> list[str]:
    """Return the command that runs another one for no longer than this process lives."""
    return [sys.executable, "-m", "splitlab.runs.leash", str(os.getpid()), *words]


def main(parent: int, words: list[str]) -> None:
    """Tie this process to its parent, and become the program.

    Raises:
        OSError: there is no such program.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    # The parent may have died before that.
    if os.getppid() != parent:
        sys.exit(f"the process {parent} that started {words[0]} is gone")
    os.execvp(words[0], words)  # noqa: S606 (a list of our own, and no shell)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
