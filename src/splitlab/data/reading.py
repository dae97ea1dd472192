"""How the labels of a data set are to be read where its files leave it open; kept in a file beside them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, TrainVal
from splitlab.data.formats.label_files import read_bounded
from splitlab.errors import DataError

FILE_NAME = "splitlab.json"
MAX_BYTES = 10_000


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
    path = folder / FILE_NAME
    if not path.is_file():
        return Reading()
    try:
        content = dict(json.loads(read_bounded(path, MAX_BYTES)))
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
    path = folder / FILE_NAME
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
