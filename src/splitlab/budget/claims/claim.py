"""One claim of the paper: its text, where it stands, and the verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from splitlab.budget.results import cheaper_and_better
from splitlab.errors import BudgetError

Verdict = Literal["holds", "holds but for", "does not hold", "not enough evidence", "not measured yet"]
"""The last two are for measured claims: the difference may be within noise, or runs may be missing."""


@dataclass(frozen=True, eq=False)
class Claim:
    """One statement of the paper, checked.

    Attributes:
        key: Short, stable name for links.
        section: Section of the paper, such as "4.3".
        statement: What the paper says, in its words or close to them.
        verdict: Whether the tables support it; "holds but for" if with an exception that `finding` names.
        finding: The recomputed figures in a sentence.
        rows: The rows of the results table it is based on; may be empty.
    """

    key: str
    section: str
    statement: str
    verdict: Verdict
    finding: str
    rows: pd.DataFrame


Checked = tuple[Verdict, str, pd.DataFrame]
"""Verdict, finding and rows of a claim."""

Check = Callable[[pd.DataFrame], Checked]
"""Checks a claim on the table of published results."""


class ClaimList:
    """The claims of a part of the paper, registered by a decorator in the order of the paper."""

    def __init__(self) -> None:
        self._claims: list[tuple[str, str, str, Check]] = []

    def add(self, key: str, section: str, statement: str) -> Callable[[Check], Check]:
        """Register the decorated check for a claim."""

        def register(check: Check) -> Check:
            self._claims.append((key, section, statement, check))
            return check

        return register

    def on(self, table: pd.DataFrame) -> list[Claim]:
        """Check all claims on a table of published results."""
        return [Claim(key, section, statement, *check(table)) for key, section, statement, check in self._claims]


def verdict(holds: bool, exceptions: bool = False) -> Verdict:
    """Return the verdict on a statement that `holds` as a whole, with or without `exceptions`."""
    if not holds:
        return "does not hold"
    return "holds but for" if exceptions else "holds"


def pick(table: pd.DataFrame, dataset: str, *models: tuple[str, int, int]) -> pd.DataFrame:
    """Return the rows of models (method, |F|, |W|) on a dataset, in the given order."""
    rows = table[table["dataset"] == dataset]
    found = []
    for method, full, weak in models:
        row = rows[(rows["method"] == method) & (rows["full"] == full) & (rows["weak"] == weak)]
        if row.empty:
            raise BudgetError(f"the published tables have no {method} {full}/{weak} on {dataset}.")
        found.append(row)
    return pd.concat(found)


def splits(rows: pd.DataFrame) -> str:
    """Return the rows' splits in words, such as "400/5000, 800/3000"."""
    return ", ".join(f"{full}/{weak}" for full, weak in zip(rows["full"], rows["weak"], strict=True))


def unbeaten(rows: pd.DataFrame, among: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return those rows that no row of `among` beats by costing no more and scoring no less."""
    beats = (cheaper_and_better(among, row["cost_hours"], row[metric], metric) for _, row in rows.iterrows())
    return rows[[better.empty for better in beats]]
