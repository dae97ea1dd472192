"""Label files: bounded reading with errors that name the file and the entry, and how ambiguous labels are read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    LabelState,
    Problem,
    ProblemKind,
    TrainVal,
    entry_error,
    json_hash,
    refuse_nothing_left,
    unreadable,
)
from splitlab.data.images import MAX_PIXELS
from splitlab.data.label_files.photo_index import Outside
from splitlab.errors import DataError, RunError
from splitlab.io import write_json

_MAX_LIST_BYTES = 10_000_000
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PLAIN_NAME = re.compile(r"\w[\w.-]{0,200}")
_SEPARATORS = re.compile(r"[/\\\x00-\x1f]")
_MOST_NAME_LETTERS = 200

_FILE_NAME = "splitlab.json"
_MAX_BYTES = 10_000


class Crowds(StrEnum):
    """What a label with `iscrowd` 1 means."""

    REGIONS = "regions"
    """A region of many objects, as in COCO: not a target."""
    OBJECTS = "objects"
    """One object: some tools write `iscrowd` 1 for every mask drawn with a brush."""


class WithoutLabels(StrEnum):
    """What a photo without labels means."""

    UNLABELLED = "unlabelled"
    """It was not labelled: splits leave it out."""
    BACKGROUND = "background"
    """It was labelled and shows no object."""


class HalfMasked(StrEnum):
    """Where an image may stand of whose objects only some have masks."""

    WEAK = "weak"
    """In W only; its masks are not used."""
    FULL = "full"
    """Also in F: the mask loss skips the objects without masks."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How ambiguous labels are read.

    By default, as COCO defines crowds, photos without labels as not labelled, half-masked images in W only, and no
    photos outside the folder.
    """

    crowds: Crowds = Crowds.REGIONS
    without_labels: WithoutLabels = WithoutLabels.UNLABELLED
    half_masked: HalfMasked = HalfMasked.WEAK
    outside: Outside = Outside.REFUSED


def printable(name: str) -> str:
    """Return a class name from a file with control characters and broken letters replaced: safe for a terminal and XML.

    Surrounding blanks are removed: they are invisible, and settings that list class names do not keep them.
    """
    return _NOT_PRINTABLE.sub("\N{REPLACEMENT CHARACTER}", name.strip())


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a file that should be small.

    Raises:
        EntryError: it is missing, unreadable or larger than `max_bytes`.
    """
    kind, again = ProblemKind.LABELS_UNREADABLE, "Unpack the dataset again."
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise entry_error(kind, path, "the file is missing", again) from error
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise entry_error(kind, path, what, "Check the path and its permissions.") from error
    if len(raw) > max_bytes:
        raise entry_error(kind, path, f"is larger than {max_bytes:,} bytes, too large for a label file", again)
    return raw


def decoded(raw: bytes, errors: str = "replace") -> str:
    """Return the text of a file: UTF-16 if it starts with its mark, as Windows writes it, else UTF-8.

    Bytes that are neither are replaced, or treated as `errors` says.
    """
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return raw.decode(encoding, errors)


def check_image_size(width: int, height: int, path: Path, whose: str) -> None:
    """Raise EntryError if a labelled size in pixels is below 1 or above the largest photo.

    `path` is the label file; `whose` names the image in the message.
    """
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise unreadable(
            path,
            f"{whose} is {width} x {height} pixels",
            f"Each side must be 1 or more, and all at most {MAX_PIXELS // 1_000_000} megapixels.",
        )


def _no_line_is_a_name(_line: str) -> bool:
    return False


