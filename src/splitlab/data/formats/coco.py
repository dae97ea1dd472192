"""COCO: one JSON file per subset, and the folders in which tools put photos."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from splitlab.data.dataset import (
    Dataset,
    EntryError,
    ImageLabels,
    LabelState,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
    refuse_nothing_left,
    unreadable,
)
from splitlab.data.formats.coco_objects import ODD_ENTRY, entry_name, has_box_in_fractions, read_object
from splitlab.data.reading import check_image_size, printable
from splitlab.errors import DataError

_MOST_NAME_BYTES = 1000
_LICENCE_LETTERS = 300  # longer texts are shortened, because cards and pages show them

_SUBSETS = ("train", "val")


def read_coco_folder(folder: Path) -> TrainVal:
    """Read `instances_train*.json` and `instances_val*.json`, in the folder or in its `annotations/`.

    Photos are in `images/` or in a folder named after the subset, such as `train2017/`.

    Raises:
        DataError: the folder, a label file or the photos' folder is missing, or the labels are broken.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Give the folder that holds instances_train.json and images/.")
    train, val = (_read_subset(folder, subset) for subset in _SUBSETS)
    return TrainVal(train, val)


def is_coco_folder(folder: Path) -> bool:
    """Return whether the folder has label files for both subsets."""
    return all(_labels_of(folder, subset) for subset in _SUBSETS)


def _read_subset(folder: Path, subset: str) -> Dataset:
    labels = _labels_of(folder, subset)
    if not labels:
        raise DataError(
            f"{folder} has no instances_{subset}.json (nor in annotations/). "
            f"Put the COCO labels of the {subset} set there."
        )
    if len(labels) > 1:
        raise DataError(f"{folder} has {len(labels)} labels files for {subset}: {labels[0]}, {labels[1]}. Keep one.")
    return _read_coco(labels[0], _images_of(folder, subset, labels[0]), folder.resolve().name)


def _labels_of(folder: Path, subset: str) -> list[Path]:
    """Find label files; some tools capitalise the name."""
    files = [*folder.glob("[iI]nstances_*.json"), *folder.glob("annotations/[iI]nstances_*.json")]
    return sorted(file for file in files if file.stem.lower().startswith(f"instances_{subset}"))


