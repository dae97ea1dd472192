"""Checkpoints of our own format from elsewhere: a zip or a folder, kept once a model takes the weights."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

from splitlab.data.incoming.archives import Limits, find_dataset_root, unpack
from splitlab.drafts import swept_in_temp
from splitlab.errors import CheckpointError, RunError, shown_as
from splitlab.models.load import load_model
from splitlab.runs.atomic_files import write_json
from splitlab.runs.checkpoint import CARD_NAME, Card, read_card
from splitlab.runs.checkpoint_files import MOST_BYTES
from splitlab.runs.new_checkpoint import new_checkpoint

# The two files, the folder they may lie in, and what packers add.
LIMITS = Limits(members=20, total_bytes=sum(MOST_BYTES.values()), file_bytes=max(MOST_BYTES.values()))


def is_own(file: Path) -> bool:
    """Say whether a path is meant as a checkpoint of our own format: a folder or a zip."""
    return file.is_dir() or file.suffix.lower() == ".zip"


def import_own(source: Path | BinaryIO, into: Path) -> Path:
    """Copy a checkpoint of our own format, by the name of its new folder.

    Args:
        source: a folder, or a zip as a path or an open file; of any origin.
        into: the folder to make; its name becomes the checkpoint's.

    Raises:
        CheckpointError: there is one already, or the source holds none whose weights are of the model on its card.
        DataError: the zip is broken, hostile or too large.
        RunError: the folder cannot be written.
    """
    with new_checkpoint(into.name, into.parent) as draft:
        with _checkpoint_in(source, draft.parent) as found:
            _copy_two(found, draft)
        with shown_as(draft, _shown(source)):
            _, card = load_model(draft)
        if card.name != into.name:
            write_json(draft / CARD_NAME, asdict(replace(card, name=into.name)))
    return into


def card_in(source: BinaryIO) -> Card:
    """Read what the checkpoint in a zip says it is, without keeping it or loading its weights.

    Raises:
        CheckpointError: it holds none, or its card is broken.
        DataError: the zip is broken, hostile or too large.
        RunError: there is no room for temporary files.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-card-"), ignore_cleanup_errors=True) as place,
            _checkpoint_in(source, Path(place)) as found,
            shown_as(found, _shown(source)),
        ):
            return read_card(found)
    except OSError as error:
        raise RunError(
            f"{_shown(source)}: no temporary folder can be made ({error.strerror}). Free some space."
        ) from error


def _shown(source: Path | BinaryIO) -> str:
    return str(source if isinstance(source, Path) else getattr(source, "name", "The zip"))


@contextmanager
def _checkpoint_in(source: Path | BinaryIO, place: Path) -> Iterator[Path]:
    if isinstance(source, Path) and source.is_dir():
        yield source
    else:
        yield find_dataset_root(unpack(source, place / "whole", LIMITS))


def _copy_two(found: Path, draft: Path) -> None:
    for name, most in MOST_BYTES.items():
        path = found / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > most:
            raise CheckpointError(
                f"{path.name} is missing, a link, or over {most:,} bytes. A checkpoint is a folder or zip of "
                f"{' and '.join(MOST_BYTES)}."
            )
        shutil.copyfile(path, draft / name)
