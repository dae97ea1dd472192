"""The charts of Errors by split. A click on any of them asks for the images behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from splitlab.budget.results import SHORT_METRICS
from splitlab.evaluation.curves import CURVE_IOUS
from splitlab.experiments.comparison import ComparedModel, Comparison
from splitlab.figures.comparison_tables import class_table, split_mistakes
from splitlab.figures.confusion_matrix import confusion_heatmap
from splitlab.figures.error_bars import error_cost_bars, error_count_bars
from splitlab.figures.mistakes_by_split import mistakes_by_split
from splitlab.figures.observations_in_words import observations_in_words
from splitlab.figures.precision_recall import precision_recall_lines
from splitlab.figures.reliability import reliability_diagram
from splitlab.ui.images_behind import KIND, NOTHING, OF, PAIRS, SAID, TRUTH, ask_for
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.plain_text import as_plain

COSTS, COUNTS = "AP they cost", "how often"
_PLAIN = {"displaylogo": False, "displayModeBar": False}


def show_error_kinds(comparison: Comparison) -> None:
    """Show what each kind of error costs each model, or how often it happens."""
    st.subheader("What goes wrong", anchor=False)
    shown = linked_choice("Errors by", [COSTS, COUNTS], COSTS, "errors_by")
    if shown == COSTS:
        figure = error_cost_bars({model.name: model.measured.ap_cost.lost for model in comparison.models})
    else:
        figure = error_count_bars({model.name: model.mistakes.counts for model in comparison.models})
    clickable(figure, "error_bars", lambda data: ask_for(**{OF: data[0], KIND: data[1]}))
    st.caption(
        "Mend one kind alone and this much AP comes back; the kinds lean on one another and do not sum up."
        if shown == COSTS
        else f"Detections that score {comparison.settings.min_score:.2f} or more, and objects that none of them found."
    )


def tell_observations(comparison: Comparison) -> None:
    """Say what the models show of Observations 5 and 6."""
    st.subheader("What F and W teach", anchor=False)
    for claim, told in observations_in_words(split_mistakes(comparison)):
        st.markdown(f"**{as_plain(claim)}** {as_plain(told)}")


def show_by_split(comparison: Comparison) -> None:
    """Show wrong classes and mask quality against |F| and |W|; a click on a model turns to it."""
    clickable(mistakes_by_split(split_mistakes(comparison)), "by_split", lambda data: ask_for(**{OF: data[0]}))
    st.caption("Bars are 95 % intervals over images. Darker marks have a larger |F|.")


def show_classes(comparison: Comparison) -> None:
    """Show mask AP beside box AP of each class and model; a picked row asks for the class's images."""
    metric = linked_choice("AP at", list(SHORT_METRICS), "ap50", "ap", format_func=SHORT_METRICS.__getitem__)
    table = class_table(comparison, metric)
    names = list(comparison.dataset.class_names)

    def take() -> None:
        rows = st.session_state["class_table"]["selection"]["rows"]
        if rows and rows[0] < len(names):
            ask_for(**{TRUTH: names[rows[0]]})

    numbers = {
        column: st.column_config.NumberColumn(column, format="%.1f") for column in table.columns if column != "class"
    }
    st.dataframe(
        table, hide_index=True, key="class_table", on_select=take, selection_mode="single-row", column_config=numbers
    )
    st.caption("Pick a row for the images of its class.")


def show_curves(comparison: Comparison, model: ComparedModel) -> None:
    """Show precision against recall; a click asks for what the model says of that class."""
    iou = linked_choice("IoU", CURVE_IOUS, CURVE_IOUS[0], "iou", format_func="{:.2f}".format)
    curves = model.measured.curves
    names = comparison.dataset.class_names
    figure = precision_recall_lines(curves[curves["iou"] == iou], names)
    clickable(figure, f"curves_{iou}", lambda data: ask_for(**{OF: model.name, SAID: names[data[1]]}))


def show_confusion(comparison: Comparison, model: ComparedModel) -> None:
    """Show which class is taken for which; a click asks for the images of a cell."""
    names: Sequence[str] = [*comparison.dataset.class_names, NOTHING]
    figure = confusion_heatmap(model.mistakes.confusion, comparison.dataset.class_names)

    def take(cell: Any) -> None:
        ask_for(**{OF: model.name, KIND: PAIRS, TRUTH: names[cell[0]], SAID: names[cell[1]]})

    clickable(figure, "confusion", take)


def show_calibration(model: ComparedModel) -> None:
    """Show whether scores mean what they say."""
    measured = model.mistakes.calibration
    st.plotly_chart(reliability_diagram(measured.bins), key="calibration", config=_PLAIN)
    if measured.error is not None:
        st.caption(f"Expected calibration error {measured.error:.3f}: the mean gap between score and share, 0 is best.")


def clickable(figure: go.Figure, key: str, take: Callable[[Any], None]) -> None:
    """Show a chart whose marks, when clicked, hand their `customdata` to `take`."""

    def clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points and points[0].get("customdata"):
            take(points[0]["customdata"])

    st.plotly_chart(figure, key=key, on_select=clicked, selection_mode="points", config=_PLAIN)
