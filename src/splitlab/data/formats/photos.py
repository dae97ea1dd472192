"""A folder of photos without labels."""

from __future__ import annotations

from pathlib import Path

from splitlab.data.dataset import TrainVal
from splitlab.data.images import PHOTO_ENDINGS
from splitlab.data.photo_index import Outside, PhotoIndex
from splitlab.data.records import dataset_of
from splitlab.errors import DataError

_NAME = "photos"


def is_photo_folder(folder: Path) -> bool:
    """Return whether the folder or one in it has a photo."""
    for place in (folder, *(path for path in folder.glob("[!.]*") if path.is_dir())):
        if any(path.suffix.lower() in PHOTO_ENDINGS for path in place.glob("[!.]*")):
            return True
    return False


def read_photo_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read a folder of photos as a dataset without classes, of which no image is labelled.

    Raises:
        DataError: no photo can be read.
    """
    data = dataset_of(PhotoIndex(folder, outside), _NAME, ())
    if not data.train.images:
        raise DataError(f"{folder} has no photo that can be read. Use JPEG, PNG, WebP, AVIF, BMP, TIFF or GIF.")
    return data
