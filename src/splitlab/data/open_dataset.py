"""Open a dataset of any known format, and add one to the workspace from an archive.

A new format is one module in `data/formats` and one line in `_FORMATS`: its name, a function that recognises a folder
of that format, and a function that reads the folder into a `TrainVal`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from splitlab.data.archives import Limits, find_dataset_root, unpack
from splitlab.data.dataset import TrainVal
from splitlab.data.formats.cityscapes import is_cityscapes_folder, read_cityscapes_folder
from splitlab.data.formats.coco import read_coco_folder
from splitlab.data.formats.coco_files import is_coco_folder
from splitlab.data.formats.pets import is_pets_folder, read_pets_folder
from splitlab.data.formats.photos import is_photo_folder, read_photo_folder
from splitlab.data.formats.voc import is_voc_folder, read_voc_folder
from splitlab.data.formats.voc_xml import is_voc_xml_folder, read_voc_xml_folder
from splitlab.data.formats.yolo import is_yolo_folder, read_yolo_folder
from splitlab.data.masks import move_index
from splitlab.data.photo_index import Outside
from splitlab.data.reading import load_reading, read_as
from splitlab.data.scenes.embedded import make_embedded
from splitlab.errors import DataError, shown_as
from splitlab.io import swept

EMBEDDED = "embedded"
_INDEX = ".index"  # beside the datasets
_MOST_LETTERS = 60
_NAME = re.compile(rf"\w[\w.-]{{0,{_MOST_LETTERS - 1}}}")
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_ARCHIVE_ENDING = re.compile(r"\.(zip|tgz|tar|(tar\.)?gz)\Z", re.IGNORECASE)
_UPLOAD_LIMITS = Limits(members=50_000, total_bytes=4_000_000_000)


class _Format(NamedTuple):
    """A dataset format.

    `read` takes the folder, a folder for an index of boxes found in masks, and whether photos outside may be read.
    """

    name: str
    detect: Callable[[Path], bool]
    read: Callable[[Path, Path, Outside], TrainVal]


# The first format that recognises a folder reads it.
_FORMATS = (
    _Format("COCO", is_coco_folder, lambda folder, _, outside: read_coco_folder(folder, outside)),
    _Format("VOC2012", is_voc_folder, lambda folder, _, outside: read_voc_folder(folder, outside)),
    _Format("Cityscapes", is_cityscapes_folder, lambda folder, index, _: read_cityscapes_folder(folder, index)),
    _Format("Oxford-IIIT Pet", is_pets_folder, lambda folder, index, _: read_pets_folder(folder, index)),
    _Format("VOC XML", is_voc_xml_folder, lambda folder, _, outside: read_voc_xml_folder(folder, outside)),
    _Format("YOLO", is_yolo_folder, lambda folder, _, outside: read_yolo_folder(folder, outside)),
    _Format("photos", is_photo_folder, lambda folder, _, outside: read_photo_folder(folder, outside)),
)


def open_dataset(where: str, data_dir: Path) -> TrainVal:
    """Open a dataset of any known format; the embedded one is created in `data_dir` on first use.

    `where` is `embedded`, the name of a folder in `data_dir` (the workspace's datasets), or the path of a folder.

    Raises:
        DataError: the dataset does not exist, or its files are broken.
    """
    if where == EMBEDDED:
        return _opened_as(read_coco_folder(make_embedded(data_dir / EMBEDDED)), EMBEDDED)
    folder, known = _find(where, data_dir)
    reading = load_reading(folder)
    try:
        data = read_as(known.read(folder, data_dir / _INDEX, reading.outside), reading)
    except DataError as error:
        raise DataError(f"Recognised as {known.name}, but {error}") from error
    is_in_workspace = folder == data_dir / where and not Path(where).is_absolute()
    return _opened_as(data, where if is_in_workspace else str(folder.absolute()))


def dataset_folder(where: str, data_dir: Path) -> Path:
    """Return the folder of the dataset that `open_dataset` knows as `where`.

    Raises:
        DataError: the dataset does not exist, or is the embedded one.
    """
    if where == EMBEDDED:
        raise DataError(f"The dataset {EMBEDDED} is drawn by SplitLab: its labels are not ambiguous.")
    return _find(where, data_dir)[0]


def dataset_names(data_dir: Path) -> list[str]:
    """List the names that `open_dataset` knows, the embedded dataset first."""
    own = sorted(folder.name for folder in data_dir.glob("[!.]*") if folder.is_dir() and _format_of(folder))
    return [EMBEDDED, *(name for name in own if name != EMBEDDED)]


def proposed_name(file_name: str) -> str:
    """Derive a dataset's name from its archive's: no ending, and dashes in place of characters that are not allowed."""
    stem = _ARCHIVE_ENDING.sub("", file_name)
    return _NOT_IN_A_NAME.sub("-", stem).strip(".-")[:_MOST_LETTERS] or "data"


def import_archive(archive: BinaryIO, name: str, data_dir: Path, limits: Limits = _UPLOAD_LIMITS) -> TrainVal:
    """Unpack a zip or tar of a dataset into `data_dir`/`name` and open it.

    Raises:
        DataError: the name is taken or not valid; the archive is broken, hostile, too large, or holds no readable
            dataset; or `data_dir` cannot be written. Nothing is left behind.
    """
    if not _NAME.fullmatch(name) or name == EMBEDDED:
        raise DataError(f"'{name}' is not a valid dataset name: use up to 60 letters, digits, dots and dashes.")
    target = data_dir / name
    with _draft_in(data_dir) as draft:
        if target.exists():
            raise DataError(_taken(name))
        unpack(archive, Path(draft) / "whole", limits)
        root = find_dataset_root(Path(draft) / "whole")
        # The index is written into the draft, so that a refused dataset leaves none behind.
        with shown_as(root, str(getattr(archive, "name", name))):
            open_dataset(str(root), Path(draft))
        _rename(root, target)
        move_index(root, target, Path(draft) / _INDEX, data_dir / _INDEX)
    return open_dataset(name, data_dir)


def _find(where: str, data_dir: Path) -> tuple[Path, _Format]:
    try:
        named = data_dir / where
        folder = named if _format_of(named) or (named.is_dir() and not Path(where).is_dir()) else Path(where)
        known = _format_of(folder)
        if known is None:
            raise DataError(_unknown(folder))
    except OSError as error:
        raise DataError(f"{where[:100]}: cannot be opened ({error.strerror}). Check the path.") from error
    return folder, known


def _format_of(folder: Path) -> _Format | None:
    for known in _FORMATS:
        with suppress(DataError, OSError):
            if known.detect(folder):
                return known
    return None


def _unknown(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is not a folder. Give a dataset's folder, a name in the workspace, or the word embedded."
    return (
        f"{folder} is not a dataset of a known format: {', '.join(known.name for known in _FORMATS)}. A COCO dataset "
        "has images/, instances_train.json and instances_val.json; a YOLO dataset has a data.yaml."
    )


def _opened_as(data: TrainVal, where: str) -> TrainVal:
    return replace(data, train=replace(data.train, opened_as=where), val=replace(data.val, opened_as=where))


def _draft_in(data_dir: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=swept(".import-", data_dir), dir=data_dir, ignore_cleanup_errors=True)
    except OSError as error:
        raise DataError(_cannot_write(data_dir, error)) from error


def _cannot_write(folder: Path, error: OSError) -> str:
    return f"{folder}: cannot be written ({error.strerror}). Free some space there, or choose another workspace."


def _rename(root: Path, target: Path) -> None:
    # A move would put the folder into one that somebody created at `target` in the meantime.
    try:
        root.rename(target)
    except OSError as error:
        raise DataError(_taken(target.name) if target.exists() else _cannot_write(target.parent, error)) from error


def _taken(name: str) -> str:
    return f"A dataset named '{name}' already exists. Choose another name."
