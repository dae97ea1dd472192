"""Observations 1 to 3 of the paper (Sec. 4.3), on a measured grid: which splits score well, what more images bring."""

from __future__ import annotations

import pandas as pd

from splitlab.budget.atlas.grid import Grid, named
from splitlab.budget.atlas.in_words import change_in_words, rises_in_words, split_name
from splitlab.budget.atlas.lines import lines_along
from splitlab.budget.atlas.noise import Change, Split
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.results import SHORT_METRICS


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
