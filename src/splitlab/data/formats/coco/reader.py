"""COCO: one JSON file per subset, and the folders in which tools put photos."""

from __future__ import annotations

import hashlib
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from splitlab.data.dataset import (
    Box,
    Dataset,
    EntryError,
    ImageId,
    ImageLabels,
    LabelState,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
    json_hash,
    refuse_nothing_left,
    unreadable,
)
from splitlab.data.formats.coco.classes import ClassTable, class_table, coco_id
from splitlab.data.formats.coco.files import label_files, read_labels
from splitlab.data.formats.coco.objects import ODD_ENTRY, entry_name, has_box_in_fractions, read_object, stated_box
from splitlab.data.images import read_size, unread_photo
from splitlab.data.label_files.photo_index import Outside, PhotoIndex
from splitlab.data.label_files.records import labelled_size
from splitlab.data.reading import check_image_size, printable
from splitlab.errors import DataError, ImageError

_LICENCE_LETTERS = 300  # longer texts are shortened, because cards and pages show them


def read_coco_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read the COCO files of each part; see `label_files` for their names.

    Photos are found by the end of their `file_name`. Classes are those of train by id, then others of val; a group that
    Roboflow lists as a class is left out. Entries that cannot be read are in `Dataset.problems`. An image without
    annotations counts as not labelled, unless it has `"labelled": true`, an extension of SplitLab. Photos beside those
    of train that no file lists are not labelled either.

    Raises:
        DataError: the folder or its labels are missing, a file is not JSON, its categories contradict each other, no
            image of it can be read, or two files of one part label the same photo.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Give the folder that holds instances_train.json and images/.")
    found = label_files(folder)
    files = {part: [_LabelFile.read(part, path) for path in found[part]] for part in ("train", "val") if part in found}
    photos = PhotoIndex(folder, outside)
    table = class_table({file.path: file.content for of_part in files.values() for file in of_part})
    parts = {part: _joined([_read_part(file, photos, table) for file in found], found) for part, found in files.items()}
    train = parts["train"]
    val = parts.get("val") or replace(train, images=(), problems=(), source_hash=json_hash([train.source_hash, "none"]))
    unlisted = _unlisted(photos, (*train.images, *val.images), found.get("test", []))
    notes = ["The test part is not used."] if "test" in found else []
    notes += [
        f"{path.name} is not used: its name means no part, and other files are train." for path in found.get("", [])
    ]
    return TrainVal(replace(train, images=(*train.images, *unlisted)), val, notes=tuple(notes))


@dataclass(frozen=True)
class _LabelFile:
    """One part's file."""

    part: str
    path: Path
    content: dict[str, Any]
    sha256: str

    @classmethod
    def read(cls, part: str, path: Path) -> _LabelFile:
        raw, content = read_labels(path)
        return cls(part, path, content, hashlib.sha256(raw).hexdigest())


def _joined(parts: list[Dataset], files: list[_LabelFile]) -> Dataset:
    """Join the files of one part: CVAT writes one for each subset of a project."""
    if len(parts) == 1:
        return parts[0]
    of_photo: dict[Path, _LabelFile] = {}
    for part, file in zip(parts, files, strict=True):
        for image in part.images:
            other = of_photo.setdefault(image.path, file)
            if other is not file:
                raise DataError(f"{other.path} and {file.path} both label {image.path.name} for {file.part}. Keep one.")
    named = [
        (f"{file.path.stem}/{image.image_id}", image)
        for part, file in zip(parts, files, strict=True)
        for image in part.images
    ]
    ids = [image.image_id for _, image in named]
    are_distinct = len(set(ids)) == len(ids)
    return replace(
        parts[0],
        images=tuple(image if are_distinct else replace(image, image_id=name) for name, image in named),
        source_hash=json_hash([part.source_hash for part in parts]),
        problems=tuple(problem for part in parts for problem in part.problems),
    )


def _read_part(file: _LabelFile, photos: PhotoIndex, table: ClassTable) -> Dataset:
    try:
        return _to_dataset(file, photos, table)
    except ODD_ENTRY as error:
        raise DataError(
            f"{file.path}: an entry is not valid COCO ({type(error).__name__}: {error}). "
            "See cocodataset.org/#format-data for the fields that images, annotations and categories need."
        ) from error


