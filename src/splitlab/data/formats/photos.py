"""Photos without labels: a folder of them as a dataset, or files and folders that are given one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, Problem, TrainVal, json_hash
from splitlab.data.images import PHOTO_ENDINGS, read_photo_size, unread_photo
from splitlab.data.photo_index import Outside, PhotoIndex
from splitlab.data.records import dataset_of
from splitlab.errors import DataError, ImageError

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


def find_photos(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return an id of its own and the path of each photo: given files, and all photos below given folders, by name.

    Raises:
        DataError: a path does not exist, or a folder has no photo.
    """
    found = [photo for path in paths for photo in _photos_at(path)]
    times = Counter(image_id for image_id, _ in found)
    return [
        (image_id if times[image_id] == 1 else f"{image_id}-{number}", path)
        for number, (image_id, path) in enumerate(found, start=1)
    ]


def read_photos(paths: Sequence[Path], class_names: Sequence[str]) -> Dataset:
    """Return photos as a dataset whose images are not labelled; only headers are read.

    Photos that cannot be read are in `Dataset.problems`.

    Raises:
        DataError: as for `find_photos`, or no photo can be read.
    """
    images: list[ImageLabels] = []
    problems: list[Problem] = []
    for image_id, path in find_photos(paths):
        try:
            width, height = read_photo_size(path)
        except ImageError as error:
            problems.append(unread_photo(path, error))
        else:
            images.append(ImageLabels(image_id, path, width, height, (), LabelState.NONE))
    if not images:
        raise DataError(str(problems[0]) if problems else "No photo is given. Name files or folders of photos.")
    return Dataset(
        name=paths[0].absolute().name if len(paths) == 1 else "photos",
        class_names=tuple(class_names),
        category_ids=tuple(range(1, len(class_names) + 1)),
        images=tuple(images),
        source_hash=json_hash([image.image_id for image in images]),
        problems=tuple(problems),
    )


def _photos_at(path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        if not path.is_file():
            raise DataError(f"{path} is not a photo or a folder. Check the path.")
        yield path.stem, path
        return
    found = PhotoIndex(path, Outside.FOLLOWED).photos()
    if not found:
        raise DataError(f"{path} has no photo ({', '.join(PHOTO_ENDINGS)}). Give another folder.")
    for file in found:
        yield file.relative_to(path).with_suffix("").as_posix(), file
