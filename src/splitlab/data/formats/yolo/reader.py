"""YOLO datasets as Ultralytics, CVAT, Roboflow and Label Studio write them: a text file of labels for each photo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from splitlab.data.dataset import (
    Dataset,
    EntryError,
    ImageLabels,
    LabelState,
    Problem,
    ProblemKind,
    TrainVal,
    json_hash,
    refuse_nothing_left,
)
from splitlab.data.formats.yolo.heads import CLASS_LISTS, find_head
from splitlab.data.formats.yolo.lines import parse_labels
from splitlab.data.formats.yolo.settings import YoloSettings, read_settings
from splitlab.data.images import read_photo_size, unread_photo
from splitlab.data.label_files.photo_index import Outside, PhotoIndex, folded
from splitlab.data.reading import decoded, read_bounded
from splitlab.errors import DataError, ImageError

_FORMAT = "YOLO"
_MAX_LABEL_BYTES = 10_000_000
_MAX_LIST_BYTES = 50_000_000
# Text files that tools write beside the labels.
_NO_LABELS = (*CLASS_LISTS, "notes.txt", "readme.txt", "train.txt", "val.txt", "valid.txt", "test.txt")
# Where photos of a part are if the head does not say.
_USUAL = ("images/{part}", "{part}/images", "{part}")
_SPELLINGS = {"train": ("train",), "val": ("val", "valid", "validation")}
_LEAST_TAIL = 2
_UNFOLLOWED = (OSError, ValueError, RuntimeError)
"""Raised for names with a NUL, cyclic links and folders without permission."""


def read_yolo_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read a YOLO dataset.

    Each part is a folder of photos, a .txt list of them, or several of those; paths of another machine are found by
    their end. Without a statement, train is every photo. The labels of `images/a/b.jpg` are `labels/a/b.txt`, else
    `b.txt` beside the photo; if no photo has such a file, the only one called as the photo. An empty file means
    background, a missing one not labelled. An image's id is its photo's path without the ending, relative to the part's
    only folder, else to `folder`. Sizes come from the photos' headers. Without a file that names the classes, they are
    called by their numbers.
    `source_hash` covers class names, ids and label files. Photos and lines that cannot be read are in
    `Dataset.problems`.

    Raises:
        DataError: the head is missing or broken, train is not there, or no photo of a part can be read.
    """
    try:
        path = find_head(folder)
        if path is None:
            raise DataError(
                f"{folder} has no data.yaml, nor one YAML file with 'names' and 'train', nor obj.data, nor classes.txt "
                "with labels/. Put one there."
            )
        photos = PhotoIndex(folder, outside)
        settings = read_settings(path, photos)
        reader = _Reader(photos, settings)
        train_places, val_places = reader.places("train"), reader.places("val")
        if not train_places:
            stated = settings.train[0][:200] if settings.train else "images"
            raise DataError(f"{path}: '{stated}' does not exist in {folder}. Put the photos of train there.")
        if val_places == train_places:
            val_places = []
        train = reader.read(train_places)
        train = replace(train, problems=(*settings.problems, *train.problems))
        val = reader.read(val_places) if val_places else reader.empty()
    except _UNFOLLOWED as error:
        raise DataError(f"{folder}: a path in it cannot be followed ({error}). Unpack the dataset again.") from error
    return TrainVal(train, val, _FORMAT, tuple(_notes(settings, val_places)))


def _notes(settings: YoloSettings, val_places: list[Path]) -> Iterator[str]:
    if settings.has_test:
        yield "The test part is not used."
    if settings.val and not val_places:
        yield f"{settings.path.name} names '{settings.val[0][:200]}' for val, which is not in the folder."


