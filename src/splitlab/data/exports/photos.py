"""The photos of an export: which ones, under which names, as links or copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, TrainVal
from splitlab.data.masks import with_masks
from splitlab.errors import DataError
from splitlab.io import Progress


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """An image of an export, whose photo is in place.

    Attributes:
        name: the photo's path below the photos' folder.
        number: its id in formats that number images, 1 or more.
        image: its labels with masks in memory, without objects whose mask is empty.
        is_background: it was labelled and shows no object. One that only lost its objects here is not background.
    """

    name: PurePosixPath
    number: int
    image: ImageLabels
    is_background: bool


def parts_of(data: TrainVal) -> list[tuple[str, Dataset]]:
    """Return the subsets that have images, with their names.

    Raises:
        DataError: none has one.
    """
    parts = [(name, dataset) for name, dataset in (("train", data.train), ("val", data.val)) if dataset.images]
    if not parts:
        raise DataError(f"'{data.train.name}' has no images to export. Check it: splitlab data check.")
    return parts


def place_images(
    dataset: Dataset, names: Sequence[PurePosixPath], photos: Path, part: str, progress: Progress
) -> Iterator[ExportedImage]:
    """Place the photos in a folder, and yield each image with its labels.

    Images with unreadable labels are left out, because the unreadable ones would be lost.

    Raises:
        DataError: a photo is missing, or a mask on disk is missing or broken.
        OSError: the disk cannot be written.
    """
    photos.mkdir(parents=True, exist_ok=True)
    numbered = zip(names, _number_images(dataset.images), dataset.images, strict=True)
    known = [(name, number, image) for name, number, image in numbered if image.state != LabelState.BROKEN]
    with_shown = zip(known, with_masks(image for *_, image in known), strict=True)
    for done, ((name, number, image), shown) in enumerate(with_shown, start=1):
        place_photo(image.path, photos / name)
        yield ExportedImage(name, number, shown, image.state == LabelState.WHOLE and not image.objects)
        progress(f"export {part}", done, len(known))


def name_photos(images: Sequence[ImageLabels]) -> list[PurePosixPath]:
    """Return a relative path for each photo, unique even without endings and ignoring case.

    Images with text ids keep their id as name; numbered ones keep their file names. Letters that cannot be printed
    become `_`.
    """
    taken: set[str] = set()
    names: list[PurePosixPath] = []
    for number, image in enumerate(images, start=1):
        name = _wanted_name(image)
        while _key(name) in taken:
            name = name.with_name(f"{number}_{name.name}")
        taken.add(_key(name))
        names.append(name)
    return names


def _number_images(images: Sequence[ImageLabels]) -> list[int]:
    """Keep numbers from 1, which some tools need; number other images anew."""
    numbers = [image.image_id for image in images if isinstance(image.image_id, int)]
    kept = len(numbers) == len(images) and min(numbers, default=1) >= 1
    return numbers if kept else list(range(1, len(images) + 1))


def _wanted_name(image: ImageLabels) -> PurePosixPath:
    own = PurePosixPath(_printable(image.path.name))
    if isinstance(image.image_id, int):
        return own
    name = PurePosixPath(_printable(f"{image.image_id}{own.suffix}"))
    leads_out = name.is_absolute() or ".." in name.parts or not name.stem
    return own if leads_out else name


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in name)


def _key(name: PurePosixPath) -> str:
    return name.with_suffix("").as_posix().casefold()


def place_photo(source: Path, target: Path) -> None:
    """Hard-link a photo to `target`, or copy it where the disk does not allow links.

    Raises:
        DataError: the photo does not exist.
        OSError: the disk cannot be written.
    """
    if not source.is_file():
        raise DataError(f"{source} does not exist, so it cannot be exported. Unpack the dataset again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A hard link to a symbolic link would be broken in another folder.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
