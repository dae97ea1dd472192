"""Lesson 1: masks are dear, boxes are cheap, and hours pay for both."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from splitlab.budget.annotation_cost import PRESETS, VOC2012, Prices, cost_hours
from splitlab.figures.lessons.price_bars import price_bars
from splitlab.figures.lessons.split_hours import split_hours
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.scene_pictures import SCENES, scene_pictures
from splitlab.ui.lessons.split_rows import (
    as_hours,
    measured_alike,
    published_split,
    tell_sources,
    your_hours,
)
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.split_chip import split_chip

LEAST_MASKS = 100
MOST_LEFT_HOURS = 1.0
_SHOWN = ((400, 5000), (800, 3000), (1464, 0))


def _two_labels() -> None:
    st.markdown(
        "Both pictures are labelled. On the left somebody drew along every outline: **masks**. On the right somebody "
        "only dragged a rectangle around each creature: **boxes**."
    )
    pictures = scene_pictures(
        int(st.select_slider("Picture", range(1, SCENES + 1), key="picture", bind="query-params"))
    )
    for column, picture, hue, text in zip(
        st.columns(2, gap="large"),
        (pictures.as_full, pictures.as_weak),
        (FULL_HUE, WEAK_HUE),
        (
            f"masks: {VOC2012.mask_seconds:,.0f} seconds an image",
            f"boxes: {VOC2012.box_seconds:,.0f} seconds an image",
        ),
        strict=True,
    ):
        column.image(picture, width="stretch")
        column.html(f'<div style="border-left:.5rem solid {hue};padding-left:.6rem;font-size:1.25rem">{text}</div>')
    st.caption(
        "Seconds as published for photos of VOC2012 (Table 1 of the paper). The scenes are drawn, for the eye only."
    )


def _dear_and_cheap() -> None:
    dataset = linked_choice("Prices of", list(PRESETS), "VOC2012", "prices_of")
    prices = PRESETS[dataset]
    st.markdown(
        f"On {dataset}, the time for **one** image with masks pays for **{prices.mask_to_box:.1f}** images with boxes."
    )
    show_chart(price_bars(prices), "price_bars")
    st.caption(
        f"Published: {prices.mask_seconds:,.1f} and {prices.box_seconds:,.1f} seconds an image (Table 1). A street in "
        "Cityscapes holds many more objects than a photo of VOC2012, so both labels take longer there."
    )


def _a_split_has_a_price() -> None:
    st.markdown(
        "A **split** says how many images get masks and how many only boxes, written **masks/boxes**. Its price is "
        "hours. Move both and watch your bar beside those that were really trained."
    )
    left, right = st.columns(2, gap="large")
    full = left.slider("Images with masks, F", 0, 1500, 300, 50, key="masks", bind="query-params")
    weak = right.slider("Images with boxes only, W", 0, 10000, 2000, 250, key="boxes", bind="query-params")
    here = measured_alike("ap70")
    published = pd.concat([published_split("VOC2012", "YOLOv5", *split) for split in _SHOWN])
    rows = [your_hours(full, weak, VOC2012), as_hours(published), as_hours(here)]
    show_chart(split_hours(pd.concat(rows, ignore_index=True)), "split_hours")
    tell_sources(here)


def _spend_it_all() -> None:
    task = st.container()
    left, middle, right = st.columns(3, gap="large")
    hours = left.slider("Hours you have", 20, 80, 40, 5, key="purse", bind="query-params")
    full = middle.slider("Images with masks", 0, 600, 0, 10, key="give_masks", bind="query-params")
    weak = right.slider("Images with boxes only", 0, 8000, 0, 50, key="give_boxes", bind="query-params")
    task.markdown(
        f"You have **{hours} hours** and must label at least **{LEAST_MASKS}** images with masks. Spend it all: at "
        "most one hour may be left."
    )
    split_chip(full, weak, VOC2012, float(hours))
    show_verdict(judge_spending(full, weak, float(hours), VOC2012))


def judge_spending(full: int, weak: int, hours: float, prices: Prices) -> Verdict:
    """Judge a split that is to use up the hours, with `LEAST_MASKS` mask images or more.

    Raises:
        BudgetError: a count is negative.
    """
    cost = cost_hours(float(full), float(weak), prices)
    if full < LEAST_MASKS:
        return Verdict(False, f"{full:,} images with masks are fewer than {LEAST_MASKS}.")
    if cost > hours:
        # A little too much must not be shown as 0.0 hours too much.
        digits = 1 if round(cost, 1) > hours else 3
        over = round(cost, digits) - hours
        return Verdict(False, f"That takes {cost:,.{digits}f} hours, {over:,.{digits}f} more than you have.")
    if hours - cost > MOST_LEFT_HOURS:
        return Verdict(
            False,
            f"That takes {cost:,.1f} hours; {hours - round(cost, 1):,.1f} are left, enough for "
            f"{int((hours - cost) * 3600 / prices.box_seconds):,} more images with boxes.",
        )
    return Verdict(
        True,
        f"{full:,} x {prices.mask_seconds} s and {weak:,} x {prices.box_seconds} s are {cost:,.1f} of your {hours:g} "
        "hours. Many other splits cost the same. Which of them is best? That is what the other lessons are about.",
    )


LESSON = Lesson(
    title="What a label costs",
    answers="How much longer does a mask take than a box, and what do my hours pay for?",
    minutes=5,
    screens=(
        Screen(
            "A mask takes longer than a box",
            _two_labels,
            "Ask the class to guess both times before you read them out; let somebody trace an outline in the air. "
            "Most guess too little for masks. A mask image is paid once: its boxes come free with it, they are the "
            "masks' bounding rectangles. Published: 239.7 s against 38.1 s an image on VOC2012 (Table 1).",
        ),
        Screen(
            "One image with masks, or a handful with boxes",
            _dear_and_cheap,
            "Ask: will the ratio be larger or smaller for streets? It is larger, 10.9 against 6.3: outlines of far "
            "cars and riders are slow, rectangles are not. Often mistaken: these are seconds an image, not an object.",
        ),
        Screen(
            "A split has a price",
            _a_split_has_a_price,
            "Let somebody match the hours of 400/5,000 with masks alone (about 1,190). Published costs are computed "
            "from Table 1; one printed figure is wrong (200/10,531 prints 122.7 h, the prices give 124.8 h). Say what "
            "outlined and filled mean: you will meet both on every page.",
        ),
        Screen(
            "Your turn: spend it all",
            _spend_it_all,
            "Two students with different answers are both right: ask them which split they would bet on, and keep the "
            "bets for lesson 3. Usual slip: forgetting that 100 masks alone already take 6.7 hours.",
        ),
    ),
)
