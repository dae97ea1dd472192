"""What a foreign file says about its training run, as far as a card can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from splitlab.checkpoints.checkpoint import MAX_COUNT, MAX_IMAGE_SIZE
from splitlab.data.reading import printable
from splitlab.models.contract import SegmentationModel

_DEFAULT_IMAGE_SIZE = 640
_MAX_OPTION_LENGTH = 200
UNKNOWN = "unknown"


@dataclass(frozen=True)
class RunOptions:
    """The options that a training run was started with."""

    image_size: int = _DEFAULT_IMAGE_SIZE  # pixels, rounded up to the stride as in YOLOv5; 640 if unknown
    dataset: str = UNKNOWN  # of the authors' data file, else the data file's stem
    full: int = 0  # |F| and |W|; both 0 if unknown
    weak: int = 0
    seed: int = 0  # of the run; 0 if unknown
    # For the card: epochs, batch_size, patience, f_size, data, weights; and the total `iterations` if |F| and the batch
    # are known.
    settings: dict[str, int | str] = field(default_factory=dict)


def known(settings: Mapping[str, int | str | None]) -> dict[str, int | str]:
    """Leave out what is None or an empty text."""
    return {name: value for name, value in settings.items() if value is not None and value != ""}


def count_in(options: Mapping[str, Any], name: str, least: int) -> int | None:
    """Return an option that is a whole number of at least `least`, else None."""
    value = options.get(name)
    return value if type(value) is int and least <= value <= MAX_COUNT else None


def image_size_in(options: Mapping[str, Any]) -> int:
    """Return `imgsz`, rounded up to the stride; 640 if there is none or it cannot be."""
    size = options.get("imgsz")
    if type(size) is not int or not 1 <= size <= MAX_IMAGE_SIZE:
        return _DEFAULT_IMAGE_SIZE
    return -(-size // SegmentationModel.stride) * SegmentationModel.stride


def stem_of(path: object) -> str:
    """Return a path's last part without its ending; empty if it is no text."""
    # A Windows path accepts both kinds of slashes.
    return printable(PureWindowsPath(path).stem[:_MAX_OPTION_LENGTH]) if isinstance(path, str) else ""
