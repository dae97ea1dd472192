"""A statement of the paper with what the tables say about it."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

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
