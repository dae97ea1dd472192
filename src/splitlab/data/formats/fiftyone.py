"""FiftyOne: its exports of whole datasets, and its own format for detections.

See docs.voxel51.com/user_guide/export_datasets.html.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitlab.data.dataset import EntryError, LabelState, Problem, TrainVal, json_hash, unreadable
from splitlab.data.formats.fiftyone_objects import LABEL_KINDS, labels_in, read_label
from splitlab.data.images import PHOTO_ENDINGS, read_size, unread_photo
from splitlab.data.label_files.entries import ODD_ENTRY, as_list, no_areas, number, peeked, read_json, text
from splitlab.data.label_files.photo_index import Outside, PhotoIndex
from splitlab.data.label_files.records import Record, Shape, dataset_of, part_of, part_of_folders
from splitlab.data.reading import check_image_size
from splitlab.errors import DataError, ImageError

NAME = "FiftyOne"

_MAX_BYTES, _MAX_METADATA_BYTES = 300_000_000, 10_000_000
_LABELS, _SAMPLES, _METADATA, _PHOTOS = "labels.json", "samples.json", "metadata.json", "data"
_TRUTH = "ground_truth"


def is_fiftyone_folder(folder: Path) -> bool:
    """Return whether an export of FiftyOne is in the folder or up to two levels below it."""
    return any(_is_fiftyone(path, said) for path, said in peeked(folder, ".json"))


def read_fiftyone_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read the exports in a folder and below it: `samples.json` of a dataset, or `labels.json` of detections.

    Folders and tags called train, val and test are the parts. Masks of detections and closed polylines are outlines. Of
    several label fields, `ground_truth` is read, else the only one without confidences. A photo whose labels are null
    is not labelled; one with an empty list is background.

    Raises:
        DataError: the folder cannot be listed, has no such file, has several label fields of which any may be meant, or
            no photo can be read.
    """
    photos = PhotoIndex(folder, outside)
    files = [path for path in photos.files(".json") if path.name in (_LABELS, _SAMPLES)]
    if not files:
        raise DataError(f"{folder} has no {_SAMPLES} and no {_LABELS}. Export the dataset as FiftyOneDataset.")
    found: list[Record | Problem] = []
    class_names: list[str] = []
    for path in files:
        try:
            names, entries = _read_file(path)
        except EntryError as error:
            found.append(error.problem)
            continue
        class_names += names
        found += (_record_or_problem(entry, names, path, photos) for entry in entries)
    return dataset_of(photos, NAME, found, class_names)


def _is_fiftyone(path: Path, said: bytes) -> bool:
    if path.name == _SAMPLES:
        return b'"samples"' in said and b'"filepath"' in said
    return path.name == _LABELS and b'"labels"' in said and b'"classes"' in said and b'"categories"' not in said


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is said of one photo, unchecked; `labels` is None if it is not labelled."""

    photo: Any
    where: str
    labels: Any
    tags: Any = None
    metadata: Any = None


def _read_file(path: Path) -> tuple[list[str], list[_Entry]]:
    """Return the declared classes, and what is said of each photo."""
    content = read_json(path, _MAX_BYTES)
    try:
        if path.name == _LABELS:
            names = [text(name) for name in as_list(content["classes"])]
            return names, [_Entry(key, f"photo {key[:80]!r}", found) for key, found in content["labels"].items()]
        samples = [sample for sample in as_list(content["samples"]) if isinstance(sample, dict)]
        field = _label_field(samples, path)
        return _declared(path.with_name(_METADATA), field), [
            _Entry(
                sample.get("filepath"),
                f"sample {place}",
                None if sample.get(field) is None else labels_in(sample[field]),
                sample.get("tags"),
                sample.get("metadata"),
            )
            for place, sample in enumerate(samples, start=1)
        ]
    except ODD_ENTRY as error:
        what = f"is not an export of FiftyOne ({type(error).__name__}: {str(error)[:200]})"
        raise unreadable(path, what, "Export the dataset again.") from error


def _label_field(samples: list[dict[str, Any]], path: Path) -> str:
    """Return the name of the field with the labels that people drew."""
    fields: Counter[str] = Counter()
    predicted: set[str] = set()
    for sample in samples:
        for name, value in sample.items():
            if isinstance(value, dict) and value.get("_cls") in LABEL_KINDS:
                fields[name] += 1
                if any(isinstance(one, dict) and one.get("confidence") is not None for one in labels_in(value)):
                    predicted.add(name)
    drawn = [name for name in fields if name not in predicted] or list(fields)
    if _TRUTH in fields or not drawn:
        return _TRUTH
    if len(drawn) > 1:
        shown = ", ".join(name[:40] for name in sorted(drawn)[:6])
        raise DataError(f"{path}: has the label fields {shown}. Export only one of them, or call it {_TRUTH}.")
    return drawn[0]


def _declared(path: Path, field: str) -> list[str]:
    """Return the classes that a dataset's metadata declares, in their order; none if it does not."""
    try:
        info = read_json(path, _MAX_METADATA_BYTES)["info"]
        return [text(name) for name in info.get("classes", {}).get(field) or info.get("default_classes") or []]
    except (EntryError, *ODD_ENTRY):
        return []


