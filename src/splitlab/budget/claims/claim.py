"""One claim of the paper: its text, where it stands, and the verdict."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from splitlab.budget.results import cheaper_and_better
from splitlab.errors import BudgetError

Verdict = Literal["holds", "holds but for", "does not hold", "not shown", "not measured yet"]
"""The last two are for our own measurements: a difference within noise shows nothing, and runs may be missing."""


@dataclass(frozen=True, eq=False)
class Claim:
    """One statement of the paper, checked.

    Attributes:
        key: Short name that stays the same, for links.
        section: Section of the paper, such as "4.3".
        statement: What the paper says, in its words or close to them.
        verdict: Whether the tables bear it out; "holds but for" if they do with an exception that `finding` names.
        finding: The recomputed figures in a sentence.
        rows: The rows of the published or measured table it rests on; empty if it rests on none.
    """

    key: str
    section: str
    statement: str
    verdict: Verdict
    finding: str
    rows: pd.DataFrame


def verdict(holds: bool, exceptions: bool) -> Verdict:
    """The verdict on a statement that `holds` as a whole, with or without `exceptions`."""
    if not holds:
        return "does not hold"
    return "holds but for" if exceptions else "holds"


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