def _to_dataset(file: _LabelFile, photos: PhotoIndex, table: ClassTable) -> Dataset:
    content, index_of = file.content, table.index_of[file.path]
    by_image, problems = _by_image(content["annotations"], file.path)
    reader = _ImageReader(file, photos, index_of)
    images, unread = reader.read(content["images"], by_image)
    refuse_nothing_left(images, unread)
    problems = [*unread, *problems, *_of_no_image(by_image, images, file.path)]
    own_hash = file.sha256 if table.is_of(file.path) else json_hash([file.sha256, table.names])
    return Dataset(
        name=photos.root.resolve().name,
        class_names=table.names,
        category_ids=table.category_ids,
        images=tuple(images[key] for key in sorted(images, key=_order)),
        source_hash=own_hash,
        licence=_licence(content),
        problems=(
            *table.problems[file.path],
            *problems,
            *reader.found,
            *_in_fractions(reader.in_fractions, content, file.path),
        ),
    )


def _order(image_id: ImageId) -> tuple[bool, ImageId]:
    return isinstance(image_id, str), image_id


def _by_image(annotations: list[Any], path: Path) -> tuple[dict[ImageId, list[dict[str, Any]]], list[Problem]]:
    """Group annotations by their image; return the problems of those that name none."""
    grouped: dict[ImageId, list[dict[str, Any]]] = defaultdict(list)
    problems: list[Problem] = []
    for annotation in annotations:
        try:
            grouped[coco_id(annotation["image_id"])].append(annotation)
        except ODD_ENTRY as error:
            what = f"{entry_name(annotation)} is not valid COCO ({type(error).__name__}: {error})"
            problems.append(unreadable(path, what, "It needs an image_id.").problem)
    return grouped, problems


def _of_no_image(
    by_image: dict[ImageId, list[dict[str, Any]]], images: dict[ImageId, ImageLabels], path: Path
) -> list[Problem]:
    return [
        unreadable(
            path,
            f"{entry_name(annotation)} is of image {image_id}, which is not in 'images' or cannot be read",
            "Add the image, or remove the annotation.",
        ).problem
        for image_id, annotations in by_image.items()
        if image_id not in images
        for annotation in annotations
    ]


class _ImageReader:
    """Reads the images of one file with their objects; collects the problems of objects."""

    def __init__(self, file: _LabelFile, photos: PhotoIndex, index_of: dict[ImageId, int]) -> None:
        self._path = file.path
        self._photos = photos
        self._index_of = index_of
        self._near = _places(file, photos.root)
        self.found: list[Problem] = []
        self.in_fractions: list[dict[str, Any]] = []

    def read(
        self, entries: list[Any], by_image: dict[ImageId, list[dict[str, Any]]]
    ) -> tuple[dict[ImageId, ImageLabels], list[Problem]]:
        """Return the images by id, and the problems of entries that cannot be read."""
        images: dict[ImageId, ImageLabels] = {}
        problems: list[Problem] = []
        for entry in entries:
            try:
                image_id = _id_of(entry, self._path)
                if image_id in images:
                    what = f"image id {image_id} is listed twice"
                    raise unreadable(self._path, what, "Give each image an id of its own.")
                images[image_id] = self._read_image(image_id, entry, by_image.get(image_id, []))
            except EntryError as error:
                problems.append(error.problem)
        return images, problems

    def _read_image(self, image_id: ImageId, entry: dict[str, Any], annotations: list[dict[str, Any]]) -> ImageLabels:
        try:
            photo = self._photos.find(_file_name(entry), self._near, self._path)
            stated = _stated_size(entry)
        except (*ODD_ENTRY, OSError) as error:
            raise _not_valid(entry, error, self._path) from error
        boxes: Iterable[Box] = [box for box in map(stated_box, annotations) if box is not None]
        try:
            width, height = labelled_size(photo, stated, boxes)
        except ImageError as error:
            raise EntryError(unread_photo(photo, error)) from error
        check_image_size(width, height, self._path, f"image {image_id}")
        objects, is_broken = self._read_objects(annotations, height, width)
        # COCO does not say whether an image without annotations was labelled.
        unlabelled = LabelState.WHOLE if entry.get("labelled") is True else LabelState.NONE
        state = LabelState.BROKEN if is_broken else LabelState.WHOLE if objects else unlabelled
        return ImageLabels(image_id, photo, width, height, objects, state)

    def _read_objects(
        self, annotations: list[dict[str, Any]], height: int, width: int
    ) -> tuple[tuple[ObjectLabel, ...], bool]:
        """Return the objects, and whether an annotation is lost or its box cannot be trusted."""
        objects: list[ObjectLabel] = []
        is_broken = False
        for annotation in annotations:
            try:
                label, found = read_object(annotation, self._index_of, height, width, self._path)
            except EntryError as error:
                self.found.append(error.problem)
                is_broken = True
                continue
            objects.append(label)
            self.found += found
            if has_box_in_fractions(annotation):
                self.in_fractions.append(annotation)
                is_broken = True
        return tuple(objects), is_broken