def _read_coco(labels_path: Path, images_dir: Path, name: str) -> Dataset:
    """Read one COCO instances file; the photos are in `images_dir`.

    Entries that cannot be read are in `Dataset.problems`. An image without annotations counts as not labelled, unless
    it has `"labelled": true`, an extension of SplitLab.

    Raises:
        DataError: the file is missing or not JSON, its categories contradict each other, or no image can be read.
    """
    raw = _read_bytes(labels_path)
    content = _parse(raw, labels_path)
    try:
        return _to_dataset(content, labels_path, images_dir, name, hashlib.sha256(raw).hexdigest())
    except ODD_ENTRY as error:
        raise DataError(
            f"{labels_path}: an entry is not valid COCO ({type(error).__name__}: {error}). "
            "See cocodataset.org/#format-data for the fields that images, annotations and categories need."
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from error


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON ({error}). Export the labels again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: does not hold COCO labels. It must be a COCO instances file.")
    missing = [key for key in ("images", "annotations", "categories") if not isinstance(content.get(key), list)]
    if missing:
        raise DataError(f"{path}: has no list '{missing[0]}'. It must be a COCO instances file.")
    return content


def _to_dataset(content: dict[str, Any], path: Path, images_dir: Path, name: str, source_hash: str) -> Dataset:
    categories = _categories(content, path)
    index_of = {int(category["id"]): index for index, category in enumerate(categories)}
    images, problems = _read_images(content["images"], images_dir, path)
    refuse_nothing_left(images, problems)
    with_objects, found = _add_objects(images, content["annotations"], index_of, path)
    return Dataset(
        name=name,
        class_names=tuple(_name(category) for category in categories),
        category_ids=tuple(index_of),
        images=tuple(sorted(with_objects, key=lambda image: image.image_id)),
        source_hash=source_hash,
        licence=_licence(content),
        problems=(*problems, *found),
    )


def _categories(content: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the classes by id; of classes with equal names, the one with objects, else the last."""
    categories = sorted(content["categories"], key=lambda category: int(category["id"]))
    if not categories or len({int(category["id"]) for category in categories}) < len(categories):
        raise DataError(f"{path}: 'categories' is empty or names an id twice. Give each class an id of its own.")
    annotations = [annotation for annotation in content["annotations"] if isinstance(annotation, dict)]
    ids = [annotation.get("category_id") for annotation in annotations]
    used = {category_id for category_id in ids if isinstance(category_id, int | str)}
    kept: dict[str, dict[str, Any]] = {}
    for category in categories:
        # Some tools list a group before its only class, with the same name.
        before = kept.get(_name(category))
        if before and before["id"] in used and category["id"] in used:
            raise DataError(f"{path}: two categories with objects are called '{_name(category)}'. Rename one.")
        if not before or before["id"] not in used:
            kept[_name(category)] = category
    return sorted(kept.values(), key=lambda category: int(category["id"]))


def _name(category: dict[str, Any]) -> str:
    return printable(str(category["name"]))


def _read_images(entries: list[Any], images_dir: Path, path: Path) -> tuple[dict[int, ImageLabels], list[Problem]]:
    """Return the images by id, without objects, and the problems of the other entries."""
    images: dict[int, ImageLabels] = {}
    problems: list[Problem] = []
    folder = images_dir.resolve()
    for entry in entries:
        try:
            image = _read_image(entry, images_dir, folder, path)
            if image.image_id in images:
                raise unreadable(
                    path, f"image id {image.image_id} is listed twice", "Give each image an id of its own."
                )
            images[int(image.image_id)] = image
        except EntryError as error:
            problems.append(error.problem)
    return images, problems


def _read_image(entry: Any, images_dir: Path, folder: Path, path: Path) -> ImageLabels:
    try:
        image_id, photo = int(entry["id"]), _inside(images_dir, folder, str(entry["file_name"]), path)
        width, height = int(entry["width"]), int(entry["height"])
        # COCO does not say whether an image without annotations was labelled.
        state = LabelState.WHOLE if entry.get("labelled") is True else LabelState.NONE
    except (*ODD_ENTRY, OSError) as error:
        named = f"image {entry.get('id')}" if isinstance(entry, dict) else "an image"
        what = f"{named} is not valid COCO ({type(error).__name__}: {error})"
        raise unreadable(path, what, "It needs id, file_name, width and height.") from error
    check_image_size(width, height, path, f"image {image_id}")
    return ImageLabels(image_id, photo, width, height, (), state)


def _inside(images_dir: Path, folder: Path, file_name: str, labels_path: Path) -> Path:
    if len(file_name.encode(errors="replace")) > _MOST_NAME_BYTES:
        what = f"file_name '{file_name[:40]} …' is {len(file_name):,} letters long"
        raise unreadable(labels_path, what, "Give the photo a shorter name.")
    path = images_dir / file_name
    if not path.resolve().is_relative_to(folder):
        raise unreadable(
            labels_path, f"file_name '{file_name}' points outside {images_dir}", "Only photos inside are read."
        )
    return path


def _add_objects(
    images: dict[int, ImageLabels], annotations: list[Any], index_of: dict[int, int], path: Path
) -> tuple[list[ImageLabels], list[Problem]]:
    """Add the objects; an image with an unreadable annotation has broken labels."""
    objects: dict[int, list[ObjectLabel]] = defaultdict(list)
    broken: set[int] = set()
    problems: list[Problem] = []
    in_fractions: list[dict[str, Any]] = []
    for annotation in annotations:
        image_id = None
        try:
            image_id = _image_of(annotation, images, path)
            image = images[image_id]
            label, found = read_object(annotation, index_of, image.height, image.width, path)
        except EntryError as error:
            problems.append(error.problem)
            broken |= set() if image_id is None else {image_id}
            continue
        objects[image_id].append(label)
        problems += found
        if has_box_in_fractions(annotation):
            in_fractions.append(annotation)
            broken.add(image_id)
    problems += _in_fractions(in_fractions, len(annotations), path)
    return [_labelled(image, objects[key], key in broken) for key, image in images.items()], problems


def _in_fractions(annotations: list[dict[str, Any]], all_of_them: int, path: Path) -> list[Problem]:
    if not annotations:
        return []
    what = (
        f"{len(annotations):,} of {all_of_them:,} boxes lie in 0..1, the first in {entry_name(annotations[0])}: COCO "
        "boxes are in pixels, not in fractions of the image"
    )
    return [Problem(ProblemKind.BOX_IN_FRACTIONS, str(path), what, "Export the boxes in pixels.")]


def _image_of(annotation: Any, images: dict[int, ImageLabels], path: Path) -> int:
    try:
        image_id = int(annotation["image_id"])
    except ODD_ENTRY as error:
        what = f"{entry_name(annotation)} is not valid COCO ({type(error).__name__}: {error})"
        raise unreadable(path, what, "It needs an image_id.") from error
    if image_id not in images:
        what = f"{entry_name(annotation)} is of image {image_id}, which is not in 'images' or cannot be read"
        raise unreadable(path, what, "Add the image, or remove the annotation.")
    return image_id


def _labelled(image: ImageLabels, objects: list[ObjectLabel], is_broken: bool) -> ImageLabels:
    state = LabelState.BROKEN if is_broken else LabelState.WHOLE if objects else image.state
    return replace(image, objects=tuple(objects), state=state)


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


def _images_of(folder: Path, subset: str, labels: Path) -> Path:
    own_name = labels.stem[len("instances_") :]
    for name in (own_name, subset, f"images/{own_name}", f"images/{subset}", "images"):
        if (folder / name).is_dir():
            return folder / name
    raise DataError(f"{folder} has no images/ and no {own_name}/. Put the photos in one of them.")
