"""Label files: read up to a limit, image names that cannot lead out of their folder, class names that can be shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from splitlab.data.images import MAX_PIXELS
from splitlab.data.problem import Problem, ProblemKind, entry_error, refuse_nothing_left
from splitlab.errors import DataError

MAX_LIST_BYTES = 10_000_000
NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
PLAIN_NAME = re.compile(r"\w[\w.-]{0,200}")


def printable(name: str) -> str:
    """Return a class name of a file as a terminal may show it: what steers one, or is half a letter, is replaced.

    Blanks around it are left out: nobody sees them, and settings that list class names do not keep them.
    """
    return NOT_PRINTABLE.sub("\N{REPLACEMENT CHARACTER}", name.strip())


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a file that must be small.

    Raises:
        EntryError: it is missing, cannot be read, or is larger than `max_bytes`.
    """
    kind, again = ProblemKind.LABELS_UNREADABLE, "Unpack the data set again."
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise entry_error(kind, path, "the file is missing", again) from error
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise entry_error(kind, path, what, "Check the path and its permissions.") from error
    if len(raw) > max_bytes:
        raise entry_error(kind, path, f"is larger than {max_bytes:,} bytes, so it is no label file", again)
    return raw


def check_image_size(width: int, height: int, path: Path, whose: str) -> None:
    """Refuse a size in pixels that no photo may have.

    Args:
        width: as the labels state it, pixels.
        height: likewise.
        path: the label file.
        whose: the image, as the message names it.

    Raises:
        EntryError: a side is below 1, or the photo would be too large.
    """
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise entry_error(
            ProblemKind.LABELS_UNREADABLE,
            path,
            f"{whose} is {width} x {height} pixels",
            f"Each side must be 1 or more, and all at most {MAX_PIXELS // 1_000_000} megapixels.",
        )


def read_name_list(path: Path) -> tuple[list[list[str]], list[Problem]]:
    """Read a list of images: each line an image's name, then whatever else the format says of it.

    Empty lines and lines that start with # are passed over.

    Returns:
        The words of each line, the name first. Then what is wrong with the other lines: a name leads out of its folder
        or stands twice.

    Raises:
        DataError: the file is missing, too large, no text, or names no image.
    """
    try:
        text = read_bounded(path, MAX_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8. Unpack the data set again.") from error
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"{path} names no image. Unpack the data set again.")
    named: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for words in lines:
        name = words[0]
        if not PLAIN_NAME.fullmatch(name):
            what = f"'{name[:80]}' is no image name: letters, digits, '_', '.' and '-' only"
            problems.append(Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Correct the line."))
        elif name in named:
            problems.append(_twice(name, path))
        else:
            named[name] = words
    refuse_nothing_left(named, problems)
    return list(named.values()), problems


def find_repeats(names: Sequence[str], where: Path) -> list[Problem]:
    """Return a problem for each image that is named again; it names the image and `where`."""
    return [_twice(name, where) for name, count in Counter(names).items() if count > 1]


def _twice(name: str, where: Path) -> Problem:
    return Problem(ProblemKind.PHOTO_TWICE, str(where), f"image {name} stands there twice", "Take one of them out.")
