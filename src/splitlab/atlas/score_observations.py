"""The paper's observations about scores, tested on measured rows along lines of equal |F| or |W|."""

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
    """How a score changes as one size grows.

    Attributes:
        ends: For each line the change from its smallest to its largest split.
        steps: For all lines the changes between neighbours.
    """

    ends: tuple[Change, ...]
    steps: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on "the score rises along every line".

        It holds if every line rises by more than noise and no step falls by more. It holds with exceptions if more than
        half of the lines rise, and more rise than fall. It does not hold if lines or steps fall and no more lines rise
        than fall. Otherwise there is not enough evidence.
        """
        if not self.ends:
            return "not measured yet"
        rising, falling = sum(line.rises for line in self.ends), sum(line.falls for line in self.ends)
        falls = falling or any(step.falls for step in self.steps)
        if rising == len(self.ends) and not falls:
            return "holds"
        if rising > max(len(self.ends) / 2, falling):
            return "holds but for"
        return "does not hold" if falls and rising <= falling else "not enough evidence"


def lines_along(grid: Grid, grows: _Size, score: str, sign: int = 1) -> Rises:
    """Look at every line of at least two splits along which one size grows.

    Lines and steps are corrected for multiple comparisons separately: noise alone makes any line rise with a chance of
    at most 5 %, and refutes a claim with a chance of at most 10 %.

    Args:
        grid: The measured grid.
        grows: The size that grows; the other is fixed.
        score: Column of the score.
        sign: 1 to ask whether it rises, -1 to ask whether it falls.
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
    """Return a split as the paper writes it."""
    return f"{split[0]}/{split[1]}"


def listed(parts: Iterable[str]) -> str:
    """List some parts, and say how many more there are."""
    names = list(parts)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def change_in_words(change: Change, unit: str, scale: float = 1.0, digits: int = 1) -> str:
    """Describe a change with its noise margin, such as "25/0 to 25/400: +4.2 AP70 (noise: 3.1)"."""
    return (
        f"{split_name(change.start)} to {split_name(change.end)}: {change.change * scale:+.{digits}f} {unit} "
        f"(noise: {change.margin * scale:.{digits}f})"
    )


def rises_in_words(
    rises: Rises, grows: _Size, unit: str, scale: float = 1.0, digits: int = 1, up: str = "rises"
) -> str:
    """Say how many lines rise by more than noise, which do not, and which steps go the other way.

    Args:
        rises: The changes; with inverted sign if `up` is "falls", but described as measured.
        grows: The size that grows along a line.
        unit: Unit of the score.
        scale: Factor from the score to its unit.
        digits: Number of decimals.
        up: The expected direction, "rises" or "falls".
    """
    if not rises.ends:
        return f"No two splits with equal {_SIZES[_OTHER[grows]]} are measured."
    rising = sum(line.rises for line in rises.ends)
    mean = sum(line.change for line in rises.ends) / len(rises.ends) * scale

    def as_measured(change: Change) -> str:
        measured = replace(change, change=-change.change) if up == "falls" else change
        return change_in_words(measured, unit, scale, digits)

    sentences = [
        f"From the smallest {_SIZES[grows]} to the largest it {up} by more than noise in {rising} of "
        f"{len(rises.ends)} lines, on average by {mean:.{digits}f} {unit}"
    ]
    for what, changes in (
        ("Within noise", [line for line in rises.ends if not line.rises and not line.falls]),
        ("The other way", [line for line in rises.ends if line.falls]),
        ("Single steps the other way", [step for step in rises.steps if step.falls]),
    ):
        if changes:
            sentences.append(f"{what}: {listed(map(as_measured, changes))}")
    return ". ".join(sentences) + "."


def extremes_lose(grid: Grid) -> Claim:
    """Check Observation 1: an extreme split is beaten by a middle one that costs no more."""
    rivals = _rivals(grid)
    comparisons = sum(len(middle) for middle in rivals.values())
    changes = {extreme: _best_change(grid, extreme, rivals[extreme], comparisons) for extreme in rivals}
    beaten = [extreme for extreme, change in changes.items() if change.rises]
    unbeaten = [extreme for extreme, change in changes.items() if change.falls]
    best = "; ".join(change_in_words(change, SHORT_METRICS[grid.metric]) for change in changes.values())
    return Claim(
        key="observation-1",
        section="4.3",
        statement="Observation 1. Extreme training data splits, where the absolute majority is either F or W, are "
        "not optimal in terms of labeling cost and performance.",
        verdict=_verdict_of_extremes(len(changes), len(beaten), len(unbeaten)),
        finding=f"{len(changes)} extreme splits have a middle split that costs no more. Beaten by it by more than "
        f"noise: {len(beaten)}; better than every such split by more than noise: {len(unbeaten)}. "
        f"Change from each to the best such split: {best or 'none'}.",
        rows=grid.runs,
    )


def few_masks_compete(grid: Grid) -> Claim:
    """Check Observation 2: the fewest masks with the most boxes against masks alone at the same cost or more."""
    few = _fewest_masks_most_boxes(grid.splits)
    (small,), hours = named(few), float(few["cost_hours"].iloc[0])
    alone = grid.splits[(grid.splits["weak"] == 0) & (grid.splits["cost_hours"] >= hours)]
    statement = (
        "Observation 2. Even with a small |F|, the model achieves competitive results, provided that |W| is large "
        "enough. (Here: it scores more than masks alone at the same cost or more.)"
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
        verdict="holds" if change.rises else "does not hold" if change.falls else "not enough evidence",
        finding=f"{change_in_words(change, SHORT_METRICS[grid.metric])}; it costs {hours:.1f} h, the masks alone "
        f"{float(alone['cost_hours'].iloc[0]):.1f} h.",
        rows=grid.runs,
    )


def more_boxes_help(grid: Grid) -> Claim:
    """Check the first half of Observation 3: more boxes raise the score for every number of masks."""
    statement = "Observation 3. Larger sizes of W result in better performance for any given size of F."
    return _observation_3(grid, "weak", "observation-3-boxes", statement)


def more_masks_help(grid: Grid) -> Claim:
    """Check the second half of Observation 3: more masks raise the score for every number of boxes."""
    statement = "Observation 3. Larger sizes of F lead to better performance regardless of the size of W."
    return _observation_3(grid, "full", "observation-3-masks", statement)


def _observation_3(grid: Grid, grows: _Size, key: str, statement: str) -> Claim:
    rises = lines_along(grid, grows, grid.metric)
    finding = rises_in_words(rises, grows, SHORT_METRICS[grid.metric])
    return Claim(key, "4.3", statement, rises.verdict, finding, grid.runs)


def _rivals(grid: Grid) -> dict[Split, list[Split]]:
    """Return for each extreme split the middle splits that cost no more, without the cheapest and the dearest split."""
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
    return "does not hold" if unbeaten and beaten <= unbeaten else "not enough evidence"


def _fewest_masks_most_boxes(splits: pd.DataFrame) -> pd.DataFrame:
    return splits.sort_values(["full", "weak"], ascending=[True, False]).head(1)
