"""The results table: one row for each model, published and measured alike, and what may be asked of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from splitlab.errors import BudgetError

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "published"
MEASURED = "measured"

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "ap50": "mask AP at IoU 0.50",
        "ap70": "mask AP at IoU 0.70",
        "ap75": "mask AP at IoU 0.75",
        "ap50_95": "mask AP, mean over IoU 0.50 to 0.95",
    }
)
"""Columns that hold a score, with the words to put on an axis. All are 0..100."""

SHORT_METRICS: Mapping[str, str] = MappingProxyType(
    {"ap50": "AP50", "ap70": "AP70", "ap75": "AP75", "ap50_95": "AP50:95"}
)
"""The same columns, with names short enough for a table's head."""

COLUMN_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "source": "str",
        "dataset": "str",
        "group": "str",
        "method": "str",
        "full": "int64",
        "weak": "int64",
        "cost_hours": "float64",
        "cost_hours_printed": "float64",
        **dict.fromkeys(METRICS, "float64"),
        "seed": "Int64",
        "run": "str",
        "settings": "str",
        "scored_on": "str",
        "note": "str",
    }
)
"""The columns of a results table, in order, with their pandas types."""


@dataclass(frozen=True)
class ResultRow:
    """One model of the results table.

    Attributes:
        source: `PUBLISHED` or `MEASURED`.
        dataset: Data set, such as "VOC2012"; rows of one data set may be compared.
        method: The model, such as "YOLOv5".
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        cost_hours: Annotation cost computed from the prices, not rounded.
        group: Kind of supervision; "split" for models trained on an F/W split.
        cost_hours_printed: The cost as a paper prints it; NaN if none does.
        ap50: Mask AP at IoU 0.50, 0..100; NaN if not reported, as for the other three.
        ap70: Mask AP at IoU 0.70.
        ap75: Mask AP at IoU 0.75.
        ap50_95: Mask AP, mean over IoU 0.50 to 0.95.
        seed: Seed of a measured run.
        run: Folder name of a measured run.
        settings: How it was trained, so that runs which differ by their seed alone say the same; empty if unknown.
        scored_on: Which images the scores were measured on, such as "val of pets, 119 images"; empty if unknown.
        note: What a reader must know about the row; empty if nothing.

    Raises:
        BudgetError: If a count or a cost is negative, or an AP lies outside 0..100.
    """

    source: str
    dataset: str
    method: str
    full: int
    weak: int
    cost_hours: float
    group: str = "split"
    cost_hours_printed: float = math.nan
    ap50: float = math.nan
    ap70: float = math.nan
    ap75: float = math.nan
    ap50_95: float = math.nan
    seed: int | None = None
    run: str = ""
    settings: str = ""
    scored_on: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.source not in (PUBLISHED, MEASURED):
            raise BudgetError(f"source is {self.source!r}: a result is either {PUBLISHED!r} or {MEASURED!r}.")
        for name in ("full", "weak", "cost_hours"):
            if not getattr(self, name) >= 0:
                raise BudgetError(f"{name} of {self.method} is {getattr(self, name)}: it must be 0 or more.")
        for metric in METRICS:
            score = getattr(self, metric)
            if not (math.isnan(score) or 0 <= score <= 100):
                raise BudgetError(
                    f"{metric} of {self.method} is {score}: an AP lies in 0..100; leave it out if unknown."
                )


def results_table(rows: Iterable[ResultRow]) -> pd.DataFrame:
    """The rows as one table with the columns and types of `COLUMN_TYPES`; empty if there are none.

    Tables made here can be joined with `pd.concat([published_results(), measured], ignore_index=True)`.
    """
    # A plan by published results starts without pandas.
    import pandas as pd

    records = [{name: getattr(row, name) for name in COLUMN_TYPES} for row in rows]
    return pd.DataFrame(records, columns=list(COLUMN_TYPES)).astype(dict(COLUMN_TYPES))


def reported_metrics(table: pd.DataFrame, dataset: str) -> list[str]:
    """The metrics that at least one row of the data set reports, in the order of `METRICS`.

    Raises:
        BudgetError: If the table has no row of that data set.
    """
    rows = table[table["dataset"] == dataset]
    if rows.empty:
        known = ", ".join(sorted(table["dataset"].unique())) or "none"
        raise BudgetError(f"no results for data set {dataset!r}: the table holds {known}.")
    return [metric for metric in METRICS if rows[metric].notna().any()]


def cheaper_and_better(table: pd.DataFrame, cost_hours: float, ap: float, metric: str) -> pd.DataFrame:
    """Rows that cost no more and score no less than the point given, and beat it in at least one of the two.

    Hand in the rows of one data set: costs and scores of different data sets do not compare.

    Args:
        table: A results table.
        cost_hours: Annotation cost of the point, hours, not rounded: a rounded cost makes a row beat itself.
        ap: Its score, 0..100.
        metric: The column the score is of, one of `METRICS`.

    Returns:
        The rows, best score first, then cheapest first.

    Raises:
        BudgetError: If the metric is none of `METRICS`.
    """
    check_metric(metric)
    cost, score = table["cost_hours"], table[metric]
    beats = (cost <= cost_hours) & (score >= ap) & ((cost < cost_hours) | (score > ap))
    return table[beats].sort_values([metric, "cost_hours"], ascending=[False, True], kind="stable")


def check_metric(metric: str) -> None:
    """Raise a `BudgetError` that lists the choices if `metric` is no column of scores."""
    if metric not in METRICS:
        raise BudgetError(f"unknown metric {metric!r}: choose one of {', '.join(METRICS)}.")