def _record_or_problem(entry: _Entry, names: list[str], path: Path, photos: PhotoIndex) -> Record | Problem:
    try:
        photo = _photo_of(text(entry.photo), path, photos)
        size = _size_of(entry.metadata, photo)
        check_image_size(*size, path, entry.where)
        shapes, problems = _read_labels(entry, names, path, photos, size)
        tags = [part for tag in as_list(entry.tags) if isinstance(tag, str) and (part := part_of(tag))]
        digest = json_hash([entry.labels, names])
    except ImageError as error:
        return unread_photo(photo, error)
    except EntryError as error:
        return error.problem
    except ODD_ENTRY as error:
        what = f"{entry.where} cannot be read ({type(error).__name__}: {str(error)[:200]})"
        return unreadable(path, what, "Export it again.").problem
    folder_part = part_of_folders(photo, photos.root) or part_of_folders(path, photos.root)
    return Record(
        path,
        photo,
        tuple(shapes),
        size,
        tags[0] if tags else folder_part,
        LabelState.NONE if entry.labels is None else LabelState.WHOLE,
        digest,
        tuple(problems),
    )


def _photo_of(stated: str, path: Path, photos: PhotoIndex) -> Path:
    """Return the photo of a path, or of one without its ending, as in labels.json."""
    near = [path.parent / _PHOTOS, path.parent]
    found = photos.look_up(stated, near, path)
    if found is not None and found.suffix.lower() in PHOTO_ENDINGS:
        return found
    for ending in PHOTO_ENDINGS:
        found = photos.look_up(f"{stated}{ending}", near, path)
        if found is not None:
            return found
    return photos.find(stated, near, path)


def _size_of(metadata: Any, photo: Path) -> tuple[int, int]:
    if isinstance(metadata, dict) and metadata.get("width") and metadata.get("height"):
        return int(number(metadata["width"])), int(number(metadata["height"]))
    return read_size(photo).upright


def _read_labels(
    entry: _Entry, names: list[str], path: Path, photos: PhotoIndex, size: tuple[int, int]
) -> tuple[list[Shape], list[Problem]]:
    shapes: list[Shape] = []
    problems: list[Problem] = []
    strokes: list[str] = []
    for place, label in enumerate(as_list(entry.labels), start=1):
        where = f"{entry.where}: label {place}"
        try:
            shape = read_label(label, where, names, path, photos, size)
            if shape is None:
                strokes.append("open polyline")
            else:
                shapes.append(shape)
        except EntryError as error:
            problems.append(error.problem)
        except ODD_ENTRY as error:
            what = f"{where} cannot be read ({type(error).__name__}: {str(error)[:200]})"
            problems.append(unreadable(path, what, "Correct it, or remove it.").problem)
    return shapes, [*problems, *no_areas(strokes, path, f"{entry.where}: ")]
