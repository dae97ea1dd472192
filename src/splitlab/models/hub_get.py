"""Get a checkpoint from a hub: fetched, compared with the index, tried, and only then in its place."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from splitlab.errors import CheckpointError, RunError, shown_as
from splitlab.models.checkpoint_import import accept
from splitlab.runs.checkpoint import WEIGHTS_NAME, Card
from splitlab.runs.checkpoint_files import facts_of
from splitlab.runs.hub import HubProgress, fetch_files, read_hub
from splitlab.runs.hub_index import HubEntry, summary_of

DOWNLOADS = ".downloads"


def get_checkpoint(hub: str, name: str, imported: Path, progress: HubProgress) -> Path:
    """Copy a checkpoint of a hub into the work space; return its folder. One that is here already is not fetched.

    After a break, the next call goes on with what has come.

    Args:
        hub: a folder or an address.
        name: as the hub's index has it.
        imported: the work space's folder of checkpoints.
        progress: told (file, bytes there, bytes in all).

    Raises:
        CheckpointError: the hub has no such checkpoint, its index or files are not what they should be, another
            checkpoint of this name is here, or another process fetches it.
        DownloadError: the server cannot be reached or refuses, or the disk is full.
        RunError: the folder cannot be written.
    """
    offered = read_hub(hub)
    if name not in offered:
        raise CheckpointError(f"{hub} offers no checkpoint {name[:100]!r}. It has: {', '.join(offered)[:500]}.")
    return fetch_entry(hub, offered[name], imported, progress)


def fetch_entry(hub: str, entry: HubEntry, imported: Path, progress: HubProgress) -> Path:
    """Copy the checkpoint of an index that was read before; see `get_checkpoint`."""
    folder = imported / entry.name
    if folder.exists():
        if facts_of(folder) == entry.files:
            return folder
        raise CheckpointError(f"{folder} is there already, with other files. Move it away first.")
    draft = imported / DOWNLOADS / f"{entry.name}-{entry.files[WEIGHTS_NAME].sha256[:16]}"
    try:
        draft.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{draft}.lock", timeout=0):
            fetch_files(hub, entry, draft, progress)
            with shown_as(draft, f"{hub}/{entry.name}"):
                _try(draft, entry)
            draft.rename(folder)
    except Timeout as error:
        raise CheckpointError(f"{draft}: another process fetches it. Wait until it is done.") from error
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). Free some space.") from error
    return folder


def _try(draft: Path, entry: HubEntry) -> None:
    try:
        _refuse_another(accept(draft), entry)
    except CheckpointError:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _refuse_another(card: Card, entry: HubEntry) -> None:
    """What people were shown before they took it must be what they get."""
    if summary_of(card) != entry.card:
        raise CheckpointError(
            f"The card of '{entry.name}' says something else than the index of its hub. "
            "Whoever keeps the hub can make it anew: splitlab checkpoint index."
        )
