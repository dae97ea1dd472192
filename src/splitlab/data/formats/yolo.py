"""YOLO datasets in the layout of Ultralytics: a YAML file, images/ and labels/ beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from splitlab.data.dataset import (
    Dataset,
    EntryError,
    ImageLabels,
    LabelState,
    Problem,
    ProblemKind,
    TrainVal,
    entry_error,
    json_hash,
    refuse_nothing_left,
)
from splitlab.data.formats.yolo_files import YoloSettings, find_yaml, parse_labels, read_settings
from splitlab.data.images import read_photo_size, unread_photo
from splitlab.data.reading import read_bounded
from splitlab.errors import DataError, ImageError

_FORMAT = "YOLO"
_PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_MAX_LABEL_BYTES = 10_000_000
_MAX_LIST_BYTES = 50_000_000
# Text files that tools write beside the labels.
_NO_LABELS = ("classes.txt", "notes.txt", "README.txt")
_UNFOLLOWED = (OSError, ValueError, RuntimeError)
"""Raised for names with a NUL, cyclic links and folders without permission."""


def is_yolo_folder(folder: Path) -> bool:
    """Return whether the folder has a YAML file of a YOLO dataset."""
    return find_yaml(folder) is not None


def read_yolo_folder(folder: Path) -> TrainVal:
    """Read the dataset of data.yaml, or of the only YAML file with `names` and `train`.

    `train` and `val` each name a folder, a .txt list of photos, or several of those. The labels of `images/a/b.jpg` are
    `labels/a/b.txt`; an empty file means background, a missing one not labelled. An image's id is its photo's path
    without the ending, relative to the subset's only folder, else to `folder`. Sizes come from the photos' headers.
    `source_hash` covers class names, ids and label files. Photos and lines that cannot be read, or are outside the
    folder, are in `Dataset.problems`.

    Raises:
        DataError: the YAML file is missing or broken, or no photo of a subset can be read.
    """
    try:
        path = find_yaml(folder)
        if path is None:
            raise DataError(f"{folder} has no data.yaml, nor one YAML file with 'names' and 'train'. Put one there.")
        settings = read_settings(path)
        train = _read_subset(folder, settings, settings.train)
        return TrainVal(train, _read_subset(folder, settings, settings.val), _FORMAT)
    except _UNFOLLOWED as error:
        raise DataError(f"{folder}: a path in it cannot be followed ({error}). Unpack the dataset again.") from error


def _read_subset(folder: Path, settings: YoloSettings, places: tuple[str, ...]) -> Dataset:
    found = [_find(folder, settings, place) for place in places]
    photos, problems = _name_photos(folder, found)
    read: list[_Read] = []
    for image_id, photo in photos:
        try:
            image = _read_image(folder, image_id, photo, len(settings.class_names))
        except EntryError as error:
            problems.append(error.problem)
        else:
            read.append(image)
            problems += image.problems
    if not photos and not problems:
        raise DataError(f"{settings.path}: there are no photos in {found[0]}. Put them there.")
    refuse_nothing_left(read, problems)
    problems += [problem for place in found for problem in _labels_without_photo(folder, place, photos)]
    return Dataset(
        name=folder.resolve().name,
        class_names=settings.class_names,
        # COCO keeps 0 for the background.
        category_ids=tuple(range(1, len(settings.class_names) + 1)),
        images=tuple(image.labels for image in read),
        source_hash=json_hash([settings.class_names, [(image.labels.image_id, image.sha256) for image in read]]),
        licence=settings.licence,
        problems=tuple(problems),
    )


def _name_photos(folder: Path, places: list[Path]) -> tuple[list[tuple[str, Path]], list[Problem]]:
    """Return image ids and photos in order of the ids, and the problems of other photos."""
    root = places[0] if len(places) == 1 and places[0].is_dir() else folder
    photos: dict[str, Path] = {}
    problems: list[Problem] = []
    for place in places:
        for photo in _photos_in(place):
            try:
                image_id = _id_of(photo, root, folder)
                _refuse_shared_labels(photo, photos.get(image_id))
                photos[image_id] = photo
            except EntryError as error:
                problems.append(error.problem)
    return sorted(photos.items()), problems


def _photos_in(place: Path) -> Iterator[Path]:
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.suffix.lower() in _PHOTO_ENDINGS and not path.name.startswith("."):
                yield path
        return
    for line in read_bounded(place, _MAX_LIST_BYTES).decode("utf-8-sig").splitlines():
        if line.strip():
            yield place.parent / line.strip()


def _id_of(photo: Path, root: Path, folder: Path) -> str:
    try:
        _refuse_outside(photo, folder)
        return _below(photo, root).with_suffix("").as_posix()
    except _UNFOLLOWED as error:
        what = f"the path cannot be followed ({error})"
        raise entry_error(ProblemKind.PHOTO_UNREADABLE, photo, what, "Unpack the dataset again.") from error


def _refuse_outside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        what = f"points outside {folder}"
        raise entry_error(ProblemKind.PHOTO_UNREADABLE, path, what, "Only files inside are read.")


def _below(path: Path, root: Path) -> Path:
    """Return the path relative to `root` as written; links inside the dataset keep their names."""
    if path.is_relative_to(root) and ".." not in path.parts:
        return path.relative_to(root)
    return path.resolve().relative_to(root.resolve())


def _refuse_shared_labels(photo: Path, other: Path | None) -> None:
    if other == photo:
        raise entry_error(ProblemKind.PHOTO_TWICE, photo, "the photo is listed twice", "Keep one line of it.")
    if other is not None:
        what = f"shares its label file with {other}"
        raise entry_error(ProblemKind.PHOTO_TWICE, photo, what, "Remove one of them.")


@dataclass(frozen=True, slots=True)
class _Read:
    labels: ImageLabels
    sha256: str
    problems: list[Problem]


def _find(folder: Path, settings: YoloSettings, place: str) -> Path:
    # Some exports write ../train/images for train/images.
    candidates = (settings.base / place, settings.base / place.removeprefix("../"))
    for path in candidates:
        if path.exists() and path.resolve().is_relative_to(folder.resolve()):
            return path
    raise DataError(
        f"{settings.path}: '{place[:200]}' does not exist in {folder}. Name a folder of photos or a .txt list in it."
    )


def _read_image(folder: Path, image_id: str, photo: Path, class_count: int) -> _Read:
    try:
        width, height = read_photo_size(photo)
    except ImageError as error:
        raise EntryError(unread_photo(photo, error)) from error
    path = _labels_of(photo, folder)
    _refuse_outside(path, folder)
    if not path.is_file():
        return _Read(ImageLabels(image_id, photo, width, height, (), LabelState.NONE), _sha256(b""), [])
    raw = read_bounded(path, _MAX_LABEL_BYTES)
    objects, problems = parse_labels(raw, path, class_count, width, height)
    state = LabelState.BROKEN if problems else LabelState.WHOLE
    return _Read(ImageLabels(image_id, photo, width, height, objects, state), _sha256(raw), problems)


def _labels_of(photo: Path, folder: Path) -> Path:
    """Replace the last images/ in the photo's path by labels/; without one, labels are beside the photos."""
    parts = list(_below(photo, folder).with_suffix(".txt").parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return folder.joinpath(*parts)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _labels_without_photo(folder: Path, place: Path, photos: list[tuple[str, Path]]) -> Iterator[Problem]:
    """Find label files without photos, if labels have their own folder."""
    if not place.is_dir() or "images" not in _below(place, folder).parts:
        return
    labels = _labels_of(place / "_", folder).parent
    if not labels.resolve().is_relative_to(folder.resolve()):
        return
    known = {_labels_of(photo, folder) for _, photo in photos}
    alone = [path for path in sorted(labels.rglob("*.txt")) if path not in known and path.name not in _NO_LABELS]
    if alone:
        what = f"{len(alone):,} label files have no photo, the first is {alone[0].relative_to(labels).as_posix()[:200]}"
        what = f"{what}: the photo is missing"
        yield Problem(ProblemKind.PHOTO_MISSING, str(labels), what, "Add the photo, or remove the file.")
