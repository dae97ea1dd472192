"""Advice that was written down before its runs: the planner has changed since, what it told then has not."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from splitlab.budget.planner import SplitForecast
from splitlab.errors import BudgetError


def read_told(path: Path, metric: str) -> dict[float, SplitForecast]:
    """Read the advice of one metric by its budget in hours; a file that is not there tells of none.

    The intervals are those of one training by the planner of November 2026, which counted the luck of a seed as noise.

    Raises:
        BudgetError: the file is no such table.
    """
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(path)
        rows = table[table["metric"] == metric]
        return {float(row["hours"]): _forecast(row) for row in rows.to_dict("records")}
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BudgetError(f"{path} cannot be read ({error}). Put the file of the repository back.") from error


def _forecast(row: dict[Hashable, Any]) -> SplitForecast:
    return SplitForecast(
        full=int(row["full"]),
        weak=int(row["weak"]),
        hours=float(row["cost_hours"]),
        ap=float(row["ap"]),
        low=float(row["low"]),
        high=float(row["high"]),
        extrapolates=False,
    )
