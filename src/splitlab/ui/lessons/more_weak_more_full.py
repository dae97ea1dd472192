"""Lesson 4: more boxes help at any number of masks, more masks at any number of boxes (Observations 2 and 3)."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from splitlab.budget.seed_spread import SPREAD_COLUMNS
from splitlab.budget.steps import Grows, steps_of
from splitlab.figures.cost_against_ap import SPLIT_GROUP, cost_against_ap, row_key
from splitlab.figures.lessons.growing_lines import growing_lines
from splitlab.figures.lessons.step_bars import step_bars
from splitlab.shown_numbers import rounded, shown
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.series import Series, choose_series
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.tables import published

_WORDS = {"weak": "boxes", "full": "masks"}


def _more_boxes() -> None:
    _grow("weak", "grow_w", "reach_w")


def _more_masks() -> None:
    _grow("full", "grow_f", "reach_f")


def _grow(grows: Grows, series_key: str, reach_key: str) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        series = choose_series(series_key)
    sizes = [f"{size:,}" for size in sorted(series.rows[grows].unique())]
    if len(sizes) < 2:
        st.markdown(f"**{series.name}**: all its splits hold the same number of {_WORDS[grows]}, {sizes[0]}.")
        return
    asked = right.select_slider(f"Up to so many {_WORDS[grows]}", sizes, sizes[1], key=reach_key, bind="query-params")
    reach = int(asked.replace(",", ""))
    steps = steps_of(series.rows[series.rows[grows] <= reach], series.metric, grows)
    rises = int((steps["gain"] > 0).sum())
    stays = _WORDS["full" if grows == "weak" else "weak"]
    st.markdown(
        f"Along a line the {stays} stay as they are and only **{_WORDS[grows]}** are added. So far "
        f"**{rises} of {len(steps)}** steps raise the score."
    )
    chart = growing_lines(series.rows, series.metric, grows, reach, series.axis, filled=series.is_measured)
    show_chart(chart, f"growing_{grows}")
    st.caption(_source_in_words(series))


def _less_each_time() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        series = choose_series("steps_of")
    steps = steps_of(series.rows, series.metric)
    if steps.empty:
        st.markdown(f"**{series.name}**: no two of its splits have the same masks and different boxes.")
        return
    with right:
        full = _pick_size("Images with masks, F", sorted(steps["full"].unique()), "steps_f")
    own = steps[steps["full"] == full]
    first, last = own.iloc[0], own.iloc[-1]
    told = f"The first {first['weak']:,.0f} boxes bring **{first['per_thousand']:+.1f}** {series.score} a thousand"
    if len(own) > 1:
        told += f"; from {last['before']:,.0f} to {last['weak']:,.0f} it is **{last['per_thousand']:+.1f}**"
    st.markdown(told + ".")
    show_chart(step_bars(own, series.score, filled=series.is_measured), "step_bars")
    st.caption(_source_in_words(series))


def _few_masks_compete() -> None:
    sizes = ["0", "1,000", "3,000", "5,000", "10,531"]
    asked = st.select_slider("Boxes beside 200 masks", sizes, sizes[-1], key="beside_200", bind="query-params")
    table = published()
    voc = table[table["dataset"] == "VOC2012"]
    own = voc[(voc["group"] == SPLIT_GROUP) & (voc["method"] == "YOLOv5") & (voc["full"] == 200)]
    others = voc[(voc["group"] != SPLIT_GROUP) & voc["ap70"].notna()]
    row = own[own["weak"] == int(asked.replace(",", ""))].iloc[0]
    below = int((others["ap70"] < row["ap70"]).sum())
    st.markdown(
        f"Only **200** images with masks, and **{asked}** with boxes: {shown(row['ap70'])} AP70, more than **{below} "
        f"of the {len(others)}** models of other methods in the paper's table."
    )
    show_chart(cost_against_ap(pd.concat([own, others]), "ap70", row_key(row)), "compete")
    st.caption("All published (Table 2 of the paper): other papers' models in grey, with hours by the same prices.")


def _find_the_fall() -> None:
    task = st.container()
    left, middle, right = st.columns([2, 1, 1], gap="medium")
    with left:
        series = choose_series("search_in")
    steps = steps_of(series.rows, series.metric)
    if steps.empty:
        st.markdown("Choose models with several numbers of boxes.")
        return
    with middle:
        full = _pick_size("Masks, F", sorted(steps["full"].unique()), "search_f")
    own = steps[steps["full"] == full]
    with right:
        weak = _pick_size("Boxes, W, up to", own["weak"].tolist(), "search_w")
    task.markdown(
        "More boxes, a better score: it holds in nearly every row the paper printed. **Find a step where it does "
        "not.** Look at the lines before you choose."
    )
    step = own[own["weak"] == weak].iloc[0]
    show_verdict(
        judge_step(step, steps, series.score, what_seeds_say(series, rounded(step["ap_before"]) - rounded(step["ap"])))
    )
    reach = int(series.rows["weak"].max())
    show_chart(
        growing_lines(series.rows, series.metric, "weak", reach, series.axis, filled=series.is_measured), "falls"
    )


def judge_step(step: pd.Series, steps: pd.DataFrame, score: str, seeds: str) -> Verdict:
    """Judge whether a step to more boxes lowers the score.

    Args:
        step: one of the steps.
        steps: of `steps_of`, all of these models.
        score: what the AP is called.
        seeds: what is known of a fall of this size, of `what_seeds_say`.
    """
    told = (
        f"From {step['full']:,.0f}/{step['before']:,.0f} to {step['full']:,.0f}/{step['weak']:,.0f} {score} goes from "
        f"{shown(step['ap_before'])} to {shown(step['ap'])}."
    )
    falls = int((steps["gain"] <= 0).sum())
    if step["gain"] > 0:
        hint = "None of these models' steps does: try others." if not falls else "It is one of these models' steps."
        return Verdict(False, f"{told} It rises. {hint}")
    return Verdict(True, f"{told} {falls} of {len(steps)} steps of these models fall. {seeds}")


def what_seeds_say(series: Series, fall: float) -> str:
    """Say whether a fall is larger than what two trainings of one split differ by, as far as anybody knows.

    Args:
        series: the models.
        fall: AP.
    """
    if not series.is_measured:
        return (
            "Every model was trained once, and one training differs from the next by a few tenths of a point: so small "
            "a fall contradicts nothing, and so small a gain proves nothing."
        )
    low, high = SPREAD_COLUMNS[series.metric]
    apart = float((series.rows[high] - series.rows[low]).max())
    if math.isnan(apart):
        return "No split here was trained twice, so nobody knows whether a fall of this size means anything."
    known = f"Trainings of one split here, which differ by their seed alone, lie up to {shown(apart)} apart"
    if fall <= apart:
        return f"{known}: a fall of {shown(fall)} contradicts nothing, and a gain of as much would prove nothing."
    return f"{known}. A fall of {shown(fall)} is more: boxes may have cost this model something."


def _pick_size(label: str, sizes: list[int], key: str) -> int:
    names = [f"{size:,}" for size in sizes]
    return sizes[names.index(linked_selectbox(label, names, key, names[0], st.container()))]


def _source_in_words(series: Series) -> str:
    if series.is_measured:
        return "Filled: measured here; the mean over the seeds that all of these splits have."
    return "Outlined: published in the paper, one training each."


LESSON = Lesson(
    title="More W, more F",
    answers="Do more boxes always help? And more masks? And is there ever enough?",
    minutes=8,
    screens=(
        Screen(
            "More boxes, better masks",
            _more_boxes,
            "Move the slider to the right step by step and let the class call up or down before each. Published: every "
            "step on VOC2012 goes up (Table 2). Do not give the exception on Cityscapes away.",
        ),
        Screen(
            "More masks, better masks",
            _more_masks,
            "Often mistaken: that masks matter less once there are many boxes. The lines stay apart: from 200 to 1,464 "
            "masks 15.4 AP70 without boxes, 8.7 with 5,000.",
        ),
        Screen(
            "Each thousand brings less",
            _less_each_time,
            "Ask: would you pay for the last thousand? At 400 masks the first thousand brings 4.4, the last ones about "
            "half a point each. That is why the ends lose in lesson 3.",
        ),
        Screen(
            "A few masks can compete",
            _few_masks_compete,
            "Observation 2. Left is cheap, up is good. 200/10,531 scores 50.3 AP70: near Mask R-CNN, which was trained "
            "on 10,582 masks (50.7). It holds for YOLOv5; DETR with few masks stays far below.",
        ),
        Screen(
            "Your turn: find the exception",
            _find_the_fall,
            "It hides among the 15 Cityscapes models: 400/2,000 scores 31.8, 400/2,575 scores 31.6. Ask what two "
            "tenths mean when every model was trained once.",
        ),
    ),
)
