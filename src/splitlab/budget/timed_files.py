"""Files of timed labels: one student's CSV, and the files of a class joined.

Files come from people, so all that they hold is checked: sizes before reading, letters of names, and every number.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from splitlab.budget.stopwatch import TimedLabel, by_annotator
from splitlab.errors import BudgetError

COLUMNS = ("annotator", "kind", "object", "seconds", "iou")
MOST_BYTES = 200_000
MOST_LABELS = 1000
MOST_ANNOTATORS = 30
MOST_LETTERS = 40
"""Limits of one file, of the annotators of a class, and of a name."""

_MOST_OBJECT_LETTERS = 200
# No formula of a spreadsheet begins with a letter or a digit, and no markup is among these.
_NAME = re.compile(r"[^\W_][\w .'()-]*")


def checked_annotator(name: str) -> str:
    """Return the name of an annotator without spaces around it.

    Raises:
        BudgetError: It is empty or too long, or has other characters than letters, digits, spaces and . ' ( ) _ -.
    """
    name = name.strip()
    if not _NAME.fullmatch(name) or len(name) > MOST_LETTERS:
        raise BudgetError(
            f"{name[:MOST_LETTERS]!r} cannot be the name of an annotator: begin with a letter or a digit, and use at "
            f"most {MOST_LETTERS} letters, digits, spaces and . ' ( ) _ -"
        )
    return name


def labels_as_csv(labels: Sequence[TimedLabel]) -> str:
    """Return timed labels as CSV with the columns `COLUMNS`; the IoU is empty where there is no ground truth."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for label in labels:
        iou = "" if label.iou is None else f"{label.iou:.4f}"
        writer.writerow([label.annotator, label.kind, label.item, f"{label.seconds:.3f}", iou])
    return text.getvalue()


def read_labels(content: bytes, name: str) -> list[TimedLabel]:
    """Read a file of timed labels.

    Args:
        content: The file's bytes.
        name: Its name, for messages.

    Raises:
        BudgetError: It is too large, is no such CSV, or has an impossible value.
    """
    if len(content) > MOST_BYTES:
        raise BudgetError(f"{name} is larger than {MOST_BYTES // 1000} kB: choose a file saved by the stopwatch.")
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BudgetError(f"{name} is no CSV in UTF-8: choose a file saved by the stopwatch.") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise BudgetError(f"{name} does not begin with the columns {', '.join(COLUMNS)}: choose a file saved by the "
                          "stopwatch.")  # fmt: skip
    filled = [(line, row) for line, row in enumerate(rows[1:], 2) if row]
    if len(filled) > MOST_LABELS:
        raise BudgetError(f"{name} has {len(filled):,} labels: {MOST_LABELS:,} is the limit.")
    if not filled:
        raise BudgetError(f"{name} has no labels.")
    return [_read_row(row, f"{name}, line {line}") for line, row in filled]


def join_files(files: Mapping[str, bytes]) -> tuple[list[TimedLabel], list[str]]:
    """Join the files of a class, by file name.

    A file that is there twice counts once. A name in two different files is taken as two people: the second becomes
    "Anna (2)". Files that cannot be read are left out.

    Returns:
        The labels, and a sentence on each file that was left out.
    """
    labels: list[TimedLabel] = []
    refused: list[str] = []
    seen: set[bytes] = set()
    for name, content in files.items():
        if content in seen:
            refused.append(f"{name} has the same content as another file and counts once.")
            continue
        seen.add(content)
        try:
            people = by_annotator(read_labels(content, name))
        except BudgetError as error:
            refused.append(str(error))
            continue
        taken = set(by_annotator(labels))
        if len(taken) + len(people) > MOST_ANNOTATORS:
            refused.append(f"{name} was left out: {MOST_ANNOTATORS} annotators are the limit of one screen.")
            continue
        for person, own in people.items():
            shown = _free_name(person, taken)
            taken.add(shown)
            labels += [replace(label, annotator=shown) for label in own]
    return labels, refused


def _free_name(name: str, taken: set[str]) -> str:
    numbered = (name if number == 1 else f"{name} ({number})" for number in range(1, len(taken) + 2))
    return next(free for free in numbered if free not in taken)


def _read_row(row: Sequence[str], where: str) -> TimedLabel:
    if len(row) != len(COLUMNS):
        raise BudgetError(f"{where} has {len(row)} values instead of {len(COLUMNS)}.")
    annotator, kind, item, seconds, iou = row
    if len(item) > _MOST_OBJECT_LETTERS:
        raise BudgetError(f"{where}: the name of the object is longer than {_MOST_OBJECT_LETTERS} letters.")
    if not item.isprintable():
        raise BudgetError(f"{where}: the name of the object has letters that are not printed.")
    try:
        time = _number(seconds)
        return TimedLabel(checked_annotator(annotator), kind, item, time, _number(iou) if iou else None)
    except BudgetError as error:
        raise BudgetError(f"{where}: {error}") from error


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BudgetError(f"{text[:40]!r} is not a number.")
    return number
