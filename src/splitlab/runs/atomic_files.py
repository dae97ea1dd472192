"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

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
    draft: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}). Free some space or choose another folder."
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