class _Reader:
    """Reads the parts of a dataset."""

    def __init__(self, photos: PhotoIndex, settings: YoloSettings) -> None:
        self._photos = photos
        self._settings = settings

    def places(self, part: str) -> list[Path]:
        """Return the folders and lists of a part; empty if it is not there."""
        stated = self._settings.train if part == "train" else self._settings.val
        found = [self._place(place) for place in stated]
        if stated and all(found):
            return [place for place in found if place is not None]
        usual = (pattern.format(part=name) for pattern in _USUAL for name in _SPELLINGS[part])
        folder = next((place for name in usual if self._has_photos(place := self._photos.root / name)), None)
        if folder is not None:
            return [folder]
        if part == "val" or self._settings.train:
            return []
        images = self._photos.root / "images"
        return [images if self._has_photos(images) else self._photos.root]

    def _has_photos(self, folder: Path) -> bool:
        return folder.is_dir() and bool(self._photos.photos(folder))

    def _place(self, stated: str) -> Path | None:
        """Find a folder or list: as written, else by the longest tail that only one has."""
        for place in (self._settings.base / stated, self._settings.base / stated.removeprefix("../")):
            if "\0" not in stated and place.is_relative_to(self._photos.root) and ".." not in place.parts:
                if place.is_dir():
                    return place
                if (name := _file_name(place, self._photos)) is not None:
                    return name
        if stated.lower().endswith(".txt"):
            return self._photos.look_up(stated, [self._settings.base], self._settings.path)
        return self._photos.folder(stated)

    def empty(self) -> Dataset:
        """Return a part without images."""
        return self._dataset([], [])

    def read(self, places: list[Path]) -> Dataset:
        """Read the photos of a part with their labels."""
        named, problems = self._name_photos(places)
        read: list[_Read] = []
        for image_id, photo in named:
            try:
                image = self._read_image(image_id, photo)
            except EntryError as error:
                problems.append(error.problem)
            else:
                read.append(image)
                problems += image.problems
        if not named and not problems:
            raise DataError(f"{self._settings.path}: there are no photos in {places[0]}. Put them there.")
        refuse_nothing_left(read, problems)
        known = {folded(_labels_name(photo, self._photos.root)) for _, photo in named}
        problems += [problem for place in places for problem in self._labels_without_photo(place, known)]
        return self._dataset(read, problems)

    def _dataset(self, read: list[_Read], problems: list[Problem]) -> Dataset:
        names = self._settings.class_names
        return Dataset(
            name=self._photos.root.resolve().name,
            class_names=names,
            # COCO keeps 0 for the background.
            category_ids=tuple(range(1, len(names) + 1)),
            images=tuple(image.labels for image in read),
            source_hash=json_hash([names, [(image.labels.image_id, image.sha256) for image in read]]),
            licence=self._settings.licence,
            problems=tuple(problems),
        )

    def _name_photos(self, places: list[Path]) -> tuple[list[tuple[str, Path]], list[Problem]]:
        """Return image ids and photos in order of the ids, and the problems of other photos."""
        root = places[0] if len(places) == 1 and places[0].is_dir() else self._photos.root
        named: dict[str, Path] = {}
        problems: list[Problem] = []
        for place in places:
            listed, unfound = self._photos_in(place)
            problems += unfound
            for photo in listed:
                image_id = _id_of(photo, root, self._photos.root)
                if (shared := named.get(image_id)) is not None:
                    problems.append(_shares_labels(photo, shared))
                else:
                    named[image_id] = photo
        return sorted(named.items()), problems

    def _photos_in(self, place: Path) -> tuple[list[Path], list[Problem]]:
        if place.is_dir():
            return self._photos.photos(place), self._photos.left_out(place)
        photos: list[Path] = []
        problems: list[Problem] = []
        text = decoded(read_bounded(place, _MAX_LIST_BYTES))
        near = [place.parent, self._settings.base]
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                photos.append(self._photos.find(line.strip(), near, Path(f"{place}, line {number}")))
            except EntryError as error:
                problems.append(error.problem)
        return photos, problems

    def _read_image(self, image_id: str, photo: Path) -> _Read:
        try:
            width, height = read_photo_size(photo)
        except ImageError as error:
            raise EntryError(unread_photo(photo, error)) from error
        path = self._labels_of(photo)
        if path is None:
            return _Read(ImageLabels(image_id, photo, width, height, (), LabelState.NONE), _sha256(b""), [])
        raw = read_bounded(path, _MAX_LABEL_BYTES)
        objects, problems = parse_labels(raw, path, len(self._settings.class_names), width, height)
        state = LabelState.BROKEN if problems else LabelState.WHOLE
        return _Read(ImageLabels(image_id, photo, width, height, objects, state), _sha256(raw), problems)

    def _labels_of(self, photo: Path) -> Path | None:
        return self._beside(photo) or (self._photos.namesake(photo, ".txt") if self._are_elsewhere else None)

    @cached_property
    def _are_elsewhere(self) -> bool:
        """Whether no photo has a label file where tools put it."""
        return not any(self._beside(photo) for photo in self._photos.photos())

    def _beside(self, photo: Path) -> Path | None:
        root = self._photos.root
        if not photo.is_relative_to(root):
            beside = Path(*_in_labels(photo.parts)).with_suffix(".txt")
            return beside if beside.is_file() else None
        name = photo.relative_to(root).with_suffix(".txt").as_posix()
        own = self._photos.file(_labels_name(photo, root)) or self._photos.file(name)
        # A folder of another name in place of images/: photos/train/a.jpg has labels/train/a.txt.
        return own or self._photos.file_by_tail(name, _LEAST_TAIL)

    def _labels_without_photo(self, place: Path, known: set[str]) -> Iterator[Problem]:
        """Find label files without photos, if labels have their own folder."""
        if not place.is_dir() or "images" not in place.relative_to(self._photos.root).parts or self._are_elsewhere:
            return
        folder = Path(self._photos.root, _labels_name(place / "_", self._photos.root)).parent
        files = [path for path in self._photos.files(".txt") if path.is_relative_to(folder)]
        names = [path.relative_to(self._photos.root).as_posix() for path in files]
        alone = [name for name in names if folded(name) not in known and Path(name).name.lower() not in _NO_LABELS]
        if alone:
            first = (self._photos.root / alone[0]).relative_to(folder).as_posix()[:200]
            what = f"{len(alone):,} label files have no photo, the first is {first}: the photo is missing"
            yield Problem(ProblemKind.PHOTO_MISSING, str(folder), what, "Add the photo, or remove the file.")


