"""Splits in lines: one size stays, the other grows. Whether a score rises along them, step by step and end to end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from splitlab.budget.atlas.grid import Grid, named
from splitlab.budget.atlas.noise import Change
from splitlab.budget.claims.claim import Verdict

Size = Literal["full", "weak"]


@dataclass(frozen=True)
class Rises:
    """What a score does as one size grows.

    Attributes:
        ends: of each line the change from its smallest to its largest split.
        steps: of all lines the changes between neighbours.
    """

    ends: tuple[Change, ...]
    steps: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on "it rises in every line".

        It holds where every line rises by more than noise and no step falls by more; with exceptions, where more than
        half of the lines rise and more than fall. Where less is shown, it is not shown; it does not hold where lines
        or steps fall and no more lines rise.
        """
        if not self.ends:
            return "not measured yet"
        rising, falling = sum(line.rises for line in self.ends), sum(line.falls for line in self.ends)
        falls = falling or any(step.falls for step in self.steps)
        if rising == len(self.ends) and not falls:
            return "holds"
        if rising > max(len(self.ends) / 2, falling):
            return "holds but for"
        return "does not hold" if falls and rising <= falling else "not shown"


def lines_along(grid: Grid, grows: Size, score: str, sign: int = 1) -> Rises:
    """Look at every line of at least two splits along which one size grows.

    Ends and steps share out their doubt each among themselves: noise alone makes any line rise with at most 5 %, and
    refutes a claim, by a line or a step, with at most 10 %.

    Args:
        grid: what was measured.
        grows: the size that grows; the other stays.
        score: the column that is looked at.
        sign: 1 to ask whether it rises, -1 to ask whether it falls.

    Raises:
        BudgetError: too few splits have two seeds.
    """
    fixed = "weak" if grows == "full" else "full"
    by_line = grid.splits[grid.splits[score].notna()].sort_values(grows).groupby(fixed)
    lines = [named(line) for _, line in by_line if len(line) > 1]
    ends = [(line[0], line[-1]) for line in lines]
    steps = [pair for line in lines for pair in pairwise(line)]
    return Rises(*(tuple(grid.change(*pair, score, len(pairs), sign) for pair in pairs) for pairs in (ends, steps)))
