"""Index files: what was read from each file of a dataset, so that only new and changed files are opened again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splitlab.errors import RunError
from splitlab.io import write_bytes


def index_path(kind: str, root: Path, index_dir: Path) -> Path:
    """Return the index file of one kind, such as "mask_boxes", for the dataset in the folder `root`."""
    return index_dir / f"{kind}_{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.json"


def file_key(path: Path, root: Path) -> str:
    """Return a file's key: its path, below `root` if it is there, size and modification time.

    Raises:
        OSError: the file is missing.
    """
    stat = path.stat()
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{name.as_posix()} {stat.st_size} {stat.st_mtime_ns}"


def load_index(path: Path) -> dict[str, Any]:
    """Load the entries of an index by their keys; none if it is missing or broken."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def save_index(path: Path, entries: Mapping[str, Any]) -> None:
    """Save an index. Without write permission nothing is saved, and the files are opened again next time."""
    with contextlib.suppress(OSError, RunError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, json.dumps(entries).encode())
