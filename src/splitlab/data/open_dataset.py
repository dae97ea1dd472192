"""Open a dataset in any known format, and add one to the workspace from an archive."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from splitlab.data.archives import Limits, find_dataset_root, unpack
from splitlab.data.dataset import TrainVal
from splitlab.data.formats.cityscapes import is_cityscapes_folder, read_cityscapes_folder
from splitlab.data.formats.coco import is_coco_folder, read_coco_folder
from splitlab.data.formats.pets import is_pets_folder, read_pets_folder
from splitlab.data.formats.voc import is_voc_folder, read_voc_folder
from splitlab.data.formats.yolo import is_yolo_folder, read_yolo_folder
from splitlab.data.masks import move_index
from splitlab.data.reading import load_reading, read_as
from splitlab.data.scenes.embedded import make_embedded
from splitlab.errors import DataError, shown_as
from splitlab.io import swept

EMBEDDED = "embedded"
_INDEX = ".index"
"""Folder beside data sets for what is noted down of them, such as boxes read from masks."""

# How a format is recognised, and how it is read; `index_dir` is for those whose boxes are read from masks.
_FORMATS: dict[str, tuple[Callable[[Path], bool], Callable[[Path, Path], TrainVal]]] = {
    "COCO": (is_coco_folder, lambda folder, _: read_coco_folder(folder)),
    "VOC2012": (is_voc_folder, lambda folder, _: read_voc_folder(folder)),
    "Cityscapes": (is_cityscapes_folder, read_cityscapes_folder),
    "Oxford-IIIT Pet": (is_pets_folder, read_pets_folder),
    "YOLO": (is_yolo_folder, lambda folder, _: read_yolo_folder(folder)),
}


def open_dataset(where: str, data_dir: Path) -> TrainVal:
    """Read a data set of any format; the embedded one is made in `data_dir` on first use.

    Args:
        where: `embedded`, the name of a folder in `data_dir`, or the path of a folder.
        data_dir: the work space's folder of data sets.

    Raises:
        DataError: there is no such data set, or its files are broken.
    """
    if where == EMBEDDED:
        return _opened_as(read_coco_folder(make_embedded(data_dir / EMBEDDED)), EMBEDDED)
    folder = dataset_folder(where, data_dir)
    read = _FORMATS[_format_of(folder) or ""][1]
    data = read_as(read(folder, data_dir / _INDEX), load_reading(folder))
    is_in_work_space = folder == data_dir / where and not Path(where).is_absolute()
    return _opened_as(data, where if is_in_work_space else str(folder.absolute()))


def dataset_folder(where: str, data_dir: Path) -> Path:
    """Return the folder of the data set that `open_dataset` knows as `where`.

    Raises:
        DataError: there is no such data set.
    """
    if where == EMBEDDED:
        raise DataError(f"The data set {EMBEDDED} is drawn by SplitLab: nothing in its labels is left open.")
    named = data_dir / where
    folder = named if _format_of(named) or (named.is_dir() and not Path(where).is_dir()) else Path(where)
    if _format_of(folder) is None:
        raise DataError(_unknown(folder))
    return folder


def _format_of(folder: Path) -> str | None:
    """Recognise the format of a data set by the files it is made of; None where it is none of ours."""
    return next((name for name, (recognised, _) in _FORMATS.items() if recognised(folder)), None)


def dataset_names(data_dir: Path) -> list[str]:
    """List what `open_dataset` knows by name, the embedded data set first."""
    own = sorted(folder.name for folder in data_dir.glob("[!.]*") if folder.is_dir() and _format_of(folder))
    return [EMBEDDED, *(name for name in own if name != EMBEDDED)]


def _opened_as(data: TrainVal, where: str) -> TrainVal:
    return replace(data, train=replace(data.train, opened_as=where), val=replace(data.val, opened_as=where))


def _unknown(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is no folder. Give a data set's folder, a name in the work space, or the word embedded."
    return (
        f"{folder} is no data set that is known: {', '.join(_FORMATS)}. A COCO one holds images/, "
        "instances_train.json and instances_val.json; a YOLO one a data.yaml."
    )


_MOST_LETTERS = 60
_NAME = re.compile(rf"\w[\w.-]{{0,{_MOST_LETTERS - 1}}}")
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_ARCHIVE_ENDING = re.compile(r"\.(zip|tgz|tar|(tar\.)?gz)\Z", re.IGNORECASE)
_UPLOAD_LIMITS = Limits(members=50_000, total_bytes=4_000_000_000)


def proposed_name(file_name: str) -> str:
    """Return a data set's name from its archive's: without the ending, a dash for what a name may not hold."""
    stem = _ARCHIVE_ENDING.sub("", file_name)
    return _NOT_IN_A_NAME.sub("-", stem).strip(".-")[:_MOST_LETTERS] or "data"


def import_archive(archive: BinaryIO, name: str, data_dir: Path, limits: Limits = _UPLOAD_LIMITS) -> TrainVal:
    """Unpack a zip or tar of a data set into `data_dir`/`name`, if it can be read.

    Raises:
        DataError: the name is taken or no plain name, the archive is broken, hostile or too large, or holds no data
            set that can be read, or `data_dir` cannot be written. Nothing is left behind.
    """
    if not _NAME.fullmatch(name) or name == EMBEDDED:
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
        move_index(root, target, Path(draft) / _INDEX, data_dir / _INDEX)
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
