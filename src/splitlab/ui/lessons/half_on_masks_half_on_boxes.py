"""Lesson 7: on an equiscore curve it is cheapest to spend as much on masks as on boxes."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from splitlab.budget.annotation_cost import VOC2012, Prices, box_hours, cost_hours, mask_hours, mask_share
from splitlab.budget.cheapest_point import CheapestPoint, cheapest_point
from splitlab.budget.equiscore import PAPER_CURVES, EquiscoreLaw
from splitlab.budget.line_and_curve import least_hours, meeting_full
from splitlab.budget.published import TRAINING_IMAGES, method_rows
from splitlab.figures.equiscore_curve import equiscore_curve
from splitlab.figures.lessons.halves import equal_area, hours_along
from splitlab.figures.lessons.sliding_line import sliding_line
from splitlab.figures.lessons.split_hours import split_hours
from splitlab.shown_numbers import hours_and_sum
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.split_rows import as_hours, measured_alike, tell_sources, your_hours
from splitlab.ui.split_chip import split_chip
from splitlab.ui.tables import published

_CURVE = PAPER_CURVES[0]
_LAW = _CURVE.law
_IMAGES = TRAINING_IMAGES[_CURVE.dataset]
_FEWEST, _MOST = 200, 800
TOUCHES = 0.01
"""Share of the least hours by which a line may be off and still counts as touching; likewise an answer."""

_DECIDED = {
    "prices": "The prices decide: two equal halves.",
    "law": "The end of the law's range decides: the curve is not known further, so the halves cannot be equal.",
    "images": "The images there are decide: masks and boxes together cannot exceed them.",
}


def _slide_the_line() -> None:
    hours = st.slider("Hours", 50.0, 110.0, 100.0, 0.5, key="line", bind="query-params", format="%.1f h")
    least = least_hours(_LAW, VOC2012)
    if touches := abs(hours - least) <= TOUCHES * least:
        hours = least
    met = meeting_full(_LAW, VOC2012, hours)
    if met is None:
        st.markdown(
            f"With **{hours:.1f} hours** the line stays below the curve: **not enough** for this score, however spent."
        )
    elif touches:
        full = round(met[0])
        weak = round(float(_LAW.weak(full)))
        st.markdown(f"**{hours:.1f} hours: the line touches.** For this score nothing is cheaper. Look at the bar:")
        split_chip(full, weak, VOC2012, hours)
    else:
        st.markdown(
            f"With **{hours:.1f} hours** the line cuts the curve at {met[0]:,.0f} and at {met[1]:,.0f} masks. Between "
            "the two lies the same score for **less**: slide the line down."
        )
    show_chart(sliding_line(_LAW, VOC2012, hours), "sliding_line")
    st.caption("Curve: published, YOLOv5 on VOC2012, AP70 of about 50 (Eq. 5). Line: the prices of Table 1.")


def _two_halves() -> None:
    full = st.slider("Images with masks", _FEWEST, _MOST, 300, 4, key="along", bind="query-params")
    weak = round(float(_LAW.weak(full)))
    (masks, boxes), both = hours_and_sum([mask_hours(float(full), VOC2012), box_hours(float(weak), VOC2012)])
    st.markdown(
        f"Walk along the curve: the score stays, the bill does not. Here masks take **{masks}** and boxes **{boxes}** "
        f"hours, together **{both}**. The sum is least where the two lines cross."
    )
    split_chip(full, weak, VOC2012, cost_hours(float(_FEWEST), float(_LAW.weak(_FEWEST)), VOC2012))
    show_chart(hours_along(_LAW, VOC2012, full), "hours_along")


def _why() -> None:
    full = st.slider("Images with masks", _FEWEST, _MOST, 240, 4, key="stretch", bind="query-params")
    masks, boxes = mask_hours(float(full), VOC2012), box_hours(float(_LAW.weak(full)), VOC2012)
    st.markdown(
        "1. On the curve masks times boxes stays the same, and so does **hours for masks times hours for boxes**: the "
        "area of a rectangle.\n"
        "2. Of all rectangles with one area the **square** has the shortest sides together, and the sides of a square "
        "are equal: **half on masks, half on boxes**."
    )
    show_chart(equal_area(masks, boxes), "equal_area")
    st.caption(
        "Width: hours for masks. Height: hours for boxes. The area is the score, the two sides together the bill."
    )


def _prices_move_it() -> None:
    left, right = st.columns(2, gap="large")
    mask = left.slider("Seconds for the masks of an image", 40, 1500, 240, 10, key="mask_s", bind="query-params")
    box = right.slider("Seconds for its boxes", 10, 120, 38, 1, key="box_s", bind="query-params")
    prices = Prices(float(box), float(mask), "your prices")
    point = cheapest_point(_LAW, prices, _IMAGES)
    st.markdown(
        f"A mask image costs **{prices.mask_to_box:.1f}** box images: label **{point.weak / point.full:.1f}** images "
        f"with boxes for each with masks. {_DECIDED[point.decided_by]}"
    )
    split_chip(point.full, point.weak, prices, point.hours)
    rows = method_rows(published(), _CURVE.dataset, _CURVE.method)
    points = rows[["full", "weak", _CURVE.metric]].rename(columns={_CURVE.metric: "ap"})
    used = [split in _CURVE.splits for split in zip(points["full"], points["weak"], strict=True)]
    show_chart(equiscore_curve(_LAW, points[used].assign(used=False), point, prices, _IMAGES), "travelling")
    st.caption("Circles: published splits on this curve, about 50 AP70. The diamond is the cheapest for your prices.")


def _really_spent() -> None:
    rows = method_rows(published(), _CURVE.dataset, _CURVE.method)
    on_curve = rows[[split in _CURVE.splits for split in zip(rows["full"], rows["weak"], strict=True)]]
    here = measured_alike("ap70")
    point = cheapest_point(_LAW, VOC2012, _IMAGES)
    trained = pd.concat([on_curve, here])
    shares = [
        mask_share(float(full), float(weak), VOC2012)
        for full, weak in zip(on_curve["full"], on_curve["weak"], strict=True)
    ]
    closest = on_curve.iloc[min(range(len(shares)), key=lambda place: abs(shares[place] - 0.5))]
    st.markdown(
        f"Half and half would be **{point.full:,}/{point.weak:,}**, {point.hours:,.1f} hours. Nobody trained it. Of "
        f"those with the same score **{closest['full']:,}/{closest['weak']:,}** comes closest: "
        f"{closest['cost_hours']:,.1f} hours; the dearest takes {on_curve['cost_hours'].max():,.1f}."
    )
    cheapest = your_hours(point.full, point.weak, VOC2012).assign(name=f"by the law {point.full:,}/{point.weak:,}")
    bars = pd.concat([cheapest, as_hours(trained)], ignore_index=True)
    total = bars["mask_hours"] + bars["box_hours"]
    told = [
        f"{share:.0%} masks, {hours:,.1f} h" for share, hours in zip(bars["mask_hours"] / total, total, strict=True)
    ]
    show_chart(split_hours(bars.assign(told=told)), "really_spent")
    tell_sources(here)


def _find_the_cheapest() -> None:
    task = st.container()
    left, right = st.columns(2, gap="large")
    mask = left.slider("Seconds for the masks of an image", 200, 1200, 600, 50, key="dear", bind="query-params")
    full = right.slider("Images with masks", _FEWEST, _MOST, 780, 5, key="answer", bind="query-params")
    prices = replace(VOC2012, mask_seconds=float(mask), name="these masks")
    task.markdown(
        f"Now a mask image takes **{mask}** seconds and a box image {prices.box_seconds:g}. Boxes follow from the "
        f"curve: **{full:,}/{float(_LAW.weak(full)):,.0f}**. Choose the masks so that this score "
        "costs least, to a hundredth."
    )
    point = cheapest_point(_LAW, prices, _IMAGES)
    verdict = judge_cheapest(full, _LAW, prices, point)
    show_verdict(verdict)
    if verdict.right:
        split_chip(full, round(float(_LAW.weak(full))), prices, point.hours)
        show_chart(hours_along(_LAW, prices, full), "answered")


def judge_cheapest(full: float, law: EquiscoreLaw, prices: Prices, point: CheapestPoint) -> Verdict:
    """Judge whether the split at `full` on the curve costs at most `TOUCHES` more than the cheapest.

    Args:
        full: |F|, images, above 0.
        law: the curve.
        prices: seconds per image.
        point: the cheapest split of the curve for these prices and the images there are.

    Raises:
        BudgetError: `full` is not above 0.
    """
    weak = float(round(float(law.weak(full))))
    hours = [mask_hours(full, prices), box_hours(weak, prices)]
    (masks, boxes), both = hours_and_sum(hours)
    told = f"Masks take {masks} hours and boxes {boxes}"
    if sum(hours) <= (1 + TOUCHES) * point.hours:
        return Verdict(
            True,
            f"{told}: {both} together, and the cheapest is {point.hours:,.1f}. {_DECIDED[point.decided_by]}",
        )
    way = "fewer masks, more boxes" if full > point.full else "more masks, fewer boxes"
    return Verdict(False, f"{told}. Dearer than it must be: {way}.")


LESSON = Lesson(
    title="Half on masks, half on boxes",
    answers="For one score there are many splits. Which is the cheapest, and why?",
    minutes=10,
    screens=(
        Screen(
            "Slide the line until it touches",
            _slide_the_line,
            "Everything below the orange line can be paid for. Slide down slowly and let the class say stop. The line "
            "touches at 77.7 hours, at 584/3,671; masks alone take 97.5 hours for the same score. This follows from "
            "the paper's law; the paper itself does not say it.",
        ),
        Screen(
            "Two equal halves",
            _two_halves,
            "Cover the grey curve with a hand and ask where the sum is least. It is where the other two cross, which "
            "is no matter of course for two curves: the next screen says why it is so here.",
        ),
        Screen(
            "Why: a rectangle and a square",
            _why,
            "The whole proof, in two sentences. Older students: F x W = k φ₀², so hours times hours is a constant, and "
            "the sum of two numbers with a fixed product is least when they are equal.",
        ),
        Screen(
            "Prices move the point, not the halves",
            _prices_move_it,
            "Make masks dearer and watch the diamond travel; the bar stays halved until the end of the law's range or "
            "the images there are stop it. Published: 6.3 boxes for a mask on VOC2012, 10.9 on Cityscapes, and the "
            "paper's own advice is 1:4 to 1:7.",
        ),
        Screen(
            "What was really spent",
            _really_spent,
            "800/3,000 is the closest to half and half that was trained, and 400/5,000 is cheaper still: ask why. "
            "The curve is fitted to points that scatter about it, and near the touching point cost is flat.",
        ),
        Screen(
            "Your turn: other prices",
            _find_the_cheapest,
            "There are two ways to the answer: by trying, or by asking that both halves be equal. Let somebody say the "
            "second. Usual slip: more masks because masks are worth more.",
        ),
    ),
)
