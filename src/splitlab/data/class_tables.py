"""The class lists that models are numbered by: VOC's and COCO's, from 0 and by category ids."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from splitlab.data.formats.voc import CLASS_NAMES

# What stands where a number means no class.
UNUSED = "N/A"

_VOC = tuple(CLASS_NAMES)
_COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
_COCO_GAPS = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})


def _by_coco_ids() -> tuple[str, ...]:
    names = iter(_COCO)
    return tuple(UNUSED if number in _COCO_GAPS else next(names) for number in range(91))


TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "voc20": _VOC,
        # VOC's ids begin with 1. DETR's code has 20 classes for any data but COCO's, the paper's VOC among them; the
        # number of the last class then also means "nothing".
        "voc20-ids": (UNUSED, *_VOC[:-1]),
        "voc21": (UNUSED, *_VOC),
        "coco80": _COCO,
        "coco91": _by_coco_ids(),
    }
)
"""Names by number, `UNUSED` where a number means no class."""


def fitting_tables(count: int) -> list[str]:
    """Return the names of the tables with so many numbers."""
    return [name for name, names in TABLES.items() if len(names) == count]
