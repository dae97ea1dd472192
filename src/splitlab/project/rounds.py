"""The history of a project: batches of photos that were handed out, and labels that came back, a JSON file each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from splitlab.data.dataset import ImageId
from splitlab.data.reading import read_bounded
from splitlab.data.split import as_image_id
from splitlab.errors import DataError, SettingsError
from splitlab.io import make_folder, plain_json, write_json

_ROUNDS, _TAKES = "rounds", "takes"
_MOST_BYTES = 50_000_000
_MOST_HOURS = 1e6
_ODD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Task:
    """One photo of a batch.

    Attributes:
        image_id: of the photo.
        masks: whether masks are asked for, or boxes.
        reason: why it was chosen, in a word or two.
    """

    image_id: ImageId
    masks: bool
    reason: str


@dataclass(frozen=True)
class ExpectedScore:
    """A score expected before the labels were drawn.

    Attributes:
        full, weak: the split that it is for, images.
        ap, low, high: the score in AP, 0..100, and its 90% interval.
        of: the metric, such as "ap70".
        rests_on: the results behind it, in words.
    """

    full: int
    weak: int
    ap: float
    low: float
    high: float
    of: str
    rests_on: str


@dataclass(frozen=True)
class Round:
    """A batch of photos that was handed out.

    Attributes:
        number: 1 for the first.
        made: when, ISO 8601 in UTC.
        tasks: the photos.
        hours: that its labels should take.
        expected: the score once they are drawn; None if it could not be forecast.
        strategy: how the photos were chosen.
    """

    number: int
    made: str
    tasks: tuple[Task, ...]
    hours: float
    expected: ExpectedScore | None
    strategy: str

    @property
    def mask_count(self) -> int:
        """The number of photos that get masks."""
        return sum(task.masks for task in self.tasks)

    @property
    def box_count(self) -> int:
        """The number of photos that get boxes."""
        return len(self.tasks) - self.mask_count


@dataclass(frozen=True)
class Take:
    """Labels that came back once.

    Attributes:
        number: 1 for the first.
        made: when, ISO 8601 in UTC.
        masks, boxes: ids of the photos that got masks, and boxes or no object.
        hours: of labelling that it is booked with.
        hours_are_real: whether somebody stated the hours; otherwise they follow from the prices.
        source: the file or folder that the labels came in.
    """

    number: int
    made: str
    masks: tuple[ImageId, ...]
    boxes: tuple[ImageId, ...]
    hours: float
    hours_are_real: bool
    source: str


def read_rounds(folder: Path) -> tuple[Round, ...]:
    """Read the rounds of the project in a folder, oldest first. Raise DataError if a file is broken."""
    return _read_all(folder / _ROUNDS, _round)


def read_takes(folder: Path) -> tuple[Take, ...]:
    """Read what came back to the project in a folder, oldest first. Raise DataError if a file is broken."""
    return _read_all(folder / _TAKES, _take)


def add_round(
    folder: Path, tasks: Sequence[Task], hours: float, expected: ExpectedScore | None, strategy: str
) -> Round:
    """Add a round to the project in a folder, whose lock the caller holds.

    Raises:
        SettingsError: it has no photo.
        RunError: the folder cannot be written.
    """
    if not tasks:
        raise SettingsError("A batch without photos has nothing to label. Ask for at least one photo.")
    added = Round(_next_number(folder / _ROUNDS), _now(), tuple(tasks), hours, expected, strategy)
    _write(folder / _ROUNDS, added.number, asdict(added))
    return added


def add_take(
    folder: Path, masks: Sequence[ImageId], boxes: Sequence[ImageId], hours: float, real: float | None, source: str
) -> Take:
    """Book labels that came back to the project in a folder, whose lock the caller holds.

    Args:
        folder: of the project.
        masks: ids of the photos that got masks.
        boxes: ids of those that got boxes or no object.
        hours: that they take by the project's prices.
        real: the hours that they took, if somebody states them.
        source: the file or folder that the labels came in.

    Raises:
        SettingsError: the stated hours are negative or not a number.
        RunError: the folder cannot be written.
    """
    check_hours(real)
    paid = hours if real is None else real
    added = Take(next_take(folder), _now(), tuple(masks), tuple(boxes), paid, real is not None, source)
    _write(folder / _TAKES, added.number, asdict(added))
    return added


def check_hours(hours: float | None) -> None:
    """Raise SettingsError if stated hours cannot be right."""
    if hours is not None and not (math.isfinite(hours) and 0 <= hours <= _MOST_HOURS):
        raise SettingsError(f"{hours} hours of labelling cannot be booked: give a number, 0 or more.")


def next_take(folder: Path) -> int:
    """Return the number of the next take of the project in a folder."""
    return _next_number(folder / _TAKES)


def is_taken(folder: Path, number: int) -> bool:
    """Return whether the project in a folder has a take of this number."""
    return _file_of(folder / _TAKES, number).exists()


def round_folder(folder: Path, number: int) -> Path:
    """Return the folder for the files of a round, which are handed over."""
    return folder / _ROUNDS / f"{number:04}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(folder: Path, number: int, content: dict[str, Any]) -> None:
    make_folder(folder)
    write_json(_file_of(folder, number), content)


def _file_of(folder: Path, number: int) -> Path:
    return folder / f"{number:04}.json"


def _next_number(folder: Path) -> int:
    """Return one more than the highest number, so that a file that was moved away frees none."""
    return max((int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()), default=0) + 1


def _read_all(folder: Path, read: Callable[[Any], _Entry]) -> tuple[_Entry, ...]:
    found = []
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            found.append(read(plain_json(read_bounded(path, _MOST_BYTES))))
        except _ODD as error:
            raise DataError(
                f"{path}: cannot be read ({str(error)[:200]}). Restore the file, or move it out of the folder."
            ) from error
    return tuple(found)


def _round(content: Any) -> Round:
    tasks = tuple(
        Task(as_image_id(task["image_id"]), bool(task["masks"]), str(task["reason"])) for task in content["tasks"]
    )
    expected = None if content["expected"] is None else _expected(content["expected"])
    return Round(
        int(content["number"]),
        str(content["made"]),
        tasks,
        float(content["hours"]),
        expected,
        str(content["strategy"]),
    )


def _expected(content: Any) -> ExpectedScore:
    return ExpectedScore(
        int(content["full"]),
        int(content["weak"]),
        float(content["ap"]),
        float(content["low"]),
        float(content["high"]),
        str(content["of"]),
        str(content["rests_on"]),
    )


def _take(content: Any) -> Take:
    return Take(
        int(content["number"]),
        str(content["made"]),
        tuple(map(as_image_id, content["masks"])),
        tuple(map(as_image_id, content["boxes"])),
        float(content["hours"]),
        bool(content["hours_are_real"]),
        str(content["source"]),
    )
