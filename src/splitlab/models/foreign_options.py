"""What a YOLOv5 run was told on its command line, as its file keeps it under `opt`: the split, the batch, the epochs.

The file may come from anyone, so every value is checked before it goes into a card; one that makes no sense is unknown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from splitlab.budget.published import TRAINING_IMAGES
from splitlab.data.formats.label_files import printable
from splitlab.models.foreign_tree import ForeignObject
from splitlab.models.yolov5_seg import YOLOv5Seg
from splitlab.runs.checkpoint import MAX_COUNT, MAX_IMAGE_SIZE

DEFAULT_IMAGE_SIZE = 640
MAX_NAME_LENGTH = 200
UNKNOWN = "unknown"
# The authors' option: mask images in a batch, or this where the whole batch is mask images and nothing else is read.
F_SIZE, MASKS_ONLY = "f_size", -1
# Their data files: {data set}-seg-fw-{|F|}-{|W|}.yaml. Without |W| it is all that F leaves, without both F is all.
_DATA_FILE = re.compile(r"(?P<name>.+?)-seg(?:-fw-(?P<full>[0-9]{1,7})(?:-(?P<weak>[0-9]{1,7}))?)?", re.ASCII)
_DATA_SETS = {"voc": "VOC2012", "cityscapes": "Cityscapes"}
_MASK_IMAGES = {"VOC2012": 1464, "Cityscapes": 2975}
# Sec. 4.6: 17 images with masks; every other trainval image with boxes.
_FEW_SHOT, _FEW_SHOT_SPLIT = "voc-seg-few-shot", (17, 10_408)


@dataclass(frozen=True)
class RunOptions:
    """What is known of how a run was started.

    Attributes:
        image_size: pixels, rounded up to the stride as YOLOv5 does; 640 where the file does not say.
        dataset: the data set's name where the data file is one of the authors', else that file's stem; "unknown"
            where the file does not say.
        full, weak: |F| and |W|; both 0 where unknown.
        seed: of all that is random; 0 where the file does not say.
        settings: for the card, by the names of the file: epochs, batch_size, patience, f_size, data, weights; and
            `iterations`, those of all epochs, where |F| and the batch are known.
    """

    image_size: int = DEFAULT_IMAGE_SIZE
    dataset: str = UNKNOWN
    full: int = 0
    weak: int = 0
    seed: int = 0
    settings: dict[str, int | str] = field(default_factory=dict)


def read_options(tree: Any) -> RunOptions:
    """Read the options in what `read_foreign` gave; a file without any gives what holds by default."""
    options = _options_of(tree)
    stem = _stem(options.get("data"))
    f_size = _f_size(options)
    # Only the authors' code knows the option, and only there does the data file's name mean a split.
    dataset, (full, weak) = (stem, (0, 0)) if f_size is None else _split(stem, f_size)
    counts = {
        "epochs": _count(options, "epochs", 1),
        "batch_size": _count(options, "batch_size", 1),
        "patience": _count(options, "patience", 0),
        F_SIZE: f_size,
    }
    texts = {"data": stem, "weights": _stem(options.get("weights"))}
    told = counts | texts | {"iterations": _iterations(counts, full)}
    return RunOptions(
        _image_size(options),
        dataset or UNKNOWN,
        full,
        weak,
        _count(options, "seed", 0) or 0,
        {name: value for name, value in told.items() if value is not None and value != ""},
    )


def _options_of(tree: Any) -> Mapping[str, Any]:
    options = tree.get("opt") if isinstance(tree, dict) else None
    if isinstance(options, ForeignObject):
        return options.attributes
    return options if isinstance(options, dict) else {}


def _count(options: Mapping[str, Any], name: str, least: int) -> int | None:
    value = options.get(name)
    return value if type(value) is int and least <= value <= MAX_COUNT else None


def _f_size(options: Mapping[str, Any]) -> int | None:
    f_size, batch_size = _count(options, F_SIZE, MASKS_ONLY), _count(options, "batch_size", 1)
    if f_size is None or f_size == 0 or (batch_size is not None and f_size > batch_size):
        return None
    return f_size


def _split(stem: str, f_size: int) -> tuple[str, tuple[int, int]]:
    """Return data set and split; |W| is 0 where batches hold mask images alone, whatever the name says."""
    found = _DATA_FILE.fullmatch(stem)
    if stem == _FEW_SHOT:
        dataset, (full, weak) = "VOC2012", _FEW_SHOT_SPLIT
    elif found is None:
        return stem, (0, 0)
    else:
        dataset = _DATA_SETS.get(found["name"].lower(), found["name"])
        full = int(found["full"] or _MASK_IMAGES.get(dataset, 0))
        weak = int(found["weak"]) if found["weak"] else TRAINING_IMAGES.get(dataset, full) - full
    weak = 0 if f_size == MASKS_ONLY else weak
    known = full <= _MASK_IMAGES.get(dataset, full) and 0 <= weak <= TRAINING_IMAGES.get(dataset, MAX_COUNT) - full
    return dataset, (full, weak) if known else (0, 0)


def _iterations(counts: Mapping[str, int | None], full: int) -> int | None:
    """Count the batches of all epochs: an epoch is one pass over F (PROTOCOL.md)."""
    epochs, of_masks = counts["epochs"], counts["batch_size"] if counts[F_SIZE] == MASKS_ONLY else counts[F_SIZE]
    return epochs * math.ceil(full / of_masks) if full and of_masks and epochs else None


def _image_size(options: Mapping[str, Any]) -> int:
    size = options.get("imgsz")
    if type(size) is not int or not 1 <= size <= MAX_IMAGE_SIZE:
        return DEFAULT_IMAGE_SIZE
    return -(-size // YOLOv5Seg.stride) * YOLOv5Seg.stride


def _stem(path: object) -> str:
    # A Windows path takes both kinds of slashes.
    return printable(PureWindowsPath(path).stem[:MAX_NAME_LENGTH]) if isinstance(path, str) else ""
