"""Data sets laid out as Ultralytics' YOLO reads them: a YAML file, images/ and, beside it, labels/."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageLabels, TrainVal
from splitlab.data.formats.label_files import read_bounded
from splitlab.data.formats.photo_size import read_photo_size
from splitlab.data.formats.yolo_labels import parse_labels
from splitlab.data.formats.yolo_settings import YoloSettings, find_yaml, read_settings
from splitlab.errors import DataError

FORMAT = "YOLO"
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_LABEL_BYTES = 10_000_000
MAX_LIST_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class _Read:
    labels: ImageLabels
    sha256: str


def is_yolo_folder(folder: Path) -> bool:
    """Say whether `read_yolo_folder` would find a YAML file here."""
    try:
        return find_yaml(folder) is not None
    except (DataError, OSError):
        return False


def read_yolo_folder(folder: Path) -> TrainVal:
    """Read the data set that data.yaml heads, or the one YAML file with `names` and `train`.

    `train` and `val` each name a folder, a .txt list of photos, or several of those. The labels of `images/a/b.jpg` are
    `labels/a/b.txt`; a photo without that file shows no object. An image's id is its photo's path without the ending:
    below the subset's folder where there is one such folder, below `folder` otherwise. Sizes come from the photos'
    headers, and `source_hash` covers the class names, the ids and the label files.

    Raises:
        DataError: a file is missing or broken, or lies outside the folder. The message names it, and the line.
        ImageError: a photo is missing, or its header cannot be read.
    """
    try:
        path = find_yaml(folder)
        if path is None:
            raise DataError(f"{folder} has no data.yaml, nor one YAML file with 'names' and 'train'. Put one there.")
        settings = read_settings(path)
        train = _read_subset(folder, settings, settings.train)
        return TrainVal(train, _read_subset(folder, settings, settings.val), FORMAT)
    except (OSError, ValueError, RuntimeError) as error:
        # A name with a NUL, a link that leads to itself, a folder that may not be opened.
        raise DataError(f"{folder}: a path in it cannot be followed ({error}). Unpack the data set again.") from error


def _read_subset(folder: Path, settings: YoloSettings, places: tuple[str, ...]) -> Dataset:
    photos = _name_photos(folder, settings, [_find(folder, settings, place) for place in places])
    read = [_read_image(folder, image_id, photo, len(settings.class_names)) for image_id, photo in photos]
    content = json.dumps([settings.class_names, [(image.labels.image_id, image.sha256) for image in read]])
    return Dataset(
        name=folder.resolve().name,
        class_names=settings.class_names,
        # COCO keeps 0 for the background.
        category_ids=tuple(range(1, len(settings.class_names) + 1)),
        images=tuple(image.labels for image in read),
        source_hash=hashlib.sha256(content.encode()).hexdigest(),
        licence=settings.licence,
    )


def _find(folder: Path, settings: YoloSettings, place: str) -> Path:
    # Some exports start from a folder beside the YAML file and write ../train/images for train/images.
    candidates = (settings.base / place, settings.base / place.removeprefix("../"))
    for path in candidates:
        if path.exists() and path.resolve().is_relative_to(folder.resolve()):
            return path
    raise DataError(
        f"{settings.path}: '{place[:200]}' is nothing in {folder}. Name a folder of photos or a .txt list inside it."
    )


def _name_photos(folder: Path, settings: YoloSettings, places: list[Path]) -> list[tuple[str, Path]]:
    """Return (image id, photo) by rising id."""
    root = places[0] if len(places) == 1 and places[0].is_dir() else folder
    photos: dict[str, Path] = {}
    for place in places:
        for photo in _photos_in(place):
            _refuse_outside(photo, folder)
            image_id = _below(photo, root).with_suffix("").as_posix()
            if image_id in photos:
                raise DataError(f"{photo} and {photos[image_id]} share one label file. Take one of them out.")
            photos[image_id] = photo
    if not photos:
        raise DataError(f"{settings.path}: there are no photos in {places[0]}. Put them there.")
    return sorted(photos.items())


def _photos_in(place: Path) -> Iterator[Path]:
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.suffix.lower() in PHOTO_ENDINGS and not path.name.startswith("."):
                yield path
        return
    for line in read_bounded(place, MAX_LIST_BYTES).decode("utf-8-sig").splitlines():
        if line.strip():
            yield place.parent / line.strip()


def _refuse_outside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{str(path)[:300]} leads out of {folder}. Only files inside are read.")


def _below(path: Path, root: Path) -> Path:
    """Return the path from `root` on, as it is written; links inside the data set stay as they are named."""
    if path.is_relative_to(root) and ".." not in path.parts:
        return path.relative_to(root)
    return path.resolve().relative_to(root.resolve())


def _read_image(folder: Path, image_id: str, photo: Path, class_count: int) -> _Read:
    width, height = read_photo_size(photo)
    path = _labels_of(photo, folder)
    _refuse_outside(path, folder)
    raw = read_bounded(path, MAX_LABEL_BYTES) if path.is_file() else b""
    objects = parse_labels(raw, path, class_count, width, height)
    return _Read(ImageLabels(image_id, photo, width, height, objects), hashlib.sha256(raw).hexdigest())


def _labels_of(photo: Path, folder: Path) -> Path:
    """Put labels/ for the last images/ in the photo's path; without one, labels lie beside their photos."""
    parts = list(_below(photo, folder).with_suffix(".txt").parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return folder.joinpath(*parts)
