"""How the planner compares with simple rivals, as `benchmarks/planner_rivals.py` measured it on made-up projects."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

RIVALS_COMMAND = "python benchmarks/planner_rivals.py --pilots 8 --csv src/splitlab/budget/tables/planner_rivals.csv"
"""What made the table."""


def rivals_table() -> pd.DataFrame:
    """Read the table: one row for each project, group of shapes and strategy.

    Columns: project, shapes ("all", "looked at" while the planner was tuned, or "held back"), strategy, runs (mean
    number of pilot runs), mean_regret and worst_regret (AP below the best affordable split), new_run and mean (share of
    new runs and of mean scores inside their 90% interval, 0..1), width (AP) and regret_if_boxes_hurt (mean regret for
    the shapes that fall with boxes).
    """
    import pandas as pd

    with (files("splitlab.budget") / "tables" / "planner_rivals.csv").open() as file:
        return pd.read_csv(file)
