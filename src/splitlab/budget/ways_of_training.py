"""How models were trained, so that only those are compared that differ by their split and seed alone."""

import pandas as pd

BY_SPLIT = "steps by split"
"""The way of models whose settings follow from their split, such as steps that are counted in passes over it."""


def ways_of_training(rows: pd.DataFrame) -> "pd.Series[str]":
    """Name for each row of a results table how it was trained; empty for published models.

    That is its settings. Where every split of one model on one data set has settings of its own, and splits share some
    only where they hold as many images, the settings follow from the split, and all are trained in one way.

    Args:
        rows: with the columns source, dataset, method, full, weak and settings.
    """
    ways = rows["settings"].astype(object)
    for _, models in rows.groupby(["source", "dataset", "method"], sort=False):
        if _follow_from_split(models):
            ways = ways.where(~rows.index.isin(models.index), BY_SPLIT)
    return ways.rename("way")


def _follow_from_split(models: pd.DataFrame) -> bool:
    if models["settings"].nunique() < 2:
        return False
    labelled = (models["full"] + models["weak"]).groupby(models["settings"]).nunique()
    return bool(models.groupby(["full", "weak"])["settings"].nunique().max() == 1 and labelled.max() == 1)
