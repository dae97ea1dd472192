"""Measured results as CSV files: one row for each training run, and the few-shot table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from splitlab.errors import BudgetError, RunError
from splitlab.io import holding, write_bytes

_APS = ("ap50", "ap70", "ap75", "ap50_95", "box_ap50")
_SHARES = ("class_confusion", "mask_iou")
_MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class MeasuredRow:
    """One run, measured.

    Attributes:
        dataset: the data set's name, such as "embedded"; it names the table's file, too.
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        seed: of the split, the weights, the order and the augmentation.
        model: a name of the model registry.
        settings: how it was trained, in words; runs that differ by split and seed alone say the same.
        ap50, ap70, ap75, ap50_95: mask AP on the test part, 0..100; NaN where there is none.
        box_ap50: box AP50 on the test part, 0..100.
        class_confusion: share of localised objects whose best detection names the wrong class, 0..1; `_low` and
            `_high` are its 95 % interval over images. NaN where nothing was localised.
        localised: how many objects that share is of.
        mask_iou: mean mask IoU of the found objects, 0..1, with its interval.
        found: how many objects were found (score 0.25 or more, right class, IoU 0.5 or more).
        objects: how many there are to find in the test part.
        train_images: images that F and W are drawn from.
        test_images: images of the test part.
        spec_hash, data_hash, test_hash: of the settings, the images to train on, the images to test on.
        code_version: the commit, or the version of the package.
        machine: its processor, or its accelerator.
        cores: threads that torch used.
        precision: number format of the training, such as "bf16"; "no" for float32.
        train_seconds: of the training steps alone, evaluation not counted.
        date: the day it was measured, UTC, such as "2026-11-25".

    Raises:
        BudgetError: a value is not what it must be.
    """

    dataset: str
    full: int
    weak: int
    seed: int
    model: str
    settings: str
    ap50: float
    ap70: float
    ap75: float
    ap50_95: float
    box_ap50: float
    class_confusion: float
    class_confusion_low: float
    class_confusion_high: float
    localised: int
    mask_iou: float
    mask_iou_low: float
    mask_iou_high: float
    found: int
    objects: int
    train_images: int
    test_images: int
    spec_hash: str
    data_hash: str
    test_hash: str
    code_version: str
    machine: str
    cores: int
    precision: str
    train_seconds: float
    date: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and value < 0:
                raise BudgetError(f"{field.name} is {value}: it must be 0 or more.")
            if field.type == "str" and not value:
                raise BudgetError(f"{field.name} is empty: a measured row says it.")
        for names, most in ((_APS, 100), (_SHARES, 1)):
            for name in names:
                if not (math.isnan(getattr(self, name)) or 0 <= getattr(self, name) <= most):
                    raise BudgetError(f"{name} is {getattr(self, name)}: it lies between 0 and {most}.")

    @property
    def key(self) -> tuple[str, str, str]:
        """What says that a run has been measured: the hashes of settings, training images and test images."""
        return self.spec_hash, self.data_hash, self.test_hash


def newest(rows: Sequence[MeasuredRow]) -> MeasuredRow:
    """Return the row that was measured last, one at least: its data are what charts and verdicts are about.

    A row that was carried here from another machine stands at the table's end, but may be older than those before it.
    """
    return sorted(rows, key=lambda row: row.date)[-1]


COLUMNS = tuple(field.name for field in fields(MeasuredRow))
_READERS: dict[Any, Any] = {"int": int, "float": lambda cell: float(cell) if cell else math.nan, "str": str}


def read_rows(path: Path) -> tuple[MeasuredRow, ...]:
    """Read a table of measured rows; one that is not there has none.

    Raises:
        BudgetError: the file is no such table; the message names the file, the line and the value.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise BudgetError(f"{path} cannot be read ({error}). Put the file of the repository back.") from error
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BudgetError(f"{path}: its first line does not name the columns of measured rows. Put it back.")
        return tuple(_row(record, f"{path}, line {reader.line_num}") for record in reader)
    except csv.Error as error:
        raise BudgetError(f"{path}, line {reader.line_num}: {error}. Put the file of the repository back.") from error


