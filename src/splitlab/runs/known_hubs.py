"""The hubs that a work space has used before."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from splitlab.errors import RunError
from splitlab.runs.atomic_files import write_json
from splitlab.runs.hub import plain_hub
from splitlab.runs.locks import holding
from splitlab.runs.plain_json import plain_json

FILE_NAME = "hubs.json"
MOST_HUBS, MAX_BYTES, PATIENCE_SECONDS = 50, 100_000, 10.0


def known_hubs(root: Path) -> list[str]:
    """Return the hubs of a work space, the last used first; none where the file is missing or broken."""
    path = root / FILE_NAME
    try:
        with path.open("rb") as file:
            hubs = plain_json(file.read(MAX_BYTES))["hubs"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return [hub for hub in hubs if isinstance(hub, str)][:MOST_HUBS] if isinstance(hubs, list) else []


def remember_hub(root: Path, hub: str) -> None:
    """Put a hub in front of the others.

    Raises:
        RunError: the work space cannot be written.
    """
    hub = plain_hub(hub)
    with _held(root):
        _write(root, [hub, *(other for other in known_hubs(root) if other != hub)])


def forget_hub(root: Path, hub: str) -> None:
    """Take a hub off the list.

    Raises:
        RunError: the work space cannot be written.
    """
    with _held(root):
        _write(root, [other for other in known_hubs(root) if other != plain_hub(hub)])


def _held(root: Path) -> AbstractContextManager[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{root}: cannot be made ({error.strerror}). Choose another work space.") from error
    return holding(root / ".hubs.lock", f"{root / FILE_NAME} is being written. Try again.", PATIENCE_SECONDS)


def _write(root: Path, hubs: list[str]) -> None:
    write_json(root / FILE_NAME, {"hubs": hubs[:MOST_HUBS]})
