"""Measured results as CSV files: one row per training run, and the few-shot table."""

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
    """One measured run.

    Attributes:
        dataset: Name of the dataset, such as "embedded"; also the name of the table's file.
        full, weak: |F|, images with masks, and |W|, images with boxes only.
        seed: Seed of the split, the weights, the order and the augmentation.
        model: A name of the model registry.
        settings: How it was trained, in words; equal for runs that differ by split and seed alone.
        ap50, ap70, ap75, ap50_95: Mask AP on the test part, 0..100; NaN if there is none.
        box_ap50: Box AP50 on the test part, 0..100.
        class_confusion: Share of localised objects that are misclassified, 0..1; `_low` and `_high` are its 95 %
            interval over images. NaN if nothing was localised.
        localised: Number of localised objects.
        mask_iou: Mean mask IoU of the found objects, 0..1, with its interval.
        found: Number of found objects (score 0.25 or more, right class, IoU 0.5 or more).
        objects: Number of objects in the test part.
        train_images: Images that F and W are drawn from.
        test_images: Images of the test part.
        spec_hash, data_hash, test_hash: Hashes of the settings, the training images and the test images.
        code_version: The commit, or the version of the package.
        machine: The accelerator, or the processor.
        cores: Number of torch threads.
        precision: Number format of the training, such as "bf16"; "no" for float32.
        train_seconds: Time of the training steps, without evaluation.
        date: Day of the measurement, UTC, such as "2026-11-25".
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
                raise BudgetError(f"{field.name} is empty: a measured row needs it.")
        for names, most in ((_APS, 100), (_SHARES, 1)):
            for name in names:
                if not (math.isnan(getattr(self, name)) or 0 <= getattr(self, name) <= most):
                    raise BudgetError(f"{name} is {getattr(self, name)}: it must be between 0 and {most}.")

    @property
    def key(self) -> tuple[str, str, str]:
        """Hashes of settings, training images and test images, which identify a run."""
        return self.spec_hash, self.data_hash, self.test_hash


def newest(rows: Sequence[MeasuredRow]) -> MeasuredRow:
    """Return the row that was measured last; its data decide what charts and verdicts show.

    Rows copied from another machine stand at the end of the table but may be older than those before them.
    """
    return sorted(rows, key=lambda row: row.date)[-1]


def of_newest_images(rows: Sequence[MeasuredRow]) -> list[MeasuredRow]:
    """Return the rows with the training images of the newest row, and the newest test images of their seed.

    Seeds may be tested on other images, see `open_parts`.
    """
    data = newest(rows).data_hash
    ours = [row for row in rows if row.data_hash == data]
    tested = {seed: newest([row for row in ours if row.seed == seed]).test_hash for seed in {row.seed for row in ours}}
    return [row for row in ours if row.test_hash == tested[row.seed]]


COLUMNS = tuple(field.name for field in fields(MeasuredRow))
_READERS: dict[Any, Any] = {"int": int, "float": lambda cell: float(cell) if cell else math.nan, "str": str}


def read_rows(path: Path) -> tuple[MeasuredRow, ...]:
    """Read a table of measured rows; a missing file has none.

    Raises:
        BudgetError: If the file is not such a table; the message names the file, the line and the value.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise BudgetError(f"{path} cannot be read ({error}). Restore it from the repository.") from error
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BudgetError(f"{path}: the first line does not name the columns of measured rows. Restore it.")
        return tuple(_row(record, f"{path}, line {reader.line_num}") for record in reader)
    except csv.Error as error:
        raise BudgetError(f"{path}, line {reader.line_num}: {error}. Restore the file from the repository.") from error


def _rows_as_csv(rows: Iterable[MeasuredRow]) -> str:
    """Return rows as the text of a table with a header."""
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
        raise BudgetError(f"{place} does not have {len(COLUMNS)} cells. Restore the line, or delete it.")
    try:
        return MeasuredRow(**{field.name: _READERS[field.type](record[field.name]) for field in fields(MeasuredRow)})
    except (ValueError, BudgetError) as error:
        raise BudgetError(f"{place}: {str(error).rstrip('.')}. Restore the line, or delete it.") from error


_PATIENCE_SECONDS = 60.0


def add_rows(table: Path, rows: tuple[MeasuredRow, ...]) -> int:
    """Add rows that are not in a table yet, atomically.

    Returns:
        The number of added rows.

    Raises:
        RunError: If the file cannot be written; the old one stays.
        BudgetError: If the existing file is not a table of measured rows.
    """
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{table.parent}: cannot be created ({error.strerror}). Choose another folder.") from error
    refusal = f"{table} is being written by another process. Try again later."
    with holding(table.with_name(f".{table.name}.lock"), refusal, _PATIENCE_SECONDS):
        old = read_rows(table)
        known = {row.key for row in old}
        new = [row for row in rows if row.key not in known]
        if new:
            write_bytes(table, _rows_as_csv([*old, *new]).encode())
    return len(new)


_TABLE = "few_shot/embedded.csv"
FEW_SHOT_COLUMNS = (
    "variant", "setting", "start", "seed", "class", "group", "full", "weak", "background", "ap50", "ap70", "box_ap50",
    "box_ap70", "mask_iou", "found", "objects", "spec_hash", "data_hash", "code_version", "machine",
)  # fmt: skip
KEY = ["variant", "setting", "start", "seed"]
"""Columns that identify a run of the few-shot table; each run has one row per class."""

NOVEL, BASE = "novel", "base"


def table_path() -> Path:
    """Return the path of the few-shot table in the package; it may not exist yet."""
    return Path(str(files("splitlab").joinpath("measured", _TABLE)))


def measured_few_shot(path: Path | None = None) -> pd.DataFrame:
    """Read the few-shot table: one row per run and class; empty if nothing has been measured.

    Columns: `variant` (which classes are novel), `setting` ("base", "few-shot", "zero-shot", "partly supervised" or
    "all masks"), `start` ("base" or "backbone"), seed, class, `group` (novel or base), |F| and |W|, `background`
    (images of W without any of the run's classes), AP50 and AP70 of masks and boxes (0..100), `mask_iou` (0..1, mean
    over the objects whose box was found), `found` of `objects`, the hashes of settings and labels, code and machine.

    Args:
        path: Path of the table; by default the package's own.

    Raises:
        BudgetError: If it cannot be read or lacks a column.
    """
    path = path or table_path()
    if not path.is_file():
        return pd.DataFrame(columns=list(FEW_SHOT_COLUMNS))
    try:
        table = pd.read_csv(path, dtype={"spec_hash": str, "data_hash": str, "code_version": str})
    except (OSError, ValueError) as error:
        raise BudgetError(f"{path} is not a table ({error}). Measure again: scripts/measure_few_shot.py.") from error
    missing = [name for name in FEW_SHOT_COLUMNS if name not in table]
    if missing:
        raise BudgetError(f"{path} lacks the column {missing[0]}. Measure again: scripts/measure_few_shot.py.")
    return table[list(FEW_SHOT_COLUMNS)]
