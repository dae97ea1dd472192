"""The paper's tables and figures as data, and the AP surfaces fitted to them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from splitlab.budget.cost import PRESETS, cost_hours
from splitlab.budget.fit import FittedSurface, fit_surface
from splitlab.budget.results import METRICS, PUBLISHED, ResultRow, check_metric, results_table
from splitlab.errors import BudgetError

if TYPE_CHECKING:
    import pandas as pd

TRAINING_IMAGES: Mapping[str, int] = MappingProxyType({"VOC2012": 10731, "Cityscapes": 2975})
"""Number of training images (Sec. 3.1), the limit of |F| + |W|."""

MAIN_METRIC: Mapping[str, str] = MappingProxyType({"VOC2012": "ap70", "Cityscapes": "ap50_95"})
"""The paper's main score on each dataset (Fig. 1)."""

FLATTERED_METHOD = "YOLOv5"
FLATTERED = (
    "The paper's YOLOv5 scores are optimistic: they are those of best.pt, the checkpoint that scored highest on the "
    "same images that are reported. Scores measured with SplitLab are those of the averaged weights at the end of a "
    "run."
)
"""Shown beside the rows of `FLATTERED_METHOD` in Tables 2 and 3."""

_TABLES = files("splitlab.budget") / "tables"
_SCORED_ON = {"VOC2012": "val of VOC2012, 1,449 images", "Cityscapes": "val of Cityscapes, 500 images"}
_RESULT_FILES = {"VOC2012": "table2_voc2012.csv", "Cityscapes": "table3_cityscapes.csv"}


def published_results() -> pd.DataFrame:
    """Return the rows of the paper's Table 2 (VOC2012, 58 rows) and Table 3 (Cityscapes, 41 rows) as one table.

    Columns: dataset, method, group ("split" for F/W splits), full and weak (images), cost_hours (from Table 1),
    cost_hours_printed, ap50, ap70, ap75 and ap50_95 (0 to 100, as printed). `note` says where a row contradicts itself.
    """
    return results_table(_published_rows())


def _published_splits(dataset: str, method: str) -> list[ResultRow]:
    """Return the published rows of one model trained on F/W splits of a dataset, without pandas."""
    splits = [row for row in _published_rows() if row.group == "split"]
    rows = [row for row in splits if (row.dataset, row.method) == (dataset, method)]
    if not rows:
        raise _no_splits(dataset, method, (f"{row.method} on {row.dataset}" for row in splits))
    return rows


def published_few_shot() -> pd.DataFrame:
    """Return Table 4: AP70 (0..100) for each of eight VOC2012 classes and all, one row per pretraining."""
    # `splitlab plan` starts without pandas.
    import pandas as pd

    with (_TABLES / "table4_few_shot_ap70.csv").open() as file:
        return pd.read_csv(file)


def method_rows(table: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    """Return the rows of one model trained on F/W splits of a dataset, such as YOLOv5 on VOC2012 (20 rows)."""
    splits = table[table["group"] == "split"]
    rows = splits[(splits["dataset"] == dataset) & (splits["method"] == method)]
    if rows.empty:
        raise _no_splits(dataset, method, splits["method"] + " on " + splits["dataset"])
    return rows


def _no_splits(dataset: str, method: str, known: Iterable[str]) -> BudgetError:
    return BudgetError(f"no F/W splits of {method} on {dataset}: there are {', '.join(sorted(set(known)))}.")


def _published_rows() -> list[ResultRow]:
    rows = []
    for dataset, name in _RESULT_FILES.items():
        with (_TABLES / name).open() as file:
            rows += [_result_row(dataset, row) for row in csv.DictReader(file)]
    return rows


def _result_row(dataset: str, row: Mapping[str, str]) -> ResultRow:
    # An empty cell of the |F| or |W| column means no image of that kind.
    full, weak = int(row["full"] or 0), int(row["weak"] or 0)
    ap50, ap70, ap75, ap50_95 = (float(row.get(metric) or math.nan) for metric in METRICS)
    cost, printed = cost_hours(full, weak, PRESETS[dataset]), float(row["cost_hours"])
    notes = []
    if f"{cost:.1f}" != f"{printed:.1f}":
        notes.append(f"The paper prints {printed:.1f} h; Table 1 gives {cost:.1f} h.")
    if ap75 > ap70:
        notes.append(f"Misprint: AP75 {ap75} above AP70 {ap70}, but AP cannot rise with the IoU threshold.")
    return ResultRow(
        source=PUBLISHED,
        dataset=dataset,
        group=row["group"],
        method=row["method"],
        full=full,
        weak=weak,
        cost_hours=cost,
        cost_hours_printed=printed,
        ap50=ap50,
        ap70=ap70,
        ap75=ap75,
        ap50_95=ap50_95,
        scored_on=_SCORED_ON[dataset],
        note=" ".join(notes),
    )


@dataclass(frozen=True)
class FigureColumn:
    """One column of a figure: its printed header, such as "200/10k", and its split in the paper's tables."""

    printed: str
    full: int
    weak: int


@dataclass(frozen=True)
class PublishedFigure:
    """A figure of the paper with the masks of several models side by side, and the recipe that trains its models.

    The columns are those after the photo and the ground truth.
    """

    name: str
    dataset: str
    method: str
    recipe: str
    columns: tuple[FigureColumn, ...]


FIGURES = (
    PublishedFigure(
        "Fig. 2", "VOC2012", "YOLOv5", "paper-voc",
        (
            FigureColumn("200/10k", 200, 10531),
            FigureColumn("400/5k", 400, 5000),
            FigureColumn("800/3k", 800, 3000),
            FigureColumn("1464/0", 1464, 0),
        ),
    ),
    PublishedFigure(
        "Fig. 3", "Cityscapes", "YOLOv5", "paper-cityscapes",
        (
            FigureColumn("200/2775", 200, 2775),
            FigureColumn("400/2k", 400, 2000),
            FigureColumn("800/1k", 800, 1000),
            FigureColumn("1475/0", 1475, 0),
        ),
    ),
    PublishedFigure(
        "Fig. 4", "VOC2012", "DETR", "paper-detr-voc",
        (
            FigureColumn("400/10k", 400, 10331),
            FigureColumn("800/3k", 800, 3000),
            FigureColumn("1464/1000", 1464, 1000),
        ),
    ),
)  # fmt: skip


@cache
def published_surface(dataset: str, method: str, metric: str) -> FittedSurface:
    """Fit the AP surface to a model of Table 2 or 3, such as ("VOC2012", "YOLOv5", "ap70").

    The impossible AP75 of DETR 400/10331 is left out: it would shift the surface by ten AP.

    Raises:
        BudgetError: If the paper does not report this metric for this model.
    """
    check_metric(metric)
    rows = [row for row in _published_splits(dataset, method) if not math.isnan(getattr(row, metric))]
    if metric == "ap75":
        rows = [row for row in rows if row.ap75 <= row.ap70]
    if not rows:
        raise BudgetError(f"the paper reports no {metric} for {method} on {dataset}: choose another metric.")
    return fit_surface([row.full for row in rows], [row.weak for row in rows], [getattr(row, metric) for row in rows])
