"""Label files: how ambiguous labels are read, and errors that name the file and the place in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    LabelState,
    Problem,
    ProblemKind,
    TrainVal,
    entry_error,
    refuse_nothing_left,
)
from splitlab.data.images import MAX_PIXELS
from splitlab.errors import DataError

_MAX_LIST_BYTES = 10_000_000
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"\w[\w.-]{0,200}")


def printable(name: str) -> str:
    """Return a class name of a file as a terminal may show it: what steers one, or is half a letter, is replaced.

    Blanks around it are left out: nobody sees them, and settings that list class names do not keep them.
    """
    return _NOT_PRINTABLE.sub("\N{REPLACEMENT CHARACTER}", name.strip())


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a file that must be small.

    Raises:
        EntryError: it is missing, cannot be read, or is larger than `max_bytes`.
    """
    kind, again = ProblemKind.LABELS_UNREADABLE, "Unpack the data set again."
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise entry_error(kind, path, "the file is missing", again) from error
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise entry_error(kind, path, what, "Check the path and its permissions.") from error
    if len(raw) > max_bytes:
        raise entry_error(kind, path, f"is larger than {max_bytes:,} bytes, so it is no label file", again)
    return raw


def check_image_size(width: int, height: int, path: Path, whose: str) -> None:
    """Refuse a size in pixels that no photo may have.

    Args:
        width: as the labels state it, pixels.
        height: likewise.
        path: the label file.
        whose: the image, as the message names it.

    Raises:
        EntryError: a side is below 1, or the photo would be too large.
    """
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise entry_error(
            ProblemKind.LABELS_UNREADABLE,
            path,
            f"{whose} is {width} x {height} pixels",
            f"Each side must be 1 or more, and all at most {MAX_PIXELS // 1_000_000} megapixels.",
        )


def read_name_list(path: Path) -> tuple[list[list[str]], list[Problem]]:
    """Read a list of images: each line an image's name, then whatever else the format says of it.

    Empty lines and lines that start with # are passed over.

    Returns:
        The words of each line, the name first. Then what is wrong with the other lines: a name leads out of its folder
        or stands twice.

    Raises:
        DataError: the file is missing, too large, no text, or names no image.
    """
    try:
        text = read_bounded(path, _MAX_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8. Unpack the data set again.") from error
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"{path} names no image. Unpack the data set again.")
    named: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for words in lines:
        name = words[0]
        if not _PLAIN_NAME.fullmatch(name):
            what = f"'{name[:80]}' is no image name: letters, digits, '_', '.' and '-' only"
            problems.append(Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Correct the line."))
        elif name in named:
            problems.append(_twice(name, path))
        else:
            named[name] = words
    refuse_nothing_left(named, problems)
    return list(named.values()), problems


def find_repeats(names: Sequence[str], where: Path) -> list[Problem]:
    """Return a problem for each image that is named again; it names the image and `where`."""
    return [_twice(name, where) for name, count in Counter(names).items() if count > 1]


def _twice(name: str, where: Path) -> Problem:
    return Problem(ProblemKind.PHOTO_TWICE, str(where), f"image {name} stands there twice", "Take one of them out.")


_FILE_NAME = "splitlab.json"
_MAX_BYTES = 10_000


class Crowds(StrEnum):
    """What a label with `iscrowd` 1 is."""

    REGIONS = "regions"
    """A region of many objects, as COCO has it: no target."""
    OBJECTS = "objects"
    """One object: some tools write `iscrowd` 1 with every mask that was drawn by brush."""


class WithoutLabels(StrEnum):
    """What a photo without any label is."""

    UNLABELLED = "unlabelled"
    """Nobody looked at it: no split draws it."""
    BACKGROUND = "background"
    """Somebody looked at it, and it shows no object."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How labels are read; without a word, as COCO has crowds, and a photo without labels is not labelled."""

    crowds: Crowds = Crowds.REGIONS
    without_labels: WithoutLabels = WithoutLabels.UNLABELLED


def load_reading(folder: Path) -> Reading:
    """Read how the labels of a data set are to be read; the usual way where nobody said.

    Raises:
        DataError: the file is broken.
    """
    path = folder / _FILE_NAME
    if not path.is_file():
        return Reading()
    try:
        content = dict(json.loads(read_bounded(path, _MAX_BYTES)))
        return Reading(
            Crowds(content.pop("crowds", Crowds.REGIONS)),
            WithoutLabels(content.pop("without_labels", WithoutLabels.UNLABELLED)),
            **content,
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: does not say how to read labels ({str(error)[:200]}). Delete it.") from error


def save_reading(folder: Path, reading: Reading) -> Path:
    """Keep how the labels of a data set are to be read; return the file.

    Raises:
        DataError: the folder cannot be written.
    """
    path = folder / _FILE_NAME
    try:
        path.write_text(json.dumps(asdict(reading)) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}). Copy the data set to where it can.") from error
    return path


def read_as(data: TrainVal, reading: Reading) -> TrainVal:
    """Return a data set with its labels read in this way.

    Crowds that become objects are other labels, so they change `source_hash`; images that become background do not.
    """
    if reading == Reading():
        return data
    return replace(data, train=_read_part(data.train, reading), val=_read_part(data.val, reading))


def with_background(dataset: Dataset) -> Dataset:
    """Return a part whose images without labels are background images."""
    images = (replace(i, state=LabelState.WHOLE) if i.state == LabelState.NONE else i for i in dataset.images)
    return replace(dataset, images=tuple(images))


def _read_part(dataset: Dataset, reading: Reading) -> Dataset:
    part = with_background(dataset) if reading.without_labels == WithoutLabels.BACKGROUND else dataset
    return _without_crowds(part) if reading.crowds == Crowds.OBJECTS else part


def _without_crowds(dataset: Dataset) -> Dataset:
    content: list[Any] = [dataset.source_hash, Crowds.OBJECTS.value]
    return replace(
        dataset,
        images=tuple(map(_with_objects, dataset.images)),
        source_hash=hashlib.sha256(json.dumps(content).encode()).hexdigest(),
    )


def _with_objects(image: ImageLabels) -> ImageLabels:
    return replace(image, objects=tuple(replace(label, is_crowd=False) for label in image.objects))
