"""Oxford-IIIT Pet in its folder: photos of 37 breeds, one animal each, its mask from a trimap."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageLabels, IndexedMask, ObjectLabel, TrainVal
from splitlab.data.formats.label_files import read_name_list
from splitlab.data.formats.mask_boxes import MaskBoxes, Progress, read_mask_boxes, silent
from splitlab.errors import DataError

NAME = "Oxford-IIIT Pet"
LICENCE = "CC BY-SA 4.0"
ANIMAL = 1
# 2 is background; 3 is not classified, a band around the animal that belongs to nobody.
TRIMAP_VALUES = {ANIMAL, 2, 3}


def is_pets_folder(folder: Path) -> bool:
    """Say whether `read_pets_folder` would find the lists here."""
    try:
        return _root_of(folder) is not None
    except OSError:
        return False


def read_pets_folder(folder: Path, index_dir: Path, progress: Progress = silent) -> TrainVal:
    """Read trainval.txt to train on and test.txt to score on, in the pets' folder or in oxford-iiit-pet/ below it.

    A photo whose trimap has no animal pixel is left out: it shows an animal that nobody outlined, so as a photo
    without objects it would teach what is wrong. The first reading opens every trimap for the boxes, which takes a
    minute; later ones take them from an index file. Masks stay on disk.

    Args:
        folder: holds images/ and annotations/.
        index_dir: where the index file is kept.
        progress: told of every trimap that is opened.

    Raises:
        DataError: a list or a trimap is missing or broken. The message names it.
    """
    root = _root_of(folder)
    if root is None:
        raise DataError(
            f"{folder} has no annotations/trainval.txt, itself or in oxford-iiit-pet/. "
            "Unpack images.tar.gz and annotations.tar.gz there."
        )
    breeds = _breeds(root)
    train, val = _class_ids(root, "trainval.txt", breeds), _class_ids(root, "test.txt", breeds)
    found = read_mask_boxes([_trimap(root, name) for name in (*train, *val)], root, index_dir, progress)
    shown_in = dict(zip((*train, *val), found, strict=True))
    return TrainVal(_to_dataset(root, train, shown_in, breeds), _to_dataset(root, val, shown_in, breeds), NAME)


def _root_of(folder: Path) -> Path | None:
    for root in (folder, folder / "oxford-iiit-pet"):
        if (root / "annotations" / "trainval.txt").is_file():
            return root
    return None


def _breeds(root: Path) -> dict[int, str]:
    path = root / "annotations" / "list.txt"
    breeds: dict[int, str] = {}
    for name, class_id in _read_list(path).items():
        if breeds.setdefault(class_id, _breed_of(name)) != _breed_of(name):
            raise DataError(
                f"{path}: class {class_id} is {breeds[class_id]} and {_breed_of(name)}. Correct one of them."
            )
    return dict(sorted(breeds.items()))


def _breed_of(name: str) -> str:
    return name.rpartition("_")[0]


def _class_ids(root: Path, list_name: str, breeds: dict[int, str]) -> dict[str, int]:
    path = root / "annotations" / list_name
    class_ids = _read_list(path)
    for name, class_id in class_ids.items():
        if breeds.get(class_id) != _breed_of(name):
            raise DataError(
                f"{path}: {name} has class {class_id}, which list.txt does not call so. Correct one of them."
            )
    return class_ids


def _read_list(path: Path) -> dict[str, int]:
    lines = read_name_list(path)
    try:
        return {words[0]: int(words[1]) for words in lines}
    except (IndexError, ValueError) as error:
        raise DataError(
            f"{path}: a line is not 'NAME CLASS_ID SPECIES BREED_ID' ({error}). Unpack it again."
        ) from error


def _trimap(root: Path, name: str) -> Path:
    return root / "annotations" / "trimaps" / f"{name}.png"


def _to_dataset(
    root: Path, class_ids: dict[str, int], shown_in: dict[str, MaskBoxes], breeds: dict[int, str]
) -> Dataset:
    for name in class_ids:
        _refuse_other_values(_trimap(root, name), shown_in[name].boxes)
    class_index = {class_id: index for index, class_id in enumerate(breeds)}
    content = json.dumps([(name, class_id, shown_in[name].sha256) for name, class_id in class_ids.items()])
    return Dataset(
        name=NAME,
        class_names=tuple(breeds.values()),
        category_ids=tuple(breeds),
        images=tuple(
            _to_image(root, name, class_index[class_id], shown_in[name])
            for name, class_id in class_ids.items()
            if ANIMAL in shown_in[name].boxes
        ),
        source_hash=hashlib.sha256(content.encode()).hexdigest(),
        licence=LICENCE,
    )


def _refuse_other_values(trimap: Path, values: Iterable[int]) -> None:
    others = set(values) - TRIMAP_VALUES
    if others:
        raise DataError(f"{trimap} is no trimap: it has the value {min(others)}, not 1, 2 and 3 only. Unpack it again.")


def _to_image(root: Path, name: str, class_index: int, shown: MaskBoxes) -> ImageLabels:
    mask = IndexedMask(_trimap(root, name), ANIMAL)
    objects = (ObjectLabel(class_index, shown.boxes[ANIMAL], mask),)
    return ImageLabels(name, root / "images" / f"{name}.jpg", shown.width, shown.height, objects)
