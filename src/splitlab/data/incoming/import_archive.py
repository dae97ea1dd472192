"""A data set out of an archive that somebody gives: unpacked within limits, read, and only then kept."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from splitlab.data.dataset import TrainVal
from splitlab.data.formats.mask_boxes import move_index
from splitlab.data.incoming.archives import Limits, find_dataset_root, unpack
from splitlab.data.open_dataset import EMBEDDED, INDEX, open_dataset
from splitlab.drafts import swept
from splitlab.errors import DataError, shown_as

MOST_LETTERS = 60
NAME = re.compile(rf"\w[\w.-]{{0,{MOST_LETTERS - 1}}}")
NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
ARCHIVE_ENDING = re.compile(r"\.(zip|tgz|tar|(tar\.)?gz)\Z", re.IGNORECASE)
UPLOAD_LIMITS = Limits(members=50_000, total_bytes=4_000_000_000)


def proposed_name(file_name: str) -> str:
    """Return a data set's name from its archive's: without the ending, a dash for what a name may not hold."""
    stem = ARCHIVE_ENDING.sub("", file_name)
    return NOT_IN_A_NAME.sub("-", stem).strip(".-")[:MOST_LETTERS] or "data"


def import_archive(archive: BinaryIO, name: str, data_dir: Path, limits: Limits = UPLOAD_LIMITS) -> TrainVal:
    """Unpack a zip or tar of a data set into `data_dir`/`name`, if it can be read.

    Raises:
        DataError: the name is taken or no plain name, the archive is broken, hostile or too large, or holds no data
            set that can be read, or `data_dir` cannot be written. Nothing is left behind.
    """
    if not NAME.fullmatch(name) or name == EMBEDDED:
        raise DataError(f"'{name}' is no name for a data set: use up to 60 letters, digits, dots and dashes.")
    target = data_dir / name
    with _draft_in(data_dir) as draft:
        if target.exists():
            raise DataError(_taken(name))
        unpack(archive, Path(draft) / "whole", limits)
        root = find_dataset_root(Path(draft) / "whole")
        # What this reading notes down lies in the draft, so that a data set that is not kept leaves no note behind.
        with shown_as(root, str(getattr(archive, "name", name))):
            open_dataset(str(root), Path(draft))
        _rename(root, target)
        move_index(root, target, Path(draft) / INDEX, data_dir / INDEX)
    return open_dataset(name, data_dir)


def _draft_in(data_dir: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=swept(".import-", data_dir), dir=data_dir, ignore_cleanup_errors=True)
    except OSError as error:
        raise DataError(_cannot_write(data_dir, error)) from error


def _rename(root: Path, target: Path) -> None:
    # Unlike a move, which would put the folder into one that somebody made at `target` meanwhile.
    try:
        root.rename(target)
    except OSError as error:
        raise DataError(_taken(target.name) if target.exists() else _cannot_write(target.parent, error)) from error


def _taken(name: str) -> str:
    return f"There is a data set '{name}' already. Choose another name."


def _cannot_write(folder: Path, error: OSError) -> str:
    return f"{folder}: cannot be written ({error.strerror}). Free some space there, or choose another work space."
