"""Cost against AP: every published model and every measured one, and what beats a pick."""

import pandas as pd
import streamlit as st

from splitlab.app.navigation import page_head
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.sources import atlas_images, measured, published
from splitlab.app.widgets.text import as_plain, split_chip
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

_CHART = "cost_chart"


_ABOUT_MARKS = {
    True: "Outlined: published. Filled stars: measured here, each data set by its own star; compare those of one set "
    "with one another only.",
    False: "All measured here, on images that no choice has seen; lines join runs with the same number of mask images.",
}


_FIRST_PICK = {"VOC2012": (400, 5000), "Cityscapes": (400, 2000)}


def _model_names(rows: pd.DataFrame) -> pd.Series:
    """Name the models to pick from; how they were trained is said where that alone tells two apart."""
    of = (", " + rows["dataset"]).where(rows["source"] == MEASURED, "")
    names = rows["method"] + " (" + rows["source"] + of
    return names + where_it_tells_apart(ways_of_training(rows), names) + ")"


def _pick_size(label: str, sizes: list[int], start: int, key: str) -> int:
    """Show the sizes there are; begin with `start` where it is one of them."""
    index = sizes.index(start) if start in sizes else 0
    return st.selectbox(label, sizes, index=index, key=key, bind="query-params", format_func="{:,}".format)


def show_page() -> None:
    """Show the page."""

    def take_clicked_point() -> None:
        """Carry a click on a split's point over to the three pickers."""
        points = st.session_state[_CHART]["selection"]["points"]
        if points and points[0].get("customdata"):
            key = points[0]["customdata"][0]
            if key in by_key.index and by_key.loc[key, "group"] == SPLIT_GROUP:
                row = by_key.loc[key]
                st.session_state["pick_model"] = row["name"]
                st.session_state["pick_full"], st.session_state["pick_weak"] = int(row["full"]), int(row["weak"])

    page_head(
        "Cost against AP",
        "Each mark is one model: hours of labelling to the right, mask AP upwards. Lines join models with the same "
        "number of mask images |F|; along a line only boxes are added.",
    )
    here = by_common_seeds(measured(Workspace.here()))
    controls = st.container(horizontal=True, gap="medium")
    sets_of_the_atlas = sorted(atlas_images(Workspace.here()))
    dataset = linked_choice("Data set", [*PRESETS, *sets_of_the_atlas], "VOC2012", "dataset", controls)
    of_the_paper = dataset in PRESETS
    metrics = reported_metrics(published() if of_the_paper else here, dataset)
    preferred = main_metric(dataset) if main_metric(dataset) in metrics else metrics[0]
    metric = linked_choice("Metric", metrics, preferred, f"metric_{dataset}", controls, format_func=SHORT_METRICS.get)
    groups = (
        controls.pills(
            "Published models",
            list(GROUP_LABELS),
            default=list(GROUP_LABELS),
            selection_mode="multi",
            format_func=lambda group: GROUP_LABELS[group],
            key="groups",
            bind="query-params",
        )
        if of_the_paper
        else []
    )
    measured_sets = sorted(here["dataset"].unique())
    overlaid = (
        controls.pills(
            "Measured here, on",
            measured_sets,
            default=measured_sets,
            selection_mode="multi",
            key="measured",
            bind="query-params",
        )
        if measured_sets and of_the_paper
        else [dataset]
    )
    rows = pd.concat(
        [
            published()[(published()["dataset"] == dataset) & published()["group"].isin(groups or [])],
            here[here["dataset"].isin(overlaid or [])],
        ],
        ignore_index=True,
    )
    rows["name"] = _model_names(rows)
    splits = rows[(rows["group"] == SPLIT_GROUP) & rows[metric].notna()]
    by_key = rows.set_index(rows.apply(row_key, axis=1)) if len(rows) else rows
    chart_side, pick_side = st.columns([3, 1], gap="large")
    with pick_side:
        st.subheader("Pick a split", anchor=False)
        if splits.empty:
            st.info(f"Nothing to pick from: turn on '{GROUP_LABELS[SPLIT_GROUP]}' or a measured data set above.")
            picked = None
        else:
            model = st.selectbox("Model", splits["name"].unique(), key="pick_model", bind="query-params")
            own = splits[splits["name"] == model]
            sizes = sorted(own["full"].unique().tolist())
            start = _FIRST_PICK.get(dataset, (sizes[0], 0))
            full = _pick_size("|F|, images with masks", sizes, start[0], "pick_full")
            weak_sizes = sorted(own.loc[own["full"] == full, "weak"].unique().tolist())
            weak = _pick_size("|W|, images with boxes only", weak_sizes, start[1], "pick_weak")
            picked = own[(own["full"] == full) & (own["weak"] == weak)].iloc[0]
            prices = prices_for(str(picked["dataset"]))
            st.metric(METRICS[metric], shown(picked[metric]), border=True)
            split_chip(int(picked["full"]), int(picked["weak"]), prices, scale_hours=float(own["cost_hours"].max()))
            if picked["scored_on"]:
                st.caption(f"Scored on {as_plain(picked['scored_on'])}.")
            if picked["note"]:
                st.caption(f":material/info: {as_plain(picked['note'])}")
    with chart_side:
        if rows.empty:
            st.info("No models are shown: turn on a group of published models above.")
        else:
            st.plotly_chart(
                cost_against_ap(
                    rows, metric, picked=None if picked is None else row_key(picked), measured_sets=measured_sets
                ),
                key=_CHART,
                on_select=take_clicked_point,
                selection_mode="points",
                config={"displaylogo": False},
            )
            st.caption(
                f"{_ABOUT_MARKS[of_the_paper]} Marks go by the seeds that all splits trained alike have; bars show "
                "what several seeds scored: both scores of two, one standard deviation each way of more. "
                "Click a point of a split to pick it."
            )
            if (rows["source"] == PUBLISHED).any():
                st.caption(FLATTERED)
    if picked is not None:
        rivals = rows[rows["dataset"] == picked["dataset"]]
        better = cheaper_and_better(rivals, float(picked["cost_hours"]), float(picked[metric]), metric)
        st.subheader(
            f"{'Nothing beats' if better.empty else 'What beats'} {picked['full']:,}/{picked['weak']:,}", anchor=False
        )
        if better.empty:
            st.markdown(f"No model shown on {as_plain(picked['dataset'])} costs no more and scores no less.")
        else:
            st.markdown(f"Models on {as_plain(picked['dataset'])} that cost no more and score no less:")
            st.dataframe(
                better[["method", "full", "weak", "cost_hours", metric, "source", "scored_on"]],
                hide_index=True,
                column_config={
                    "method": "model",
                    "scored_on": "scored on",
                    "full": st.column_config.NumberColumn("|F|", format="localized"),
                    "weak": st.column_config.NumberColumn("|W|", format="localized"),
                    "cost_hours": st.column_config.NumberColumn("hours", format="%.1f"),
                    metric: st.column_config.NumberColumn(SHORT_METRICS[metric], format="%.1f"),
                },
            )
    with st.expander("All figures as a table"):
        st.dataframe(rows, hide_index=True)
        st.download_button(
            "Download CSV", rows.to_csv(index=False), "splitlab-results.csv", "text/csv", icon=":material/download:"
        )
