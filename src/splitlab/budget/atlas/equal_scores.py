"""Splits that score about the same: the columns that the paper's Fig. 2 shows side by side, found by a rule."""

from __future__ import annotations

import pandas as pd

SAME_AP = 1.0
"""AP within which scores count as the same, as for the published tables."""


def equal_score_splits(splits: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Pick the largest set of splits that score about the same, one for each |F|, from few masks to many.

    Every split's score is tried as the level: of each |F| the split nearest to it is taken, if it is within `SAME_AP`.
    The level that most |F| reach is kept; of equals the one that its splits lie closest to.

    Args:
        splits: of a grid.
        metric: the column of AP.
    """
    found = [_around(splits, metric, level) for level in splits[metric].dropna()]
    return max(found, key=lambda rows: (len(rows), -float(rows["off"].mean()))).drop(columns="off")


def _around(splits: pd.DataFrame, metric: str, level: float) -> pd.DataFrame:
    near = splits.assign(off=(splits[metric] - level).abs())
    near = near[near["off"] <= SAME_AP].sort_values("off", kind="stable")
    return near.drop_duplicates("full").sort_values("full", ignore_index=True)
