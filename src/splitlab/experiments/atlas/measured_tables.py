"""The tables of the atlas as the rest of the project reads them: grids for verdicts, results and curves for charts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.budget.atlas.equal_scores import SAME_AP
from splitlab.budget.atlas.grid import Grid, measured_grid, named, verdict_metric
from splitlab.budget.atlas.measured_law import measured_law
from splitlab.budget.atlas.measured_row import MeasuredRow, newest, read_rows
from splitlab.budget.atlas.told_advice import read_told
from splitlab.budget.atlas.verdicts import measured_claims
from splitlab.budget.claims import Claim
from splitlab.budget.equiscore import PaperCurve
from splitlab.budget.published import MAIN_METRIC
from splitlab.budget.results import MEASURED, METRICS, ResultRow, results_table
from splitlab.errors import BudgetError
from splitlab.experiments.atlas.plans import Atlas, atlas_names, read_atlas
from splitlab.workspace import Workspace

TEST_PART = ", test part"
"""Follows a data set's name in charts: scores on another part do not compare."""


def main_metric(dataset: str) -> str:
    """Return the column of AP that models of a data set are compared by, where nobody asks for another.

    The paper's for its own data sets, else what an atlas's verdicts go by.

    Args:
        dataset: as a results table names it.
    """
    return MAIN_METRIC.get(dataset) or verdict_metric(dataset.removesuffix(TEST_PART))


def grid_of(atlas: Atlas, metric: str) -> Grid | None:
    """Return what was measured of an atlas; None where nothing was.

    Raises:
        SplitLabError: its table or a plan is broken, or the metric is none.
    """
    rows = read_rows(atlas.table)
    if not rows:
        return None
    return measured_grid(rows, atlas.planned(newest(rows).train_images), metric, read_told(atlas.advice, metric))


def atlas_claims(name: str, metric: str, workspace: Workspace) -> list[Claim]:
    """Return what an atlas says of the paper's observations, the law and the planner; nothing where it has no row.

    Raises:
        SplitLabError: there is no such atlas, its table or a plan is broken, or the metric is none.
    """
    grid = grid_of(read_atlas(name, workspace.measured, workspace.data), metric)
    return measured_claims(grid) if grid else []


def atlas_results(measured: Path) -> pd.DataFrame:
    """Return the rows of all atlases as a results table; of each the newest data and test part alone.

    Args:
        measured: the folder of tables.

    Raises:
        BudgetError: a table is broken.
    """
    tables = [read_rows(path) for path in sorted(measured.glob("[!.]*.csv"))]
    return results_table(_result(row) for rows in tables for row in rows if _parts(row) == _parts(newest(rows)))


def train_images(measured: Path) -> dict[str, int]:
    """Return how many images F and W are drawn from, by the data sets' names in `atlas_results`.

    Raises:
        BudgetError: a table is broken.
    """
    tables = [read_rows(path) for path in sorted(measured.glob("[!.]*.csv"))]
    return {row.dataset + TEST_PART: row.train_images for row in map(newest, filter(None, tables))}


def measured_curves(workspace: Workspace) -> tuple[PaperCurve, ...]:
    """Return the equiscore curve of each atlas whose grid shows one, with the splits that score within an AP of it.

    Raises:
        SplitLabError: a table or a plan is broken.
    """
    atlases = [read_atlas(name, workspace.measured, workspace.data) for name in atlas_names(workspace.measured)]
    grids = [grid for atlas in atlases if (grid := grid_of(atlas, verdict_metric(atlas.name))) is not None]
    return tuple(curve for grid in grids if (curve := _curve(grid)) is not None)


def _curve(grid: Grid) -> PaperCurve | None:
    try:
        fitted = measured_law(grid)
    except BudgetError:
        return None  # too few lines reach a score, or too few splits have two seeds yet
    first, splits = grid.rows.iloc[0], grid.splits
    near = splits[(splits[grid.metric] - fitted.level).abs() <= SAME_AP]
    return PaperCurve(
        panel=str(first["dataset"]),
        dataset=str(first["dataset"]) + TEST_PART,
        method=str(first["model"]),
        metric=grid.metric,
        score=round(fitted.level, 1),
        law=fitted.law,
        splits=tuple(sorted(named(near))),
    )


def _parts(row: MeasuredRow) -> tuple[str, str]:
    return row.data_hash, row.test_hash


def _result(row: MeasuredRow) -> ResultRow:
    prices = prices_for(row.dataset)
    return ResultRow(
        source=MEASURED,
        dataset=row.dataset + TEST_PART,
        method=row.model,
        full=row.full,
        weak=row.weak,
        cost_hours=cost_hours(row.full, row.weak, prices),
        **{metric: getattr(row, metric) for metric in METRICS},
        seed=row.seed,
        run=f"atlas-{row.spec_hash}",
        settings=row.settings,
        scored_on=f"test part of {row.dataset}, {row.test_images:,} images",
        note=f"One run, seed {row.seed}, scored on {row.test_images} images that no choice has seen. "
        f"Cost by {prices.name} prices.",
    )
