"""The two files of a checkpoint as files: their sizes, their sums, and both as one zip."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from splitlab.errors import CheckpointError
from splitlab.runs.checkpoint import CARD_NAME, MAX_CARD_BYTES, WEIGHTS_NAME, read_card

# The largest model here, in full precision, has 400 MB.
MOST_BYTES = {WEIGHTS_NAME: 1_000_000_000, CARD_NAME: MAX_CARD_BYTES}
# Equal checkpoints give equal zips, whenever they are made.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class FileFacts:
    """The size and the SHA-256 checksum of a file."""

    bytes: int
    sha256: str


def facts_of(folder: Path) -> dict[str, FileFacts]:
    """Return size and sha256 of a checkpoint's files by their names.

    Raises:
        CheckpointError: one is missing, too large or cannot be read.
    """
    return {name: _facts(folder / name, most) for name, most in MOST_BYTES.items()}


def _facts(path: Path, most: int) -> FileFacts:
    try:
        size = path.stat().st_size
        if not path.is_file() or size > most:
            raise CheckpointError(f"{path} is no file of up to {most:,} bytes: no checkpoint has that.")
        with path.open("rb") as file:
            return FileFacts(size, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}). Check the path.") from error


def zipped(folder: Path) -> bytes:
    """Return a checkpoint as a zip of its two files, to hand on.

    Raises:
        CheckpointError: it is not whole.
    """
    read_card(folder)
    buffer = io.BytesIO()
    # Weights do not get smaller by compression.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in facts_of(folder):
            archive.writestr(zipfile.ZipInfo(name, ZIP_DATE), (folder / name).read_bytes())
    return buffer.getvalue()
