"""Find rows of the published tables by their split, and put them in words."""

import pandas as pd

from splitlab.budget.results import cheaper_and_better
from splitlab.errors import BudgetError


def pick(table: pd.DataFrame, dataset: str, *models: tuple[str, int, int]) -> pd.DataFrame:
    """The rows of the models (method, |F|, |W|) of a data set, in the order asked for.

    Raises:
        BudgetError: If one of them is not in the table.
    """
    rows = table[table["dataset"] == dataset]
    found = []
    for method, full, weak in models:
        row = rows[(rows["method"] == method) & (rows["full"] == full) & (rows["weak"] == weak)]
        if row.empty:
            raise BudgetError(f"the published tables hold no {method} {full}/{weak} on {dataset}.")
        found.append(row)
    return pd.concat(found)


def splits(rows: pd.DataFrame) -> str:
    """The rows' splits in words, such as "400/5000, 800/3000"."""
    return ", ".join(f"{full}/{weak}" for full, weak in zip(rows["full"], rows["weak"], strict=True))


def unbeaten(rows: pd.DataFrame, among: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Those of the rows that no row of `among` beats by costing no more and scoring no less."""
    beaten = [
        not cheaper_and_better(among, cost, ap, metric).empty
        for cost, ap in zip(rows["cost_hours"], rows[metric], strict=True)
    ]
    return rows[[not lost for lost in beaten]]
