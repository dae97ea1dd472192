"""Folders that are whole or not there: written beside their place, then renamed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splitlab.drafts import swept
from splitlab.errors import DataError


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield a draft folder that becomes `folder` where the block ends well, and is removed where it does not.

    Raises:
        DataError: something stands at `folder` already, or the disk cannot be written.
    """
    _refuse_taken(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=swept(f".{folder.name[:40]}-", folder.parent), dir=folder.parent))
    except (OSError, ValueError) as error:
        raise DataError(_cannot_write(folder, error)) from error
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError as error:
        raise DataError(_cannot_write(folder, error)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_taken(folder: Path) -> None:
    try:
        taken = folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir())))
    except (OSError, ValueError) as error:
        raise DataError(_cannot_write(folder, error)) from error
    if taken:
        raise DataError(f"{folder} is there already and not an empty folder. Choose another place, or empty it.")


def _cannot_write(folder: Path, error: Exception) -> str:
    return f"{folder}: cannot be written ({error}). Free some space or choose another place."