def _id_of(entry: Any, path: Path) -> ImageId:
    try:
        return coco_id(entry["id"])
    except ODD_ENTRY as error:
        raise _not_valid(entry, error, path) from error


def _not_valid(entry: Any, error: Exception, path: Path) -> EntryError:
    named = f"image {entry.get('id')}" if isinstance(entry, dict) else "an image"
    what = f"{named} is not valid COCO ({type(error).__name__}: {error})"
    return unreadable(path, what, "It needs id and file_name, and width and height in pixels.")


def _file_name(entry: dict[str, Any]) -> str:
    name = entry["file_name"]
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise ValueError(f"file_name is {name!r:.80}")
    return name


def _stated_size(entry: dict[str, Any]) -> tuple[int, int] | None:
    """Return the stated size; None if it is missing or 0, as some tools write it."""
    width, height = (int(entry.get(side) or 0) for side in ("width", "height"))
    return None if (width, height) == (0, 0) else (width, height)


def _places(file: _LabelFile, root: Path) -> list[Path]:
    """Return the folders that a file's photos may be in, the most likely first."""
    own_name = file.path.stem.partition("_")[2] or file.path.stem
    names = (own_name, file.part, f"images/{own_name}", f"images/{file.part}", "images", "data")
    places = [place for place in (root / name for name in names) if place.is_dir()]
    return [*places, file.path.parent] if file.path.parent != root / "annotations" else [*places, root]


def _unlisted(photos: PhotoIndex, images: Iterable[ImageLabels], test: list[Path]) -> list[ImageLabels]:
    """Return the photos beside those of train that no file lists, as not labelled."""
    listed = {image.path for image in images}
    folders = {path.parent for path in listed}
    others = [path for path in photos.photos() if path not in listed and path.parent in folders]
    if others and test:
        entries = [entry for file in test for entry in read_labels(file)[1]["images"]]
        names = {str(entry.get("file_name")).rpartition("/")[2] for entry in entries if isinstance(entry, dict)}
        others = [path for path in others if path.name not in names]
    found = []
    for path in others:
        try:
            width, height = read_size(path).upright
        except ImageError:
            continue  # some tools leave previews and lists of colours there
        image_id = path.relative_to(photos.root).as_posix()
        found.append(ImageLabels(image_id, path, width, height, (), LabelState.NONE))
    return found


def _in_fractions(annotations: list[dict[str, Any]], content: dict[str, Any], path: Path) -> list[Problem]:
    if not annotations:
        return []
    what = (
        f"{len(annotations):,} of {len(content['annotations']):,} boxes lie in 0..1, the first in "
        f"{entry_name(annotations[0])}: COCO boxes are in pixels, not in fractions of the image"
    )
    return [Problem(ProblemKind.BOX_IN_FRACTIONS, str(path), what, "Export the boxes in pixels.")]


def _licence(content: dict[str, Any]) -> str:
    """Return the licence of the file, or of its photos as in COCO's own files; empty if none is stated."""
    info, licences = content.get("info"), content.get("licenses")
    if isinstance(info, dict) and (stated := info.get("license")):
        return _shown(stated)
    used = {str(image.get("license")) for image in content["images"] if isinstance(image, dict)}
    known = [one for one in licences if isinstance(one, dict)] if isinstance(licences, list) else []
    return _shown(", ".join(str(one["name"]) for one in known if one.get("name") and str(one.get("id")) in used))


def _shown(licence: object) -> str:
    return textwrap.shorten(printable(str(licence)), _LICENCE_LETTERS, placeholder=" …")