def _rows_as_csv(rows: Iterable[MeasuredRow]) -> str:
    """Write rows as the text of a table, with its head."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in asdict(row).items()})
    return text.getvalue()


def _cell(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _row(record: dict[str, str], place: str) -> MeasuredRow:
    if None in record or None in record.values():
        raise BudgetError(f"{place} has more or fewer than {len(COLUMNS)} cells. Put the line back, or take it out.")
    try:
        return MeasuredRow(**{field.name: _READERS[field.type](record[field.name]) for field in fields(MeasuredRow)})
    except (ValueError, BudgetError) as error:
        raise BudgetError(f"{place}: {error}. Put the line back, or take it out.") from error


_PATIENCE_SECONDS = 60.0


def add_rows(table: Path, rows: tuple[MeasuredRow, ...]) -> int:
    """Add those rows to a table that are not in it yet; a reader sees the old table or the new one.

    Returns:
        How many were added.

    Raises:
        RunError: the file cannot be written; the old one stays.
        BudgetError: what stands there is no table of measured rows.
    """
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{table.parent}: cannot be made ({error.strerror}). Choose another folder.") from error
    refusal = f"{table} is being written by another process that does not come to an end. Try again."
    with holding(table.with_name(f".{table.name}.lock"), refusal, _PATIENCE_SECONDS):
        there = read_rows(table)
        known = {row.key for row in there}
        new = [row for row in rows if row.key not in known]
        if new:
            write_bytes(table, _rows_as_csv([*there, *new]).encode())
    return len(new)


_TABLE = "few_shot/embedded.csv"
FEW_SHOT_COLUMNS = (
    "variant",
    "setting",
    "start",
    "seed",
    "class",
    "group",
    "full",
    "weak",
    "background",
    "ap50",
    "ap70",
    "box_ap50",
    "box_ap70",
    "mask_iou",
    "found",
    "objects",
    "spec_hash",
    "data_hash",
    "code_version",
    "machine",
)
KEY = ["variant", "setting", "start", "seed"]
"""What tells one run of the table from another; each has a row for each class."""

_SETTINGS = ("base", "few-shot", "zero-shot", "partly supervised", "all masks")
_STARTS = ("base", "backbone")
NOVEL, BASE = "novel", "base"


def table_path() -> Path:
    """Return where the table lies in the package; it is there once something has been measured."""
    return Path(str(files("splitlab").joinpath("measured", _TABLE)))


def measured_few_shot(path: Path | None = None) -> pd.DataFrame:
    """Read the table: one row for each run and class; no rows where nothing has been measured.

    Columns: `variant` (which classes are novel), `setting` (of `SETTINGS`), `start` (of `STARTS`), seed, class, `group`
    (novel or base), |F| and |W|, `background` (images of W that show none of the run's classes), AP50 and AP70 of masks
    and boxes in 0..100, `mask_iou` (0..1, mean over the objects whose box was found), `found` of `objects`, the hash of
    the run's settings and of its labels, code and machine.

    Args:
        path: of the table; the package's own where left out.

    Raises:
        BudgetError: it cannot be read or lacks a column.
    """
    path = path or table_path()
    if not path.is_file():
        return pd.DataFrame(columns=list(FEW_SHOT_COLUMNS))
    try:
        table = pd.read_csv(path, dtype={"spec_hash": str, "data_hash": str, "code_version": str})
    except (OSError, ValueError) as error:
        raise BudgetError(f"{path} is no table ({error}). Measure again: scripts/measure_few_shot.py.") from error
    missing = [name for name in FEW_SHOT_COLUMNS if name not in table]
    if missing:
        raise BudgetError(f"{path} lacks the column {missing[0]}. Measure again: scripts/measure_few_shot.py.")
    return table[list(FEW_SHOT_COLUMNS)]
