"""Locks as files: the system gives them back when their process ends, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from splitlab.errors import RunError


class HeldError(RunError):
    """Another process holds what was asked for."""


@contextmanager
def holding(path: Path, refusal: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock file while the context lasts.

    Args:
        path: the file; made where it is missing.
        refusal: what to say where another process holds it.
        patience: seconds to wait for that one.

    Raises:
        HeldError: another process holds it, or another part of this one.
        RunError: the file cannot be made, or its folder is gone.
    """
    # The lock would make the folder anew, such as that of a run that was just deleted.
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
    """Say whether a lock file is held; the hold that this takes to find out is over when it returns.

    Raises:
        RunError: the file cannot be written.
    """
    if not path.exists():
        return False
    try:
        with holding(path, ""):
            return False
    except HeldError:
        return True
