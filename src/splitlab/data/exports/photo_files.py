"""Photos of a data set under names of their own in another folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from splitlab.data.dataset import Dataset, ImageLabels, LabelState
from splitlab.errors import DataError


def known_images(dataset: Dataset) -> list[ImageLabels]:
    """Return the images that can be exported: all but those with labels that cannot be read, which would be lost."""
    return [image for image in dataset.images if image.state != LabelState.BROKEN]


def name_photos(images: Sequence[ImageLabels]) -> list[PurePosixPath]:
    """Return a relative path for each photo, all different even without their endings and in one case.

    A named image keeps its id as its name; a numbered one keeps its file's name.
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


def _wanted_name(image: ImageLabels) -> PurePosixPath:
    own = PurePosixPath(image.path.name)
    if isinstance(image.image_id, int):
        return own
    name = PurePosixPath(f"{image.image_id}{own.suffix}")
    leads_out = name.is_absolute() or ".." in name.parts or not name.stem
    return own if leads_out else name


def _key(name: PurePosixPath) -> str:
    return name.with_suffix("").as_posix().casefold()


def place_photo(source: Path, target: Path) -> None:
    """Put a photo at `target`: as a second name of the same file where the disk allows it, else as a copy.

    Raises:
        DataError: there is no such file.
        OSError: the disk cannot be written.
    """
    if not source.is_file():
        raise DataError(f"{source} is not there, so it cannot be exported. Unpack the data set again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A link's own second name would be a link again, and lead nowhere from another folder.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
