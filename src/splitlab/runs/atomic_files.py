"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from splitlab.drafts import swept_once
from splitlab.errors import RunError


def write_json(path: Path, content: Any) -> None:
    """Write JSON in one step; a reader sees the old file or the new one.

    Raises:
        RunError: the folder cannot be written or the disk is full.
    """
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file in one step; a reader sees the old file or the new one.

    Raises:
        RunError: the folder cannot be written or the disk is full; the old file stays.
    """
    with _draft_of(path, content) as draft:
        draft.replace(path)


def make_folder(path: Path) -> None:
    """Make a folder where it is missing. Raise RunError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be made ({error.strerror}). Choose another workspace.") from error


def check_place(path: Path) -> None:
    """Refuse a place where no file can be written, before the work on what would go there.

    Raises:
        RunError: it is a folder, or its folder is not there or cannot be written.
    """
    with _draft_of(path, b""):
        if path.is_dir():
            raise RunError(f"{path} is a folder. Name a file to write, such as one in it.")


def write_with_last(path: Path, last: Path, content: bytes | memoryview) -> None:
    """Write a file that outlasts a loss of power, and keep the file before it under another name.

    At any moment one of the two is whole on the disk.

    Args:
        path: the file.
        last: beside it; where the file before it goes. Nothing is moved where there is none.
        content: of the new file.

    Raises:
        RunError: the folder cannot be written or the disk is full; both files stay as they are.
    """
    with _draft_of(path, content) as draft:
        _sync(draft)
        if path.exists():
            path.replace(last)
        draft.replace(path)
        _sync(path.parent)


@contextmanager
def _draft_of(path: Path, content: bytes | memoryview) -> Iterator[Path]:
    draft: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=swept_once(f".{path.name}.", path.parent), dir=path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        yield draft
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}). Free some space or choose another folder."
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have a file or folder on the disk itself; Windows opens no folders."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
