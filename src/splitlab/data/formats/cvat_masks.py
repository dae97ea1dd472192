"""CVAT's Segmentation mask 1.1: pictures in which each object has a colour, and others with the colours of classes.

See docs.cvat.ai/docs/dataset_management/formats/format-smask.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import EntryError, Problem, ProblemKind, TrainVal, entry_error, unreadable
from splitlab.data.images import load_image
from splitlab.data.label_files.photo_index import Outside, PhotoIndex, folded
from splitlab.data.label_files.records import Record, Shape, dataset_of, part_of
from splitlab.data.reading import decoded, read_bounded
from splitlab.errors import DataError, ImageError
from splitlab.geometry import mask_to_rle

NAME = "CVAT masks"

_LABEL_MAP, _OBJECTS, _CLASSES, _PHOTOS = "labelmap.txt", "SegmentationObject", "SegmentationClass", "JPEGImages"
_MAX_BYTES = 10_000_000
_MOST_OBJECTS = 1000
_CHANNELS = 3

Colours = NDArray[np.int32]
"""(H, W) colours as numbers: red * 65536 + green * 256 + blue."""


def is_cvat_masks_folder(folder: Path) -> bool:
    """Return whether the folder has masks of objects and of classes, and a map of the classes' colours."""
    return (folder / _LABEL_MAP).is_file() and (folder / _OBJECTS).is_dir() and (folder / _CLASSES).is_dir()


def read_cvat_masks_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read each picture in SegmentationObject/: the pixels of a colour are an object, black ones the background.

    Its class is that of the colour which most of its pixels have in SegmentationClass/. The photo has the same name. An
    image is in the part whose list in ImageSets/Segmentation/ names it. A photo without a picture is not labelled.

    Raises:
        DataError: the label map is missing or broken, or no picture can be read.
    """
    photos = PhotoIndex(folder, outside)
    names = _label_map(folder / _LABEL_MAP)
    data = dataset_of(photos, NAME, _records(photos, names), [name for name in names.values() if name != "background"])
    if not (data.train.images or data.val.images):
        raise DataError(f"{folder} has no pictures in {_OBJECTS}/. Export the task with its masks.")
    return data


def _label_map(path: Path) -> dict[int, str]:
    """Return the name of each colour; lines are `name:red,green,blue:parts:actions`."""
    found: dict[int, str] = {}
    for number, line in enumerate(decoded(read_bounded(path, _MAX_BYTES)).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        colour = [int(part) for part in rest.partition(":")[0].split(",") if part.strip().isdecimal()]
        if len(colour) != _CHANNELS or max(colour) > 255:
            raise DataError(f"{path}, line {number}: has no colour such as 250,50,83. Export the task again.")
        found[(colour[0] << 16) + (colour[1] << 8) + colour[2]] = name.strip()
    return found


def _records(photos: PhotoIndex, names: dict[int, str]) -> Iterator[Record | Problem]:
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for file in photos.photos():
        if not {_OBJECTS, _CLASSES} & set(file.relative_to(photos.root).parts):
            by_stem[folded(file.stem)].append(file)
    parts = _parts(photos.root)
    for path in photos.files(".png"):
        place = photos.root / _OBJECTS
        if not path.is_relative_to(place):
            continue
        name = path.relative_to(place).with_suffix("").as_posix()
        alike = by_stem.get(folded(path.stem), [])
        photo: str | Path = alike[0] if len(alike) == 1 else f"{_PHOTOS}/{name}.jpg"
        try:
            yield _read_image(path, photos.root / _CLASSES / f"{name}.png", photo, names, parts.get(name, ""))
        except EntryError as error:
            yield error.problem


def _parts(root: Path) -> dict[str, str]:
    """Return the part of each image that a list names."""
    found: dict[str, str] = {}
    for path in sorted(root.glob("ImageSets/Segmentation/*.txt")):
        lines = decoded(read_bounded(path, _MAX_BYTES)).splitlines()
        found.update(dict.fromkeys((line.strip() for line in lines), part_of(path.stem)))
    return found


def _read_image(path: Path, classes_path: Path, photo: str | Path, names: dict[int, str], part: str) -> Record:
    objects, classes = _colours(path), _colours(classes_path)
    if objects.shape != classes.shape:
        what = f"it and {_CLASSES}/{classes_path.name} differ in size"
        raise entry_error(ProblemKind.MASK, path, what, "Export the task again.")
    shapes: list[Shape] = []
    problems: list[Problem] = []
    values = np.unique(objects[objects > 0])
    if values.size > _MOST_OBJECTS:
        what = f"it has {values.size:,} colours; each should be an object"
        raise entry_error(ProblemKind.MASK, path, what, "Save it as PNG without smoothing, or export it again.")
    for number, value in enumerate(values, start=1):
        pixels = objects == value
        found, counts = np.unique(classes[pixels], return_counts=True)
        colour = int(found[counts.argmax()])
        if colour in names:
            shapes.append(Shape(f"object {number}", names[colour], mask=mask_to_rle(pixels)))
        else:
            shown = f"{colour >> 16},{colour >> 8 & 255},{colour & 255}"
            what = f"object {number} has the colour {shown} in {_CLASSES}/, which is not in {_LABEL_MAP}"
            problems.append(unreadable(path, what, "Add the colour there, or export the task again.").problem)
    digest = hashlib.sha256(objects.tobytes() + classes.tobytes()).hexdigest()
    size = (objects.shape[1], objects.shape[0])
    return Record(path, photo, tuple(shapes), size, part, digest=digest, problems=tuple(problems))


def _colours(path: Path) -> Colours:
    try:
        red, green, blue = np.moveaxis(load_image(path).astype(np.int32), -1, 0)
    except ImageError as error:
        raise entry_error(ProblemKind.MASK, path, f"cannot be read ({error})", "Export the task again.") from error
    colours: Colours = (red << 16) + (green << 8) + blue
    return colours
