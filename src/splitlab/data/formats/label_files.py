"""Label files: read up to a limit, image names that cannot lead out of their folder, class names that can be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

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
        DataError: it is missing, cannot be read, or is larger than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there. Unpack the data set again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from error
    if len(raw) > max_bytes:
        raise DataError(
            f"{path} is larger than {max_bytes:,} bytes, so it is no label file. Unpack the data set again."
        )
    return raw


def read_name_list(path: Path) -> list[list[str]]:
    """Read a list of images: each line an image's name, then whatever else the format says of it.

    Empty lines and lines that start with # are passed over.

    Returns:
        The words of each line, the name first.

    Raises:
        DataError: the file is missing, too large, no text, empty, or a name leads out of its folder or stands twice.
    """
    try:
        text = read_bounded(path, MAX_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8. Unpack the data set again.") from error
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"{path} names no image. Unpack the data set again.")
    for words in lines:
        if not PLAIN_NAME.fullmatch(words[0]):
            raise DataError(f"{path}: '{words[0][:80]}' is no image name: letters, digits, '_', '.' and '-' only.")
    refuse_repeats([words[0] for words in lines], path)
    return lines


def refuse_repeats(names: Sequence[str], where: Path) -> None:
    """Check that no image is named twice.

    Raises:
        DataError: one is; the message names it and `where`.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{where}: image {name} stands there twice. Take one of them out.")
        seen.add(name)
