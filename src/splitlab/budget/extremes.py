"""Extreme splits, no boxes or no image left without a label, and what beats them (Observation 1)."""

import pandas as pd

from splitlab.budget.results import cheaper_and_better


def extreme_splits(rows: pd.DataFrame, metric: str, images: int) -> pd.DataFrame:
    """Return the extreme splits of one model on one data set, each with the best split that costs no more.

    Extreme are splits without boxes, and those that label all images. The cheapest and the dearest of all rows are left
    out, as in the paper (Sec. 4.3): they have nothing to be compared with.

    Args:
        rows: of one model on one data set that report the metric.
        metric: one of `METRICS`.
        images: training images there are.

    Returns:
        full, weak, cost_hours and ap of each, by cost; and of what beats it by_full, by_weak, by_hours, by_ap: missing
        where nothing does. `beaten` says which.

    Raises:
        BudgetError: the metric is none of `METRICS`.
    """
    inner = rows.sort_values("cost_hours").iloc[1:-1]
    extreme = inner[(inner["weak"] == 0) | (inner["full"] + inner["weak"] == images)]
    told = [_told(row, rows, metric) for _, row in extreme.iterrows()]
    columns = ["full", "weak", "cost_hours", "ap", "beaten", "by_full", "by_weak", "by_hours", "by_ap"]
    return pd.DataFrame(told, columns=columns)


def _told(row: "pd.Series[float]", rows: pd.DataFrame, metric: str) -> dict[str, object]:
    better = cheaper_and_better(rows, float(row["cost_hours"]), float(row[metric]), metric).head(1)
    told: dict[str, object] = {
        "full": int(row["full"]),
        "weak": int(row["weak"]),
        "cost_hours": float(row["cost_hours"]),
        "ap": float(row[metric]),
        "beaten": not better.empty,
    }
    if not better.empty:
        best = better.iloc[0]
        told |= {
            "by_full": int(best["full"]),
            "by_weak": int(best["weak"]),
            "by_hours": float(best["cost_hours"]),
            "by_ap": float(best[metric]),
        }
    return told
