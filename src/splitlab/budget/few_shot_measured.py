"""Few-shot as it was measured here, on the embedded data set: the table that comes with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd

from splitlab.errors import BudgetError

TABLE = "few_shot/embedded.csv"
COLUMNS = (
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

SETTINGS = ("base", "few-shot", "zero-shot", "partly supervised", "all masks")
STARTS = ("base", "backbone")
NOVEL, BASE = "novel", "base"


def table_path() -> Path:
    """Return where the table lies in the package; it is there once something has been measured."""
    return Path(str(files("splitlab").joinpath("measured", TABLE)))


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
        return pd.DataFrame(columns=list(COLUMNS))
    try:
        table = pd.read_csv(path, dtype={"spec_hash": str, "data_hash": str, "code_version": str})
    except (OSError, ValueError) as error:
        raise BudgetError(f"{path} is no table ({error}). Measure again: scripts/measure_few_shot.py.") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise BudgetError(f"{path} lacks the column {missing[0]}. Measure again: scripts/measure_few_shot.py.")
    return table[list(COLUMNS)]