@dataclass(frozen=True, slots=True)
class _Read:
    labels: ImageLabels
    sha256: str
    problems: list[Problem]


def _file_name(place: Path, photos: PhotoIndex) -> Path | None:
    return photos.file(place.relative_to(photos.root).as_posix()) if place.suffix.lower() == ".txt" else None


def _id_of(photo: Path, root: Path, folder: Path) -> str:
    for place in (root, folder):
        if photo.is_relative_to(place):
            return photo.relative_to(place).with_suffix("").as_posix()
    return photo.with_suffix("").as_posix()


def _shares_labels(photo: Path, other: Path) -> Problem:
    if other == photo:
        return Problem(ProblemKind.PHOTO_TWICE, str(photo), "the photo is listed twice", "Keep one line of it.")
    what = f"shares its label file with {other}"
    return Problem(ProblemKind.PHOTO_TWICE, str(photo), what, "Remove one of them.")


def _labels_name(photo: Path, root: Path) -> str:
    """Return the path of a photo's labels, relative to the root: the last images/ replaced by labels/."""
    parts = photo.relative_to(root).parts if photo.is_relative_to(root) else photo.parts
    return Path(*_in_labels(parts)).with_suffix(".txt").as_posix()


def _in_labels(parts: tuple[str, ...]) -> tuple[str, ...]:
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    return (*parts[: places[-1]], "labels", *parts[places[-1] + 1 :]) if places else parts


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
