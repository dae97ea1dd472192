"""A file system of a few megabytes that a test may fill, and one that can only be read."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MOUNT, UMOUNT = (shutil.which(name) or name for name in ("mount", "umount"))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system of so many megabytes; skip where that is not allowed."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a folder be read and not written while the context lasts, for root as well."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


def _mount(*words: str) -> None:
    try:
        subprocess.run([MOUNT, *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"only root may mount file systems ({error})")


def fill(disk: Path, leave: int = 0) -> None:
    """Fill a disk, but for so many bytes."""
    with (disk / "filler").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize - leave
            if free <= 0:
                break
            file.write(bytes(min(free, 1 << 20)))


def free(disk: Path) -> None:
    """Take back what `fill` took."""
    (disk / "filler").unlink()
