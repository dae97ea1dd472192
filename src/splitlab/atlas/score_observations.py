"""The paper's observations about scores, tested on measured rows: lines of equal |F| or |W| and their slopes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import pandas as pd

from splitlab.atlas.grid import Grid, named
from splitlab.atlas.noise import Change, Split
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.results import SHORT_METRICS

_Size = Literal["full", "weak"]


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


def lines_along(grid: Grid, grows: _Size, score: str, sign: int = 1) -> Rises:
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


_SIZES = {"full": "|F|", "weak": "|W|"}
_OTHER: dict[_Size, _Size] = {"full": "weak", "weak": "full"}
_MOST_NAMED = 6


def split_name(split: Split) -> str:
    """Write a split as the paper does."""
    return f"{split[0]}/{split[1]}"


def listed(parts: Iterable[str]) -> str:
    """List some things, and say how many more there are."""
    told = list(parts)
    more = f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return ", ".join(told[:_MOST_NAMED]) + more


def change_in_words(change: Change, unit: str, scale: float = 1.0, digits: int = 1) -> str:
    """Say a change with the margin that noise leaves it, such as "25/0 to 25/400: +4.2 AP70 (noise: 3.1)"."""
    return (
        f"{split_name(change.start)} to {split_name(change.end)}: {change.change * scale:+.{digits}f} {unit} "
        f"(noise: {change.margin * scale:.{digits}f})"
    )


def rises_in_words(
    rises: Rises, grows: _Size, unit: str, scale: float = 1.0, digits: int = 1, up: str = "rises"
) -> str:
    """Say how many lines rise by more than noise, which do not, and which steps go the other way.

    Args:
        rises: the changes; turned round where a fall was asked for, and told as they were measured.
        grows: the size that grows along a line.
        unit: of the score.
        scale: what a change is told times.
        digits: behind its point.
        up: what was asked for, "rises" or "falls".
    """
    if not rises.ends:
        return f"No two splits with equal {_SIZES[_OTHER[grows]]} are measured."
    shown = [line for line in rises.ends if line.rises]
    against = [line for line in rises.ends if line.falls]
    open_lines = [line for line in rises.ends if not line.rises and not line.falls]
    steps = [step for step in rises.steps if step.falls]
    mean = sum(line.change for line in rises.ends) / len(rises.ends) * scale

    def told_as(change: Change) -> str:
        measured = replace(change, change=-change.change) if up == "falls" else change
        return change_in_words(measured, unit, scale, digits)

    told = [
        f"From the smallest {_SIZES[grows]} to the largest it {up} by more than noise in {len(shown)} of "
        f"{len(rises.ends)} lines, on average by {mean:.{digits}f} {unit}"
    ]
    for what, changes in (
        ("Within noise", open_lines),
        ("The other way", against),
        ("Single steps the other way", steps),
    ):
        if changes:
            told.append(f"{what}: {listed(told_as(line) for line in changes)}")
    return ". ".join(told) + "."


def extremes_lose(grid: Grid) -> Claim:
    """Check Observation 1: an extreme split is beaten by a middle one that costs no more."""
    rivals = _rivals(grid)
    comparisons = sum(len(middle) for middle in rivals.values())
    changes = {extreme: _best_change(grid, extreme, rivals[extreme], comparisons) for extreme in rivals}
    beaten = [extreme for extreme, change in changes.items() if change.rises]
    unbeaten = [extreme for extreme, change in changes.items() if change.falls]
    told = "; ".join(change_in_words(change, SHORT_METRICS[grid.metric]) for change in changes.values())
    return Claim(
        key="observation-1",
        section="4.3",
        statement="Observation 1. Extreme training data splits, where the absolute majority is either F or W, are "
        "not optimal in terms of labeling cost and performance.",
        verdict=_verdict_of_extremes(len(changes), len(beaten), len(unbeaten)),
        finding=f"{len(changes)} splits have no boxes or all of them and a middle split that costs no more. Beaten by "
        f"it by more than noise: {len(beaten)}; better than every such one by more than noise: {len(unbeaten)}. "
        f"The best middle split of the plan against each: {told or 'none'}.",
        rows=grid.runs,
    )


def few_masks_compete(grid: Grid) -> Claim:
    """Check Observation 2: the fewest masks with the most boxes against masks alone that cost as much or more."""
    few = _fewest_masks_most_boxes(grid.splits)
    (small,), hours = named(few), float(few["cost_hours"].iloc[0])
    alone = grid.splits[(grid.splits["weak"] == 0) & (grid.splits["cost_hours"] >= hours)]
    statement = (
        "Observation 2. Even with a small |F|, the model achieves competitive results, provided that |W| is large "
        "enough. (Here: it scores more than masks alone that cost as much or more.)"
    )
    finding = ""
    if small[1] == 0:
        finding = "No split of the fewest masks has boxes."
    elif alone.empty:
        finding = f"No split of masks alone costs as much as the {hours:.1f} h of {split_name(small)}."
    if finding:
        return Claim("observation-2", "4.3", statement, "not measured yet", finding, grid.runs)
    masks = named(alone)[0]
    change = grid.change(masks, small, grid.metric)
    return Claim(
        key="observation-2",
        section="4.3",
        statement=statement,
        verdict="holds" if change.rises else "does not hold" if change.falls else "not shown",
        finding=f"{change_in_words(change, SHORT_METRICS[grid.metric])}; it costs {hours:.1f} h, those masks "
        f"{float(alone['cost_hours'].iloc[0]):.1f} h.",
        rows=grid.runs,
    )


def more_boxes_help(grid: Grid) -> Claim:
    """Check the first half of Observation 3: more boxes raise the score for every number of masks."""
    rises = lines_along(grid, "weak", grid.metric)
    return Claim(
        key="observation-3-boxes",
        section="4.3",
        statement="Observation 3. Larger sizes of W result in better performance for any given size of F.",
        verdict=rises.verdict,
        finding=rises_in_words(rises, "weak", SHORT_METRICS[grid.metric]),
        rows=grid.runs,
    )


def more_masks_help(grid: Grid) -> Claim:
    """Check the second half of Observation 3: more masks raise the score for every number of boxes."""
    rises = lines_along(grid, "full", grid.metric)
    return Claim(
        key="observation-3-masks",
        section="4.3",
        statement="Observation 3. Larger sizes of F lead to better performance regardless of the size of W.",
        verdict=rises.verdict,
        finding=rises_in_words(rises, "full", SHORT_METRICS[grid.metric]),
        rows=grid.runs,
    )


def _rivals(grid: Grid) -> dict[Split, list[Split]]:
    """Return for each extreme split the middle ones that cost no more.

    The cheapest and the dearest split of all are left out, as the paper does, and those without such a rival.
    """
    splits = grid.splits
    extreme = (splits["weak"] == 0) | (splits["full"] + splits["weak"] >= grid.images)
    judged = splits.iloc[1:-1][extreme.iloc[1:-1]]
    found = {
        (int(row["full"]), int(row["weak"])): named(splits[~extreme & (splits["cost_hours"] <= row["cost_hours"])])
        for _, row in judged.iterrows()
    }
    return {split: rivals for split, rivals in found.items() if rivals}


def _best_change(grid: Grid, extreme: Split, rivals: list[Split], comparisons: int) -> Change:
    best = max(rivals, key=lambda split: grid.mean(split, grid.metric).value)
    return grid.change(extreme, best, grid.metric, comparisons)


def _verdict_of_extremes(extremes: int, beaten: int, unbeaten: int) -> Verdict:
    if not extremes:
        return "not measured yet"
    if beaten == extremes:
        return "holds"
    if beaten > max(extremes / 2, unbeaten):
        return "holds but for"
    return "does not hold" if unbeaten and beaten <= unbeaten else "not shown"


def _fewest_masks_most_boxes(splits: pd.DataFrame) -> pd.DataFrame:
    return splits.sort_values(["full", "weak"], ascending=[True, False]).head(1)
