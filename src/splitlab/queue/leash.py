"""Run a program that ends with the process that started it: python -m splitlab.queue.leash PARENT PROGRAM ARGUMENT...

If a cluster task is killed, its training receives SIGTERM and saves: the cluster gives its device to the next run.
This works only on Linux. Elsewhere the training continues and holds its run until it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>; kept by exec


def leashed(words: list[str]) -> list[str]:
    """Return the command that runs another one for as long as this process lives."""
    return [sys.executable, "-m", __name__, str(os.getpid()), *words]


if __name__ == "__main__":
    parent, words = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have ended before that call.
    if os.getppid() != parent:
        sys.exit(f"The process {parent} that started {words[0]} is gone.")
    os.execvp(words[0], words)  # noqa: S606 (a list of our own, and no shell)
