"""The file that names the classes of a YOLO dataset; tools write it in many places, and some leave it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from splitlab.data.dataset import EntryError
from splitlab.data.label_files.entries import peeked
from splitlab.data.label_files.photo_index import PhotoIndex
from splitlab.data.reading import decoded, read_bounded
from splitlab.errors import DataError

CLASS_LISTS = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt", "classes.names")
"""Files with the name of a class in each line, as Label Studio, FiftyOne, Roboflow and makesense.ai call them."""
DARKNET = "obj.data"
"""The settings of CVAT's YOLO 1.1."""

_YAML = "data.yaml"
_MAX_BYTES, _MAX_LABEL_BYTES = 1_000_000, 10_000_000
_NAMES = re.compile(r"^names\s*:", re.MULTILINE)
_PARTS = re.compile(r"^(train|val|valid|validation|test)\s*:", re.MULTILINE | re.IGNORECASE)
_LINE = re.compile(r"(\d{1,4})(?:\.0*)?(?:[ \t]+-?\d*\.?\d+(?:[eE][+-]?\d+)?){4,}[ \t]*\r?", re.ASCII)


def find_head(folder: Path) -> Path | None:
    """Return the file that names the classes, the folder itself if it has label files but no such file, or None.

    The file is data.yaml, else the only YAML file with `names` and a part, else obj.data (YOLO 1.1 of CVAT), else a
    list of the names.

    Raises:
        DataError: several files fit.
        OSError: the folder cannot be listed.
    """
    if (folder / _YAML).is_file():
        return folder / _YAML
    files = sorted(path for ending in ("yaml", "yml") for path in folder.glob(f"*.{ending}") if path.is_file())
    heads = [path for path in files if _has_names_and_part(path)]
    if len(heads) > 1:
        raise DataError(f"{folder} has two YAML files of a dataset, {heads[0].name} and {heads[1].name}. Keep one.")
    if heads:
        return heads[0]
    if (folder / DARKNET).is_file():
        return folder / DARKNET
    if not (folder / "labels").is_dir() and not _has_labels(folder):
        return None
    return _class_list(folder) or (folder if _has_labels(folder) else None)


def is_yolo_folder(folder: Path) -> bool:
    """Return whether the folder has a file that names the classes of a YOLO dataset, or label files of one."""
    try:
        return find_head(folder) is not None
    except DataError:
        return True  # reading it says what is wrong


def most_class(photos: PhotoIndex) -> int:
    """Return the highest class number in the label files of a folder."""
    highest = 0
    for path in photos.files(".txt"):
        with suppress(EntryError):  # reported when its photo is read
            lines = decoded(read_bounded(path, _MAX_LABEL_BYTES)).splitlines()
            highest = max([highest, *(int(found[1]) for line in lines if (found := _LINE.fullmatch(line.strip())))])
    return highest


def _has_names_and_part(path: Path) -> bool:
    try:
        text = decoded(read_bounded(path, _MAX_BYTES))
    except EntryError:
        return False
    return bool(_NAMES.search(text) and _PARTS.search(text))


def _has_labels(folder: Path) -> bool:
    """Return whether a text file in the folder, or up to two levels below it, starts with the line of a box."""
    starts = (said.decode().lstrip().partition("\n")[0] for _, said in peeked(folder, ".txt"))
    return any(_LINE.fullmatch(start.strip()) for start in starts)


def _class_list(folder: Path) -> Path | None:
    """Return the list of names in the folder, else the one up to two levels below it."""
    for name in CLASS_LISTS:
        if (folder / name).is_file():
            return folder / name
    found = list(_below(folder))
    others = [path for path in found if _words(path) != _words(found[0])]
    if others:
        raise DataError(f"{found[0]} and {others[0]} name different classes. Put the right one into {folder}.")
    return found[0] if found else None


def _words(path: Path) -> list[bytes]:
    return read_bounded(path, _MAX_BYTES).split()


def _below(folder: Path) -> Iterator[Path]:
    below = _folders_in(folder)
    places = [*below, *(inner for outer in below for inner in _folders_in(outer))]
    for name in CLASS_LISTS:
        yield from (place / name for place in places if (place / name).is_file())


def _folders_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[!.]*/") if not path.name.startswith("__MACOSX"))
