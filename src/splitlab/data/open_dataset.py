"""Open a dataset of any known format.

A new format is one module in `data/formats` and one line in `_FORMATS`: its name, a function that recognises a folder
of that format, and a function that reads the folder into a `TrainVal`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from splitlab.data.archives import find_dataset_root
from splitlab.data.dataset import TrainVal
from splitlab.data.formats.cityscapes import is_cityscapes_folder, read_cityscapes_folder
from splitlab.data.formats.coco.files import is_coco_folder
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.formats.cvat_masks import is_cvat_masks_folder, read_cvat_masks_folder
from splitlab.data.formats.cvat_xml import is_cvat_folder, read_cvat_folder
from splitlab.data.formats.fiftyone import is_fiftyone_folder, read_fiftyone_folder
from splitlab.data.formats.label_studio import is_label_studio_folder, read_label_studio_folder
from splitlab.data.formats.labelme import is_labelme_folder, read_labelme_folder
from splitlab.data.formats.pets import is_pets_folder, read_pets_folder
from splitlab.data.formats.photos import is_photo_folder, read_photo_folder
from splitlab.data.formats.supervisely import is_supervisely_folder, read_supervisely_folder
from splitlab.data.formats.via import is_via_folder, read_via_folder
from splitlab.data.formats.voc import is_voc_folder, read_voc_folder
from splitlab.data.formats.voc_xml import is_voc_xml_folder, read_voc_xml_folder
from splitlab.data.formats.yolo.heads import is_yolo_folder
from splitlab.data.formats.yolo.reader import read_yolo_folder
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.reading import load_reading, read_as
from splitlab.data.scenes.embedded import make_embedded
from splitlab.data.selection.val_cut import apply_cut, load_cut
from splitlab.errors import DataError

EMBEDDED = "embedded"
INDEX = ".index"
"""The folder for indices, beside the datasets."""
_MOST_WRAPPERS = 3
_UNFOLLOWED = (OSError, ValueError)
"""Raised for paths with a NUL, too long ones, cyclic links and folders without permission."""
_BESIDE = re.compile(r"__MACOSX\Z|splitlab[\w-]*\.json\Z|readme|licen[cs]e|.*\.(md|pdf|url|ini)\Z", re.IGNORECASE)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")
_PARTS_OF_DATASETS = ("images", "labels", "annotations", "train", "valid", "val", "ann", "img", "data")


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
    _Format("CVAT", is_cvat_folder, lambda folder, _, outside: read_cvat_folder(folder, outside)),
    _Format(
        "Label Studio",
        is_label_studio_folder,
        lambda folder, _, outside: read_label_studio_folder(folder, outside),
    ),
    _Format("Supervisely", is_supervisely_folder, lambda folder, _, outside: read_supervisely_folder(folder, outside)),
    _Format("FiftyOne", is_fiftyone_folder, lambda folder, _, outside: read_fiftyone_folder(folder, outside)),
    _Format("VIA", is_via_folder, lambda folder, _, outside: read_via_folder(folder, outside)),
    _Format("LabelMe", is_labelme_folder, lambda folder, _, outside: read_labelme_folder(folder, outside)),
    _Format("VOC XML", is_voc_xml_folder, lambda folder, _, outside: read_voc_xml_folder(folder, outside)),
    _Format("CVAT masks", is_cvat_masks_folder, lambda folder, _, outside: read_cvat_masks_folder(folder, outside)),
    _Format("YOLO", is_yolo_folder, lambda folder, _, outside: read_yolo_folder(folder, outside)),
    _Format("photos", is_photo_folder, lambda folder, _, outside: read_photo_folder(folder, outside)),
)

FORMAT_NAMES = tuple(known.name for known in _FORMATS)
"""The formats that are recognised, in the order in which they are tried."""


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
        data = known.read(_root_of(folder), data_dir / INDEX, reading.outside)
    except DataError as error:
        raise DataError(f"Recognised as {known.name}. {error}") from error
    data = read_as(_named(data, folder), reading)
    if not data.has_val and (cut := load_cut(folder)) is not None:
        data = apply_cut(data, cut)
    is_in_workspace = folder == data_dir / where and not Path(where).is_absolute()
    return _opened_as(data, where if is_in_workspace else str(folder.absolute()))


def dataset_folder(where: str, data_dir: Path) -> Path:
    """Return the folder of the dataset that `open_dataset` knows as `where`.

    Raises:
        DataError: the dataset does not exist, or is the embedded one.
    """
    if where == EMBEDDED:
        raise DataError(f"The dataset {EMBEDDED} is drawn by SplitLab: its labels and its parts are fixed.")
    return _find(where, data_dir)[0]


def dataset_names(data_dir: Path) -> list[str]:
    """List the names that `open_dataset` knows, the embedded dataset first."""
    own = sorted(folder.name for folder in data_dir.glob("[!.]*") if folder.is_dir() and _format_of(folder))
    return [EMBEDDED, *(name for name in own if name != EMBEDDED)]


def _find(where: str, data_dir: Path) -> tuple[Path, _Format]:
    try:
        named = data_dir / where
        folder = named if _format_of(named) or (named.is_dir() and not Path(where).is_dir()) else Path(where)
        known = _format_of(folder)
        if known is None:
            raise DataError(_unknown(folder))
    except _UNFOLLOWED as error:
        raise DataError(f"{where[:100]}: cannot be opened ({error}). Check the path.") from error
    return folder, known


def _format_of(folder: Path) -> _Format | None:
    with suppress(*_UNFOLLOWED):
        root = _root_of(folder)
        for known in _FORMATS:
            with suppress(DataError, *_UNFOLLOWED):
                if known.detect(root):
                    return known
    return None


def _root_of(folder: Path) -> Path:
    """Return the folder in which a dataset begins: many archives hold one folder, and perhaps a text about it."""
    for _ in range(_MOST_WRAPPERS):
        inner = _only_folder(folder)
        if inner == folder or inner.name.lower() in _PARTS_OF_DATASETS:
            break
        folder = inner
    return folder


def _only_folder(folder: Path) -> Path:
    inside = [path for path in folder.glob("[!.]*") if not _BESIDE.match(path.name)]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else find_dataset_root(folder)


def _named(data: TrainVal, folder: Path) -> TrainVal:
    """Name a dataset after its own folder, not after one in it; published ones keep their names."""
    root = _root_of(folder)
    if root == folder or data.train.name != root.resolve().name:
        return data
    name = folder.resolve().name
    return replace(data, train=replace(data.train, name=name), val=replace(data.val, name=name))


def _unknown(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is not a folder. Give a dataset's folder, a name in the workspace, or the word embedded."
    return (
        f"{folder} is not a dataset of a known format: {', '.join(FORMAT_NAMES)}. {_seen_in(folder)}"
        "A COCO dataset has a JSON file with images, annotations and categories; a YOLO dataset has a data.yaml; a "
        "folder of photos needs nothing else."
    )


def _seen_in(folder: Path) -> str:
    endings = Counter(path.suffix.lower() or "no ending" for path in folder.rglob("[!.]*") if path.is_file())
    seen = ", ".join(f"{number:,} with {ending}" for ending, number in endings.most_common(3))
    archives = "Unpack the archives in it first. " if not endings.keys().isdisjoint(_ARCHIVES) else ""
    return f"It has files: {seen}. {archives}" if seen else "It has no files. "


def _opened_as(data: TrainVal, where: str) -> TrainVal:
    return replace(data, train=replace(data.train, opened_as=where), val=replace(data.val, opened_as=where))
