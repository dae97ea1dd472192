"""Controls that several budget pages share: whose results, what labels cost."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from splitlab.budget.annotation_cost import PRESETS, Prices
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.leave_one_out import LeaveOneOut, leave_one_out
from splitlab.budget.published import MAIN_METRIC
from splitlab.budget.published_surface import published_surface

SOURCES: Sequence[tuple[str, str]] = (("VOC2012", "YOLOv5"), ("Cityscapes", "YOLOv5"), ("VOC2012", "DETR"))


def choose_source() -> tuple[str, str]:
    """Choose the published models whose results a page goes by: data set and method."""
    labels = [f"{dataset} {method}" for dataset, method in SOURCES]
    chosen = st.selectbox("Going by the paper's", labels, key="source", bind="query-params")
    return SOURCES[labels.index(chosen)]


def choose_prices(dataset: str) -> Prices:
    """Choose what labels cost, seconds per image; the data set's own prices to begin with."""
    known = PRESETS[dataset]
    left, right = st.columns(2)
    box = left.number_input(
        "Seconds per box image", 1.0, 3600.0, known.box_seconds, key=f"box_{dataset}", bind="query-params"
    )
    mask = right.number_input(
        "Seconds per mask image", 1.0, 36000.0, known.mask_seconds, key=f"mask_{dataset}", bind="query-params"
    )
    own = (box, mask) != (known.box_seconds, known.mask_seconds)
    return Prices(box, mask, "your prices" if own else known.name)


@st.cache_data(show_spinner=False)
def left_out(dataset: str, method: str) -> LeaveOneOut:
    """Say how well the published surface predicts a left-out row; computed once."""
    return leave_one_out(surface(dataset, method))


def surface(dataset: str, method: str) -> FittedSurface:
    """Return the published surface of the data set's main metric."""
    return published_surface(dataset, method, MAIN_METRIC[dataset])
