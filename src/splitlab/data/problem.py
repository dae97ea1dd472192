"""One thing that is wrong with a data set, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum

from splitlab.errors import DataError

MOST_LETTERS = 400


class ProblemKind(StrEnum):
    """What sort of thing is wrong."""

    PHOTO_MISSING = "missing photo"
    PHOTO_UNREADABLE = "unreadable photo"
    PHOTO_SIZE = "photo of another size"
    PHOTO_TWICE = "photo labelled twice"
    LEAK = "photo in train and in val"
    LABELS_UNREADABLE = "unreadable labels"
    BOX = "wrong box"
    BOX_IN_FRACTIONS = "boxes not in pixels"
    MASK = "wrong mask"
    OUTLINE = "outline under three points"
    REPEATED = "repeated object"
    ONLY_CROWDS = "only crowd regions"
    NO_OBJECT = "class without objects"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: what sort of thing.
        file: the photo, label file or data set it is in.
        what: is wrong; it names the entry.
        way_out: what to do about it.
    """

    kind: ProblemKind
    file: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{_short(self.file)}: {_short(self.what)}. {self.way_out}"


class EntryError(DataError):
    """An entry of a label file that cannot be read; a reader collects it and goes on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def entry_error(kind: ProblemKind, file: object, what: str, way_out: str) -> EntryError:
    """Make the error of one entry."""
    return EntryError(Problem(kind, str(file), what, way_out))


def refuse_nothing_left(images: Sized, problems: Sequence[Problem]) -> None:
    """Raise DataError where no image of a part could be read: then it is no data set."""
    if problems and not images:
        more = f" No image is left; {len(problems) - 1:,} more entries cannot be read." if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}")


def count_kinds(problems: Iterable[Problem]) -> dict[str, int]:
    """Return how many problems there are of each kind, the most frequent first."""
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.kind.value] = counts.get(problem.kind.value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …"
