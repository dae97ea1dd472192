"""Splits of the results table as rows of a chart of hours: published and measured ones, told apart."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from splitlab.budget.annotation_cost import Prices, box_hours, mask_hours, prices_for
from splitlab.budget.atlas.equal_scores import equal_score_splits
from splitlab.budget.published import method_rows
from splitlab.budget.seed_spread import by_common_seeds
from splitlab.budget.ways_of_training import ways_of_training
from splitlab.figures.lessons.split_hours import YOURS
from splitlab.ui.plain_text import as_plain
from splitlab.ui.tables import measured, published
from splitlab.workspace import Workspace

MOST_MEASURED = 5


def measured_splits(metric: str) -> pd.DataFrame:
    """Return the splits measured here that report a metric, one row each."""
    rows = by_common_seeds(measured(Workspace.here()))
    return rows[(rows["group"] == "split") & rows[metric].notna()]


def measured_alike(metric: str) -> pd.DataFrame:
    """Return measured splits of about equal score, at most `MOST_MEASURED`: of the models that have most of them."""
    rows = measured_splits(metric)
    of_models = rows.groupby(["dataset", "method", ways_of_training(rows)])
    alike = [equal_score_splits(of_model, metric) for _, of_model in of_models]
    return max(alike, key=len, default=rows).head(MOST_MEASURED)


def published_split(dataset: str, method: str, full: int, weak: int) -> pd.DataFrame:
    """Return the paper's row of one split; empty where it has none."""
    rows = method_rows(published(), dataset, method)
    return rows[(rows["full"] == full) & (rows["weak"] == weak)]


def as_hours(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows for `split_hours`: a name, the hours of masks and of boxes, and their sum in words."""
    prices = rows["dataset"].map(prices_for)
    masks = [mask_hours(float(full), price) for full, price in zip(rows["full"], prices, strict=True)]
    boxes = [box_hours(float(weak), price) for weak, price in zip(rows["weak"], prices, strict=True)]
    return pd.DataFrame(
        {
            "name": [split_name(row) for _, row in rows.iterrows()],
            "source": rows["source"].tolist(),
            "mask_hours": masks,
            "box_hours": boxes,
            "told": [f"{mask + box:,.1f} hours" for mask, box in zip(masks, boxes, strict=True)],
        }
    )


def your_hours(full: int, weak: int, prices: Prices) -> pd.DataFrame:
    """Return the reader's own split as a row for `split_hours`."""
    masks, boxes = mask_hours(float(full), prices), box_hours(float(weak), prices)
    return pd.DataFrame(
        {
            "name": [f"yours {full:,}/{weak:,}"],
            "source": [YOURS],
            "mask_hours": [masks],
            "box_hours": [boxes],
            "told": [f"{masks + boxes:,.1f} hours"],
        }
    )


def split_name(row: pd.Series) -> str:
    """Name a row by who reports it, on what, and its split."""
    return f"{row['dataset']} {row['full']:,}/{row['weak']:,}, {row['source']}"


def tell_sources(measured_rows: pd.DataFrame) -> None:
    """Say what outlined and filled mean, and what was measured here."""
    told = "Outlined: published in the paper. "
    if measured_rows.empty:
        st.caption(told + "Nothing was measured here yet; runs appear as soon as they are evaluated.")
        return
    sets = as_plain(", ".join(sorted(measured_rows["dataset"].unique())))
    st.caption(
        f"{told}Filled: measured here, on {sets}, with another model and other photos, so scores of the two do not "
        "compare; costs by VOC2012's prices where the paper has none."
    )
