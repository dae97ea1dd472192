"""What boxes bought: pairs of models with the same masks, one of them with boxes on top."""

import pandas as pd

from splitlab.budget.annotation_cost import box_hours, prices_for
from splitlab.budget.results import check_metric
from splitlab.budget.ways_of_training import ways_of_training

_MODEL = ["source", "dataset", "method", "way", "full"]


def weak_gains(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one row for each split with boxes whose masks were also trained on alone, in the same way.

    Args:
        table: a results table; of several trainings of a split the mean counts.
        metric: one of `METRICS`; rows without it are passed over.

    Returns:
        Columns source, dataset, method, way, full, weak, alone and together (AP 0..100 without and with the
        boxes), and hours (what the boxes cost, by the data set's prices); by |F|, then |W|, within each model.

    Raises:
        BudgetError: the metric is none of `METRICS`.
    """
    check_metric(metric)
    scored = table[(table["group"] == "split") & table[metric].notna()]
    scored = scored.assign(way=ways_of_training(scored))
    means = scored.groupby([*_MODEL, "weak"], sort=False)[metric].mean().reset_index()
    alone = means[means["weak"] == 0].drop(columns="weak").rename(columns={metric: "alone"})
    pairs = means[means["weak"] > 0].rename(columns={metric: "together"}).merge(alone, on=_MODEL)
    hours = [
        box_hours(float(weak), prices_for(dataset))
        for weak, dataset in zip(pairs["weak"], pairs["dataset"], strict=True)
    ]
    return pairs.assign(hours=hours).sort_values([*_MODEL, "weak"], ignore_index=True)
