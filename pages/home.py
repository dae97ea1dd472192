"""Home: the question, a live answer from the published models, and the doors."""

import streamlit as st

from splitlab.budget.annotation_cost import PRESETS
from splitlab.budget.published import method_rows
from splitlab.figures.cost_against_ap import cost_against_ap, row_key
from splitlab.ui.page import page_head
from splitlab.ui.split_chip import split_chip
from splitlab.ui.tables import published

DATASET, METHOD, METRIC = "VOC2012", "YOLOv5", "ap70"

page_head(
    "How many masks, how many boxes?",
    "A mask takes 6 to 11 times as long to draw as a box. SplitLab shows what each split of your labelling hours "
    "into images **with masks (F)** and images **with boxes only (W)** buys.",
)

models = method_rows(published(), DATASET, METHOD)
least, most = int(models["cost_hours"].min()) + 1, int(models["cost_hours"].max()) + 1
hours = st.slider("With so many hours of labelling", least, most, 80, key="hours", bind="query-params", format="%d h")
affordable = models[models["cost_hours"] <= hours]
best = affordable.loc[affordable[METRIC].idxmax()]
masks_only = affordable[affordable["weak"] == 0]
best_masks_only = masks_only.loc[masks_only[METRIC].idxmax()]

answer, bar = st.columns([3, 2], vertical_alignment="center", gap="large")
with answer:
    st.markdown(
        f"### With {hours} hours, label **{best['full']:,}** images with masks and **{best['weak']:,}** with boxes: "
        f"mask AP70 **{best[METRIC]:.1f}**"
    )
    st.caption(
        f"The best published {METHOD} model on {DATASET} within these hours. "
        f"Masks alone reach {best_masks_only[METRIC]:.1f} ({best_masks_only['full']:,}/0, "
        f"{best_masks_only['cost_hours']:.0f} hours)."
    )
with bar:
    split_chip(int(best["full"]), int(best["weak"]), PRESETS[DATASET], scale_hours=float(hours))

chart = cost_against_ap(models, METRIC, picked=row_key(best))
chart.add_vrect(x0=hours, x1=most * 1.1, fillcolor="gray", opacity=0.12, line_width=0)
chart.update_layout(height=420)
st.plotly_chart(chart, key="home_chart", config={"displayModeBar": False})

doors = (
    (
        "pages/cost_against_ap.py",
        "Cost against AP",
        "Every published model: what it cost, what it scores, what beats it.",
    ),
    ("pages/compare_masks.py", "Compare masks", "Same photo, different splits: see what masks and boxes each teach."),
    ("pages/train.py", "Train", "Train on your own split of your own photos, and watch it learn."),
)
for column, (page, title, promise) in zip(st.columns(len(doors)), doors, strict=True):
    with column.container(border=True, height="stretch"):
        st.page_link(page, label=f"**{title}**", icon=":material/arrow_forward:")
        st.caption(promise)
