"""From the name people type to the data set: a folder, or the word `embedded`."""

from __future__ import annotations

from pathlib import Path

from splitlab.data.coco_folder import is_coco_folder, read_coco_folder
from splitlab.data.dataset import TrainVal
from splitlab.data.synthetic import make_embedded

EMBEDDED = "embedded"


def open_dataset(where: str, data_dir: Path) -> TrainVal:
    """Read a data set; the embedded one is made in `data_dir` on first use.

    Args:
        where: `embedded`, the name of a folder in `data_dir`, or the path of a folder.
        data_dir: the work space's folder of data sets.

    Raises:
        DataError: there is no such data set, or its files are broken.
    """
    if where == EMBEDDED:
        return read_coco_folder(make_embedded(data_dir / EMBEDDED))
    named = data_dir / where
    return read_coco_folder(named if is_coco_folder(named) else Path(where))


def dataset_names(data_dir: Path) -> list[str]:
    """List what `open_dataset` knows by name, the embedded data set first."""
    own = sorted(folder.name for folder in data_dir.glob("*") if folder.is_dir() and is_coco_folder(folder))
    return [EMBEDDED, *(name for name in own if name != EMBEDDED)]
