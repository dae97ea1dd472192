"""A data set out of an archive that somebody gives: unpacked within limits, read, and only then kept."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from splitlab.data.dataset import TrainVal
from splitlab.data.incoming.archives import Limits, find_dataset_root, unpack
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.errors import DataError

NAME = re.compile(r"\w[\w.-]{0,59}")
UPLOAD_LIMITS = Limits(members=50_000, total_bytes=4_000_000_000)


def import_archive(archive: BinaryIO, name: str, data_dir: Path, limits: Limits = UPLOAD_LIMITS) -> TrainVal:
    """Unpack a zip or tar of a data set into `data_dir`/`name`, if it can be read.

    Raises:
        DataError: the name is taken or no plain name, the archive is broken, hostile or too large, or holds no data
            set that can be read. Nothing is left behind.
    """
    if not NAME.fullmatch(name) or name == EMBEDDED:
        raise DataError(f"'{name}' is no name for a data set: use up to 60 letters, digits, dots and dashes.")
    target = data_dir / name
    if target.exists():
        raise DataError(f"There is a data set '{name}' already. Choose another name.")
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=data_dir) as draft:
        unpack(archive, Path(draft) / "whole", limits)
        root = find_dataset_root(Path(draft) / "whole")
        open_dataset(str(root), data_dir)
        shutil.move(root, target)
    return open_dataset(str(target), data_dir)
