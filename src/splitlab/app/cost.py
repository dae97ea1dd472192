"""Cost against AP: every published and measured model, and which models beat a chosen one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from splitlab.app.navigation import page_head
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.sources import atlas_images, measured, published
from splitlab.app.widgets.split_chip import split_chip
from splitlab.app.widgets.text import as_plain, offer_csv
from splitlab.atlas.tables import main_metric
from splitlab.budget.cost import PRESETS, prices_for
from splitlab.budget.published import FLATTERED
from splitlab.budget.results import (
    MEASURED,
    METRICS,
    PUBLISHED,
    SHORT_METRICS,
    by_common_seeds,
    cheaper_and_better,
    reported_metrics,
    ways_of_training,
    where_it_tells_apart,
)
from splitlab.figures.cost_against_ap import GROUP_LABELS, SPLIT_GROUP, cost_against_ap, row_key
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_CHART = "cost_chart"
_ABOUT_MARKS = {
    True: "Outlined: published. Filled stars: measured here; each dataset has its own star. Compare only marks of the "
    "same dataset.",
    False: "All measured here, on test images that were not used for any choice. Lines join runs with the same number "
    "of mask images.",
}
_FIRST_PICK = {"VOC2012": (400, 5000), "Cityscapes": (400, 2000)}


def show_page() -> None:
    """Show the page."""
    page_head(
        "Cost against AP",
        "Each mark is one model: hours of labelling to the right, average precision (AP) of its masks upwards. Lines "
        "join models with the same number of images with masks |F|; along a line only images with boxes |W| are added.",
    )
    here = by_common_seeds(measured(Workspace.here()))
    controls = st.container(horizontal=True, gap="medium")
    datasets = [*PRESETS, *sorted(atlas_images(Workspace.here()))]
    dataset = linked_choice("Dataset", datasets, "VOC2012", "dataset", controls)
    metric = _choose_metric(dataset, here, controls)
    rows = _choose_rows(dataset, here, controls)
    chart_side, pick_side = st.columns([3, 1], gap="large")
    with pick_side:
        picked = _pick_split(rows, metric, dataset)
    with chart_side:
        _show_chart(rows, metric, picked, dataset, sorted(here["dataset"].unique()))
    if picked is not None:
        _show_what_beats(picked, rows, metric)
    with st.expander("All figures as a table"):
        st.dataframe(rows, hide_index=True)
        offer_csv(rows, "splitlab-results.csv")


def _choose_metric(dataset: str, here: pd.DataFrame, place: DeltaGenerator) -> str:
    metrics = reported_metrics(published() if dataset in PRESETS else here, dataset)
    main = main_metric(dataset)
    start = main if main in metrics else metrics[0]
    return linked_choice("Metric", metrics, start, f"metric_{dataset}", place, format_func=SHORT_METRICS.get)


def _choose_rows(dataset: str, here: pd.DataFrame, place: DeltaGenerator) -> pd.DataFrame:
    """Return the chosen rows of the results tables, with the names of their models as the column `name`."""
    groups, overlaid = [], [dataset]
    if dataset in PRESETS:
        groups = place.pills(
            "Published models",
            list(GROUP_LABELS),
            default=list(GROUP_LABELS),
            selection_mode="multi",
            format_func=GROUP_LABELS.__getitem__,
            key="groups",
            bind="query-params",
        )
        if measured_sets := sorted(here["dataset"].unique()):
            overlaid = place.pills(
                "Measured here, on",
                measured_sets,
                default=measured_sets,
                selection_mode="multi",
                key="measured",
                bind="query-params",
            )
    table = published()
    of_paper = table[(table["dataset"] == dataset) & table["group"].isin(groups or [])]
    rows = pd.concat([of_paper, here[here["dataset"].isin(overlaid or [])]], ignore_index=True)
    return rows.assign(name=_model_names(rows))


def _model_names(rows: pd.DataFrame) -> pd.Series:
    """Name the models to pick from, with the way of training where only that distinguishes two of them."""
    of = (", " + rows["dataset"]).where(rows["source"] == MEASURED, "")
    names = rows["method"] + " (" + rows["source"] + of
    return names + where_it_tells_apart(ways_of_training(rows), names) + ")"


def _pick_split(rows: pd.DataFrame, metric: str, dataset: str) -> pd.Series | None:
    """Let a split be picked, and show its score and cost; None if there is no split to pick."""
    st.subheader("Pick a split", anchor=False)
    splits = rows[(rows["group"] == SPLIT_GROUP) & rows[metric].notna()]
    if splits.empty:
        st.info(f"Nothing to pick from: turn on '{GROUP_LABELS[SPLIT_GROUP]}' or a measured dataset above.")
        return None
    model = st.selectbox("Model", splits["name"].unique(), key="pick_model", bind="query-params")
    own = splits[splits["name"] == model]
    sizes = sorted(own["full"].unique().tolist())
    start = _FIRST_PICK.get(dataset, (sizes[0], 0))
    full = _pick_size("|F|, images with masks", sizes, start[0], "pick_full")
    weak_sizes = sorted(own.loc[own["full"] == full, "weak"].unique().tolist())
    weak = _pick_size("|W|, images with boxes only", weak_sizes, start[1], "pick_weak")
    picked: pd.Series = own[(own["full"] == full) & (own["weak"] == weak)].iloc[0]
    st.metric(METRICS[metric], shown(picked[metric]), border=True)
    prices = prices_for(str(picked["dataset"]))
    split_chip(int(picked["full"]), int(picked["weak"]), prices, scale_hours=float(own["cost_hours"].max()))
    if picked["scored_on"]:
        st.caption(f"Scored on {as_plain(picked['scored_on'])}.")
    if picked["note"]:
        st.caption(f":material/info: {as_plain(picked['note'])}")
    return picked


def _pick_size(label: str, sizes: list[int], start: int, key: str) -> int:
    index = sizes.index(start) if start in sizes else 0
    return st.selectbox(label, sizes, index=index, key=key, bind="query-params", format_func="{:,}".format)


def _show_chart(
    rows: pd.DataFrame, metric: str, picked: pd.Series | None, dataset: str, measured_sets: list[str]
) -> None:
    if rows.empty:
        st.info("No models are shown: turn on a group of published models above.")
        return
    key = None if picked is None else row_key(picked)
    st.plotly_chart(
        cost_against_ap(rows, metric, picked=key, measured_sets=measured_sets),
        key=_CHART,
        on_select=partial(_take_clicked_point, rows),
        selection_mode="points",
        config={"displaylogo": False},
    )
    st.caption(
        f"{_ABOUT_MARKS[dataset in PRESETS]} A mark is the mean over the seeds that all comparable splits share. Bars "
        "show the spread between seeds: both scores of two seeds, one standard deviation each way for more. "
        "Click a point of a split to pick it."
    )
    if (rows["source"] == PUBLISHED).any():
        st.caption(FLATTERED)


def _take_clicked_point(rows: pd.DataFrame) -> None:
    """Pick the split whose point was clicked."""
    points = st.session_state[_CHART]["selection"]["points"]
    if not points or not points[0].get("customdata"):
        return
    clicked = rows[(rows.apply(row_key, axis=1) == points[0]["customdata"][0]) & (rows["group"] == SPLIT_GROUP)]
    for _, row in clicked.iterrows():
        st.session_state["pick_model"] = row["name"]
        st.session_state["pick_full"], st.session_state["pick_weak"] = int(row["full"]), int(row["weak"])


def _show_what_beats(picked: pd.Series, rows: pd.DataFrame, metric: str) -> None:
    """List the models on the same dataset that cost no more and score no less."""
    better = cheaper_and_better(
        rows[rows["dataset"] == picked["dataset"]], float(picked["cost_hours"]), float(picked[metric]), metric
    )
    split, dataset = f"{picked['full']:,}/{picked['weak']:,}", as_plain(picked["dataset"])
    st.subheader(f"{'Nothing beats' if better.empty else 'What beats'} {split}", anchor=False)
    if better.empty:
        st.markdown(f"No other model shown on {dataset} scores as much for the same cost or less.")
        return
    st.markdown(f"Models on {dataset} that score as much or more, for the same cost or less:")
    number = st.column_config.NumberColumn
    st.dataframe(
        better[["method", "full", "weak", "cost_hours", metric, "source", "scored_on"]],
        hide_index=True,
        column_config={
            "method": "model",
            "scored_on": "scored on",
            "full": number("|F|", format="localized"),
            "weak": number("|W|", format="localized"),
            "cost_hours": number("hours", format="%.1f"),
            metric: number(SHORT_METRICS[metric], format="%.1f"),
        },
    )
