"""Find the two subsets of a COCO-format data set in its folder."""

from __future__ import annotations

from pathlib import Path

from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.formats.coco import read_coco
from splitlab.errors import DataError

SUBSETS = ("train", "val")


def read_coco_folder(folder: Path) -> TrainVal:
    """Read `instances_train*.json` and `instances_val*.json`, in the folder or in its `annotations/`.

    Photos lie in `images/` or in a folder named after the subset, such as `train2017/`.

    Raises:
        DataError: the folder, a labels file or the photos' folder is missing, or the labels are broken.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Give the folder that holds instances_train.json and images/.")
    train, val = (_read_subset(folder, subset) for subset in SUBSETS)
    return TrainVal(train, val)


def is_coco_folder(folder: Path) -> bool:
    """Say whether `read_coco_folder` would find labels for both subsets here."""
    return all(_labels_of(folder, subset) for subset in SUBSETS)


def _read_subset(folder: Path, subset: str) -> Dataset:
    labels = _labels_of(folder, subset)
    if not labels:
        raise DataError(
            f"{folder} has no instances_{subset}.json (nor in annotations/). "
            f"Put the COCO labels of the {subset} set there."
        )
    if len(labels) > 1:
        raise DataError(f"{folder} has {len(labels)} labels files for {subset}: {labels[0]}, {labels[1]}. Keep one.")
    return read_coco(labels[0], _images_of(folder, subset, labels[0]), folder.resolve().name)


def _labels_of(folder: Path, subset: str) -> list[Path]:
    """Find labels files; some tools write a subset with a capital."""
    files = [*folder.glob("[iI]nstances_*.json"), *folder.glob("annotations/[iI]nstances_*.json")]
    return sorted(file for file in files if file.stem.lower().startswith(f"instances_{subset}"))


def _images_of(folder: Path, subset: str, labels: Path) -> Path:
    own_name = labels.stem[len("instances_") :]
    for name in (own_name, subset, f"images/{own_name}", f"images/{subset}", "images"):
        if (folder / name).is_dir():
            return folder / name
    raise DataError(f"{folder} has no images/ and no {own_name}/. Put the photos in one of them.")
