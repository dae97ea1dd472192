"""The two pictures of the page Few-shot: Table 4 as published, and what was measured here."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from splitlab.budget.few_shot_measured import NOVEL, measured_few_shot
from splitlab.budget.published import FLATTERED, published_few_shot
from splitlab.figures.few_shot_bars import class_bars
from splitlab.figures.few_shot_tables import MEASURED, PUBLISHED, measured_by_class, published_by_class
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.plain_text import as_plain

METRICS = {
    "mask AP70": ("ap70", "mask AP at IoU 0.70", 100.0),
    "mask AP50": ("ap50", "mask AP at IoU 0.50", 100.0),
    "box AP70": ("box_ap70", "box AP at IoU 0.70", 100.0),
    "mask IoU": ("mask_iou", "mask IoU of objects whose box was found", 1.0),
}
MEASURE = 'python scripts/measure_few_shot.py --machine "2 cores"'
PLAIN = {"displaylogo": False}


def show_published() -> None:
    """Draw Table 4 and fold the numbers away below it."""
    by_class = published_by_class(published_few_shot())
    st.plotly_chart(class_bars(by_class, PUBLISHED, "mask AP at IoU 0.70"), key="chart_published", config=PLAIN)
    st.caption(
        "Published, Table 4: VOC2012 validation images, YOLOv5x. The last group is the mean of the eight classes."
    )
    st.caption(FLATTERED)
    with st.expander("Table 4 in numbers"):
        st.dataframe(by_class.rename(columns={key: style.name for key, style in PUBLISHED.items()}), hide_index=True)
        st.download_button(
            "Download CSV", by_class.to_csv(index=False), "splitlab-table4.csv", icon=":material/download:"
        )


def show_measured() -> None:
    """Let a variant and a metric be chosen, and draw what was measured; say how to measure where nothing was.

    Raises:
        BudgetError: the table is broken.
    """
    table = measured_few_shot()
    if table.empty:
        st.info("Nothing has been measured here yet. This measures it, and goes on where it was stopped:")
        st.code(MEASURE, language="bash")
        return
    left, right = st.columns(2)
    variants = table["variant"].unique().tolist()
    variant = linked_choice("Novel classes", variants, variants[0], "variant", left)
    metric = linked_choice("Score", list(METRICS), "mask AP70", "metric", right)
    column, axis, highest = METRICS[str(metric)]
    rows = table[table["variant"] == variant]
    by_class = measured_by_class(table, str(variant), column)
    styles = {way: MEASURED[way] for way in MEASURED if way in by_class}
    st.plotly_chart(class_bars(by_class, styles, axis, highest), key="chart_measured", config=PLAIN)
    st.caption(_what_it_is(rows))
    with st.expander("Every run, class by class"):
        st.dataframe(rows, hide_index=True)
        st.download_button(
            "Download CSV", table.to_csv(index=False), "splitlab-few-shot.csv", icon=":material/download:"
        )


def _what_it_is(rows: pd.DataFrame) -> str:
    novel = ", ".join(rows[rows["group"] == NOVEL]["class"].unique())
    seeds = rows["seed"].nunique()
    boxes_of_w = rows[rows["setting"].isin(["few-shot", "zero-shot"])]
    without = (
        " Few-shot and zero-shot were measured with the images that show a novel class as W. In the paper's W, and in "
        "that of runs started now, all other images stand too, as background."
    )
    return (
        f"Measured here on the embedded data set, {seeds} seed{'s' if seeds > 1 else ''}; novel: {novel}. Only their "
        "scores are drawn; all other classes are the base. Hatched: from the backbone's ImageNet weights alone. "
        f"Code {', '.join(rows['code_version'].unique())}, {as_plain(', '.join(rows['machine'].unique()))}."
        f"{without if (boxes_of_w['background'] == 0).any() else ''}"
    )
