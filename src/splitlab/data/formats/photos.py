"""Photos without labels: a folder of them as a dataset, or files and folders that are given one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, Problem, ProblemKind, TrainVal, json_hash
from splitlab.data.images import PHOTO_ENDINGS, read_photo_size, unread_photo
from splitlab.data.label_files.entries import near_files
from splitlab.data.label_files.photo_index import Outside, PhotoIndex, folded
from splitlab.data.label_files.records import dataset_of
from splitlab.errors import DataError, ImageError

_NAME = "photos"
_LABEL_ENDINGS = (".json", ".xml", ".txt", ".csv", ".yaml", ".yml", ".npy", ".mat")
_UNREAD_ENDINGS = (".heic", ".heif", ".dng", ".cr2", ".nef", ".arw")
_OTHER_TEXTS = re.compile(r"readme|licen[cs]e|requirements|splitlab", re.IGNORECASE)
_MASKS = re.compile(r"mask|segmentation(class|object)|^(gt|labels?|annotations?|ground.?truth)$", re.IGNORECASE)
_MASK_ENDING = re.compile(r"[_-](mask|gt|label|seg)$")


def is_photo_folder(folder: Path) -> bool:
    """Return whether a photo is in the folder or up to two levels below it."""
    return next(near_files(folder, PHOTO_ENDINGS), None) is not None


def read_photo_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read a folder of photos as a dataset without classes, of which no image is labelled.

    Files that may hold labels of an unknown format are reported. So are pictures of masks, which are no photos.

    Raises:
        DataError: no photo can be read.
    """
    photos = PhotoIndex(folder, outside)
    data = dataset_of(photos, _NAME, ())
    masks = _masks(photos)
    train = replace(data.train, images=tuple(image for image in data.train.images if image.path not in masks))
    if not train.images:
        raise DataError(f"{folder} has no photo that can be read. Use JPEG, PNG, WebP, AVIF, BMP, TIFF or GIF.")
    problems = (*data.train.problems, *_unread_labels(photos, sorted(masks)))
    return replace(data, train=replace(train, problems=problems))


def _masks(photos: PhotoIndex) -> set[Path]:
    """Return the pictures in folders of masks that are called as photos elsewhere."""
    are_masks: dict[bool, list[Path]] = {True: [], False: []}
    for photo in photos.photos():
        folders = photo.relative_to(photos.root).parts[:-1]
        are_masks[any(_MASKS.search(name) for name in folders)].append(photo)
    names = {folded(photo.stem) for photo in are_masks[False]}
    return {path for path in are_masks[True] if any(name in names for name in (folded(path.stem), _without_mask(path)))}


def _without_mask(path: Path) -> str:
    return _MASK_ENDING.sub("", folded(path.stem))


def _unread_labels(photos: PhotoIndex, masks: list[Path]) -> Iterator[Problem]:
    """Report files that look like labels, so that nobody takes the photos for unlabelled ones."""
    files = [path for ending in _LABEL_ENDINGS for path in photos.files(ending) if not _OTHER_TEXTS.match(path.name)]
    if unread := [path for ending in _UNREAD_ENDINGS for path in photos.files(ending)]:
        what = f"{len(unread):,} photos are HEIC or raw, which is not supported, such as {unread[0].name[:80]}"
        yield Problem(ProblemKind.PHOTO_UNREADABLE, str(photos.root), what, "Save them as JPEG.")
    way_out = "If they are labels, export them as COCO or YOLO; else ignore this."
    if files:
        endings = Counter(path.suffix.lower() for path in files)
        counted = " and ".join(f"{number:,} with {ending}" for ending, number in endings.most_common())
        what = f"has files that are no labels of a known format: {counted}, such as {files[0].name[:80]}"
        yield Problem(ProblemKind.LABELS_UNREADABLE, str(photos.root), what, way_out)
    if masks:
        what = f"{len(masks):,} pictures have the names of photos, such as {masks[0].name[:80]}: masks are not read"
        yield Problem(ProblemKind.LABELS_UNREADABLE, str(masks[0].parent), what, way_out)


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
