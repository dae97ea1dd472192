"""Cost against AP: published and measured models of one dataset, which beat a chosen one, and the paper's tables."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from splitlab.app.cost.printed import TABLE_NAMES, figure_names, show_hyperbola, show_printed_table
from splitlab.app.navigation import page_head
from splitlab.app.widgets.links import linked_choice, linked_option
from splitlab.app.widgets.sources import measured, published
from splitlab.app.widgets.split_chip import split_chip
from splitlab.app.widgets.tables import in_words, show_table
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
    from collections.abc import Mapping

    from streamlit.delta_generator import DeltaGenerator

_PLOT = "cost_chart"
_FIRST_DATASET, _CHART, _TABLE = "VOC2012", "chart", "table"
_CHART_NAMES: Mapping[str, str] = MappingProxyType({"VOC2012": "Fig. 1a", "Cityscapes": "Fig. 1b"})
_ABOUT_SEEDS = (
    "A filled mark was measured here: the mean over the seeds that all comparable splits share. Bars show the spread "
    "between seeds: both scores of two seeds, one standard deviation each way for more."
)
_FIRST_PICK = {"VOC2012": (400, 5000), "Cityscapes": (400, 2000)}


def show_page() -> None:
    """Show the page."""
    page_head(
        "Cost against AP",
        "Hours of labelling to the right, average precision (AP) of the masks upwards. A line joins models with the "
        "same number of images with masks, |F|; along it only images with boxes, |W|, are added.",
    )
    here = by_common_seeds(measured(Workspace.here()))
    controls = st.container(horizontal=True, gap="medium")
    dataset = _choose_dataset(here, controls)
    table = pd.concat([published(), here], ignore_index=True)
    rows = table[table["dataset"] == dataset]
    chart, as_table = _CHART_NAMES.get(dataset, _CHART), TABLE_NAMES.get(dataset, _TABLE)
    hyperbolas = figure_names(dataset)
    chosen = linked_choice("Show", [chart, as_table, *hyperbolas], chart, f"show_{dataset}", controls)
    if chosen in hyperbolas:
        show_hyperbola(chosen, hyperbolas[chosen], published())
    elif chosen == as_table and dataset in PRESETS:
        show_printed_table(dataset, published())
    elif chosen == as_table:
        show_table(rows)
        offer_csv(in_words(rows), "splitlab-results.csv")
    else:
        _show_models(rows, dataset, controls)


def _choose_dataset(here: pd.DataFrame, place: DeltaGenerator) -> str:
    """Choose one dataset: scores on different ones are not comparable."""
    others = sorted(set(here["dataset"]) - PRESETS.keys())
    return linked_option(
        "Dataset",
        [*PRESETS, *others],
        _FIRST_DATASET,
        "dataset",
        place,
        lambda name: f"{name}, {'measured here' if name in others else 'published'}",
    )


def _show_models(rows: pd.DataFrame, dataset: str, controls: DeltaGenerator) -> None:
    metrics = reported_metrics(rows, dataset)
    main = main_metric(dataset)
    start = main if main in metrics else metrics[0]
    metric = linked_choice("Score", metrics, start, f"metric_{dataset}", controls, format_func=SHORT_METRICS.get)
    chart_side, pick_side = st.columns([3, 1], gap="medium")
    with pick_side:
        drawn = _choose_groups(rows).pipe(lambda kept: kept.assign(name=_model_names(kept)))
        picked = _pick_split(drawn, metric, dataset)
    with chart_side:
        _show_chart(drawn, metric, picked, dataset)
        if picked is not None:
            _show_what_beats(picked, drawn, metric)


def _choose_groups(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the chosen kinds of published models, and all measured ones."""
    known = [group for group in GROUP_LABELS if (rows.loc[rows["source"] == PUBLISHED, "group"] == group).any()]
    if not known:
        return rows
    groups = st.pills(
        "Published models",
        known,
        default=known,
        selection_mode="multi",
        format_func=GROUP_LABELS.__getitem__,
        key="groups",
        bind="query-params",
        wrap=True,
    )
    return rows[(rows["source"] != PUBLISHED) | rows["group"].isin(groups)]


def _model_names(rows: pd.DataFrame) -> pd.Series:
    """Name the models to pick from, with the way of training where only that distinguishes two of them."""
    names = rows["method"] + " (" + rows["source"]
    return names + where_it_tells_apart(ways_of_training(rows), names) + ")"


def _pick_split(rows: pd.DataFrame, metric: str, dataset: str) -> pd.Series | None:
    """Let a split be picked, and show its score and cost; None if there is no split to pick."""
    st.subheader("Pick a split", anchor=False)
    splits = rows[(rows["group"] == SPLIT_GROUP) & rows[metric].notna()]
    if splits.empty:
        st.info(f"Nothing to pick from: turn on '{GROUP_LABELS[SPLIT_GROUP]}'.")
        return None
    model = st.selectbox("Model", splits["name"].unique(), key="pick_model", bind="query-params")
    own = splits[splits["name"] == model]
    sizes = sorted(own["full"].unique().tolist())
    start = _FIRST_PICK.get(dataset, (sizes[0], 0))
    full = _pick_size("|F|, images with masks", sizes, start[0], "pick_full")
    weak_sizes = sorted(own.loc[own["full"] == full, "weak"].unique().tolist())
    weak = _pick_size("|W|, images with boxes only", weak_sizes, start[1], "pick_weak")
    picked: pd.Series = own[(own["full"] == full) & (own["weak"] == weak)].iloc[0]
    st.metric(f"{SHORT_METRICS[metric]} on {dataset}", shown(picked[metric]), border=True)
    prices = prices_for(str(picked["dataset"]))
    split_chip(int(picked["full"]), int(picked["weak"]), prices, scale_hours=float(own["cost_hours"].max()))
    if picked["scored_on"]:
        st.caption(f"Scored on {as_plain(picked['scored_on'])}.")
    if picked["note"]:
        st.caption(as_plain(picked["note"]))
    return picked


def _pick_size(label: str, sizes: list[int], start: int, key: str) -> int:
    index = sizes.index(start) if start in sizes else 0
    return st.selectbox(label, sizes, index=index, key=key, bind="query-params", format_func="{:,}".format)


def _show_chart(rows: pd.DataFrame, metric: str, picked: pd.Series | None, dataset: str) -> None:
    if rows.empty:
        st.info("No models are shown: turn on a group of published models.")
        return
    sources = sorted(rows["source"].unique(), reverse=True)
    parts = " and ".join(sorted(filter(None, rows["scored_on"].unique())))
    about = (
        f"Labelling cost against {METRICS[metric]} of {' and '.join(sources)} models on {dataset} (scored on {parts})."
    )
    st.plotly_chart(
        cost_against_ap(rows, metric, picked=None if picked is None else row_key(picked)),
        key=_PLOT,
        on_select=partial(_take_clicked_point, rows),
        selection_mode="points",
        config={"displaylogo": False},
        alt=about,
    )
    figure = f"**{_CHART_NAMES[dataset]}.** " if dataset in _CHART_NAMES and metric == main_metric(dataset) else ""
    st.markdown(f"{figure}{as_plain(about)} Click a point of a split to pick it.")
    if MEASURED in sources:
        st.caption(_ABOUT_SEEDS)
    if PUBLISHED in sources:
        st.caption(FLATTERED)


def _take_clicked_point(rows: pd.DataFrame) -> None:
    """Pick the split whose point was clicked."""
    points = st.session_state[_PLOT]["selection"]["points"]
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
    show_table(better[["method", "full", "weak", "cost_hours", metric, "source", "scored_on"]])