def read_name_list(
    path: Path, is_name: Callable[[str], bool] = _no_line_is_a_name
) -> tuple[list[list[str]], list[Problem]]:
    """Read a list of images: one per line, the name first and then fields that depend on the format.

    Empty lines and lines that start with # are skipped. A line without slashes is a name as a whole if `is_name` says
    so, which allows for names with blanks.

    Returns:
        The words of each valid line, and the problems of the others: invalid or repeated names.

    Raises:
        DataError: the file is missing, too large, not text, or lists no images.
    """
    try:
        text = read_bounded(path, _MAX_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text. Unpack the dataset again.") from error
    stripped = [line.strip() for line in text.splitlines()]
    lines = [_words(line, is_name) for line in stripped if line and not line.startswith("#")]
    if not lines:
        raise DataError(f"{path} lists no images. Unpack the dataset again.")
    named: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for words in lines:
        name = words[0]
        if not _PLAIN_NAME.fullmatch(name) and not (" " in name and _is_file_name(name)):
            what = f"'{name[:80]}' is not an image name: letters, digits, '_', '.' and '-' only"
            problems.append(Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Correct the line."))
        elif name in named:
            problems.append(_twice(name, path))
        else:
            named[name] = words
    refuse_nothing_left(named, problems)
    return list(named.values()), problems


def _words(line: str, is_name: Callable[[str], bool]) -> list[str]:
    return [line] if " " in line and _is_file_name(line) and is_name(line) else line.split()


def _is_file_name(name: str) -> bool:
    return not name.startswith(".") and not _SEPARATORS.search(name) and len(name) <= _MOST_NAME_LETTERS


def find_repeats(names: Sequence[str], where: Path) -> list[Problem]:
    """Return a problem for each image that is listed more than once in `where`."""
    return [_twice(name, where) for name, count in Counter(names).items() if count > 1]


def load_reading(folder: Path) -> Reading:
    """Load how the labels of a dataset are to be read; the defaults if it was not set.

    Raises:
        DataError: the file is broken.
    """
    path = folder / _FILE_NAME
    if not path.is_file():
        return Reading()
    try:
        content = dict(json.loads(read_bounded(path, _MAX_BYTES)))
        # A file in an archive cannot know the folder's number on this disk, so it cannot ask to be followed.
        is_asked_here = content.pop("followed_from", None) == _number_of(folder)
        return Reading(
            Crowds(content.pop("crowds", Crowds.REGIONS)),
            WithoutLabels(content.pop("without_labels", WithoutLabels.UNLABELLED)),
            HalfMasked(content.pop("half_masked", HalfMasked.WEAK)),
            Outside.FOLLOWED if is_asked_here else Outside.REFUSED,
            **content,
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: is not a valid label reading ({str(error)[:200]}). Delete it.") from error


def save_reading(folder: Path, reading: Reading) -> Path:
    """Save how the labels of a dataset are to be read; return the file.

    Raises:
        DataError: the folder cannot be written.
    """
    path = folder / _FILE_NAME
    content = asdict(reading)
    if content.pop("outside") == Outside.FOLLOWED:
        content["followed_from"] = _number_of(folder)
    try:
        write_json(path, content)
    except RunError as error:
        raise DataError(f"{error} Or copy the dataset to a folder that can be written.") from error
    return path


def read_as(data: TrainVal, reading: Reading) -> TrainVal:
    """Return a dataset with its labels read in this way.

    Turning crowds into objects changes the labels and so `source_hash`; turning images into background does not.
    """
    if reading == Reading():
        return data
    return replace(data, train=_read_part(data.train, reading), val=_read_part(data.val, reading))


def with_background(dataset: Dataset) -> Dataset:
    """Return a subset whose unlabelled images count as background."""
    images = (replace(i, state=LabelState.WHOLE) if i.state == LabelState.NONE else i for i in dataset.images)
    return replace(dataset, images=tuple(images))


def _number_of(folder: Path) -> str:
    found = folder.stat()
    return f"{found.st_dev}:{found.st_ino}"


def _twice(name: str, where: Path) -> Problem:
    return Problem(ProblemKind.PHOTO_TWICE, str(where), f"image {name} is listed twice", "Take one of them out.")


def _read_part(dataset: Dataset, reading: Reading) -> Dataset:
    part = with_background(dataset) if reading.without_labels == WithoutLabels.BACKGROUND else dataset
    if reading.crowds == Crowds.OBJECTS:
        source_hash = json_hash([part.source_hash, Crowds.OBJECTS.value])
        part = replace(part, images=tuple(map(_without_crowds, part.images)), source_hash=source_hash)
    if reading.half_masked == HalfMasked.FULL:
        accepted = (_accepted(image) if image.is_half_masked else image for image in part.images)
        part = replace(part, images=tuple(accepted))
    return part


def _without_crowds(image: ImageLabels) -> ImageLabels:
    objects = (replace(label, is_crowd=False) if label.is_crowd else label for label in image.objects)
    return replace(image, objects=tuple(objects))


def _accepted(image: ImageLabels) -> ImageLabels:
    """Mark the objects without masks as learned from their boxes alone."""
    objects = (replace(label, is_box_only=label.is_box_only or label.mask is None) for label in image.objects)
    return replace(image, objects=tuple(objects))
