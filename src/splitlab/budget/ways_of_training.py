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
    model = ["source", "dataset", "method"]
    runs = rows.assign(labelled=rows["full"] + rows["weak"])
    several = runs.groupby(model)["settings"].transform("nunique") > 1
    one_of_split = runs.groupby([*model, "full", "weak"])["settings"].transform("nunique") == 1
    one_of_size = runs.groupby([*model, "settings"])["labelled"].transform("nunique") == 1
    runs["follows"] = one_of_split & one_of_size
    follow = several & runs.groupby(model)["follows"].transform("all")
    return rows["settings"].mask(follow, BY_SPLIT).rename("way")


def where_it_tells_apart(ways: "pd.Series[str]", names: "pd.Series[str]") -> "pd.Series[str]":
    """Return ", " and the way for each row whose name stands for several ways, and nothing for the others."""
    return (", " + ways).where(ways.groupby(names).transform("nunique") > 1, "")
