"""A hub: a folder of checkpoints with an index, on this machine, a shared disk or a web server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from splitlab.download import SCHEMES, Checksum, download, read_small
from splitlab.errors import CheckpointError
from splitlab.runs.checkpoint_files import FileFacts
from splitlab.runs.hub_index import INDEX_NAME, MAX_INDEX_BYTES, HubEntry, parse_index

REINDEX = "Whoever keeps the hub can look which is right, and run: splitlab checkpoint index."

# What is being fetched, bytes there, bytes in all.
HubProgress = Callable[[str, int, int], None]


def is_address(hub: str) -> bool:
    """Say whether a hub is an http or https address, not a folder."""
    return hub.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def plain_hub(hub: str) -> str:
    """Return a hub as it is remembered: an address or the full path of a folder, without the index's name."""
    hub = hub.strip().removesuffix(INDEX_NAME)
    return hub.rstrip("/") if is_address(hub) else str(Path(hub).absolute())


def read_hub(hub: str) -> dict[str, HubEntry]:
    """Read what a hub offers, by name.

    Raises:
        CheckpointError: it has no index, or one that is broken or hostile.
        DownloadError: its server cannot be reached or refuses.
    """
    hub = plain_hub(hub)
    where = f"{hub}/{INDEX_NAME}"
    return parse_index(read_small(where, MAX_INDEX_BYTES) if is_address(hub) else _read_index(Path(where)), where)


def _read_index(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError(f"{path} is missing. Make it with: splitlab checkpoint index {path.parent}")
        with path.open("rb") as file:
            content = file.read(MAX_INDEX_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}). Check the path.") from error
    if len(content) > MAX_INDEX_BYTES:
        raise CheckpointError(f"{path} is over {MAX_INDEX_BYTES:,} bytes: it is no index of ours.")
    return content


def fetch_files(hub: str, entry: HubEntry, draft: Path, progress: HubProgress) -> None:
    """Bring the files of a checkpoint into a folder, each of the size and sum that the index says.

    What has come stays after a break; the next call goes on with it.

    Raises:
        CheckpointError, DownloadError: a file cannot be had, or is another than the index says.
    """
    hub = plain_hub(hub)
    for name, facts in entry.files.items():

        def told(done: int, total: int, name: str = name) -> None:
            progress(name, done, total)

        target = draft / name
        if is_address(hub):
            url = f"{hub}/{quote(entry.name)}/{name}"
            download(url, target, Checksum("sha256", facts.sha256), told, max_bytes=facts.bytes)
            _refuse_other_size(url, target, facts)
        else:
            _copy(Path(hub) / entry.name / name, target, facts)
            told(facts.bytes, facts.bytes)


def _refuse_other_size(url: str, target: Path, facts: FileFacts) -> None:
    size = target.stat().st_size
    if size != facts.bytes:
        target.unlink()
        raise CheckpointError(f"{url} has {size:,} bytes, its index says {facts.bytes:,}. {REINDEX}")


def _copy(source: Path, target: Path, facts: FileFacts) -> None:
    checksum = Checksum("sha256", facts.sha256)
    try:
        # A pipe, a device or a growing file must not be read for ever.
        if not source.is_file() or source.stat().st_size != facts.bytes:
            raise CheckpointError(f"{source} is not the file of {facts.bytes:,} bytes that its index names. {REINDEX}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if not checksum.fits(target):
            target.unlink()
            raise CheckpointError(f"{source} has another sha256 than its index names. {REINDEX}")
    except OSError as error:
        raise CheckpointError(
            f"{source} cannot be copied to {target} ({error.strerror}). Check the paths and the space on the disk."
        ) from error
