"""Lesson 2: a box image teaches three of the four things that a mask image teaches, for a sixth of the price."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from splitlab.budget.annotation_cost import VOC2012, Prices, cost_hours
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.published import method_rows
from splitlab.budget.published_surface import published_surface
from splitlab.budget.results import METRICS
from splitlab.budget.weak_gains import weak_gains
from splitlab.figures.lessons.pair_slopes import pair_slopes
from splitlab.shown_numbers import rounded, shown
from splitlab.ui.fused_batch import show_fused_batch
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.scene_pictures import scene_pictures
from splitlab.ui.lessons.split_rows import measured_splits, tell_sources
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.plain_text import as_plain
from splitlab.ui.split_chip import split_chip
from splitlab.ui.tables import published

AS_FULL, AS_WEAK = "in F, with masks", "in W, with boxes"
EQUAL_AP = 0.3
"""AP within which two expected scores count as equal: less than two trainings of one split lie apart."""
_DATASET, _METHOD, _METRIC = "VOC2012", "YOLOv5", "ap70"
_LARGEST_FULL = 1464


def _what_an_image_tells() -> None:
    seen = linked_choice("The image is", [AS_FULL, AS_WEAK], AS_FULL, "seen_as")
    pictures = scene_pictures(2)
    left, right = st.columns([1, 1.25], gap="large", vertical_alignment="center")
    left.image(pictures.as_full if seen == AS_FULL else pictures.as_weak, width="stretch")
    outline = "**yes**" if seen == AS_FULL else "no"
    right.markdown(
        "| What the model is to learn | does this label tell? |\n|---|---|\n"
        "| Is something there? | **yes** |\n| Where is it, and how large? | **yes** |\n| What is it called? | **yes** "
        f"|\n| Which pixels are its own? | {outline} |"
    )
    st.markdown(
        "A model's training has four parts, one for each question (Eq. 1 of the paper). Boxes answer three of the four."
    )


def _only_boxes_added() -> None:
    pairs = weak_gains(method_rows(published(), _DATASET, _METHOD), _METRIC)
    left, right = st.columns(2, gap="large")
    sizes = sorted(pairs["full"].unique().tolist())
    full = left.select_slider("Images with masks, F", sizes, 400, key="with_masks", bind="query-params")
    of_full = pairs[pairs["full"] == full]
    # The most boxes differ from |F| to |F|: 10,731 less the masks.
    amounts = ["1,000", "3,000", "5,000", "all"]
    amount = right.select_slider("Boxes added, W", amounts, "5,000", key="boxes_added", bind="query-params")
    weak = of_full["weak"].max() if amount == "all" else int(amount.replace(",", ""))
    pair = of_full[of_full["weak"] == weak]
    row = pair.iloc[0]
    st.markdown(
        f"**{weak:,}** images with boxes on top of **{full:,}** with masks: not one mask more, and **masks get better "
        f"by {shown(rounded(row['together']) - rounded(row['alone']))} AP** for {row['hours']:.0f} hours."
    )
    show_chart(pair_slopes(pair, METRICS[_METRIC]), "published_pair")
    st.caption("Published: YOLOv5 on VOC2012 (Table 2 of the paper).")


def _measured_here_too() -> None:
    best = _few_to_many_masks(weak_gains(measured_splits(_METRIC), _METRIC))
    paper = weak_gains(method_rows(published(), _DATASET, _METHOD), _METRIC)
    sizes = sorted(paper["full"].unique().tolist())
    full = st.select_slider("Published pair with F", sizes, 400, key="beside", bind="query-params")
    shown = paper[(paper["full"] == full) & (paper["weak"] == 5000)]
    if best.empty:
        st.markdown("The paper's pair. No pair was measured here yet: train a split with boxes, and its masks alone.")
    else:
        told = "; ".join(
            f"{as_plain(row['dataset'])}: {row['full']:,} masks, {row['weak']:,} boxes on top, "
            f"**{rounded(row['together']) - rounded(row['alone']):+.1f} AP** for {row['hours']:.1f} hours"
            for _, row in best.iterrows()
        )
        st.markdown(f"Does it repeat outside the paper? Trained with this code: {told}.")
    show_chart(pair_slopes(pd.concat([shown, best]), METRICS[_METRIC]), "both_pairs")
    tell_sources(best)


def _few_to_many_masks(gains: pd.DataFrame) -> pd.DataFrame:
    """Return at most three pairs, each with the most boxes there are for its masks: few, middling, many."""
    if gains.empty:
        return gains
    best = gains.loc[gains.groupby(["dataset", "method", "way", "full"])["weak"].idxmax()]
    return best.iloc[sorted({0, len(best) // 2, len(best) - 1})]


def _boxes_instead_of_masks() -> None:
    task = st.container()
    fitted = published_surface(_DATASET, _METHOD, _METRIC)
    weak = st.slider("Images with boxes beside 400 with masks", 0, 10_000, 500, 100, key="instead", bind="query-params")
    task.markdown(
        f"**{_LARGEST_FULL:,}** images with masks and no boxes take {cost_hours(1464.0, 0.0, VOC2012):.1f} hours. You "
        "only draw masks for **400**. How many images with boxes make up for the rest?"
    )
    split_chip(400, weak, VOC2012, cost_hours(float(_LARGEST_FULL), 0.0, VOC2012))
    show_verdict(judge_replacement((400, weak), (_LARGEST_FULL, 0), fitted, VOC2012))
    st.caption(
        "Judged by the AP surface that is fitted to the 20 published YOLOv5 models on VOC2012. In the table itself "
        "400/5,000 and 1,464/0 both score 49.9."
    )


def judge_replacement(split: tuple[int, int], goal: tuple[int, int], fitted: FittedSurface, prices: Prices) -> Verdict:
    """Judge whether a split (F, W) is expected to score what the goal does, within `EQUAL_AP`.

    Raises:
        BudgetError: a count is negative.
    """
    ap, wanted = (float(fitted.surface.ap(*sizes)) for sizes in (split, goal))
    dear, cheap = (round(cost_hours(float(full), float(weak), prices), 1) for full, weak in (goal, split))
    told = (
        f"{split[0]:,}/{split[1]:,} is expected to score {shown(ap)}, {goal[0]:,}/{goal[1]:,} scores {shown(wanted)}."
    )
    if ap < wanted - EQUAL_AP:
        return Verdict(False, f"{told} More boxes.")
    if ap > wanted + EQUAL_AP:
        return Verdict(False, f"{told} You have labelled more than it takes: fewer boxes will do.")
    return Verdict(True, f"{told} The same score for {dear - cheap:,.1f} hours less: that is what weak labels buy.")


LESSON = Lesson(
    title="What weak labels buy",
    answers="A box says nothing about outlines. Why do boxes make masks better all the same?",
    minutes=8,
    screens=(
        Screen(
            "What an image tells a model",
            _what_an_image_tells,
            "Ask before you switch to boxes: which of the four answers are lost? Only the last. A frequent thought is "
            "that a box is a poor mask; here it is none at all, it is a full answer to three other questions. The four "
            "parts are the paper's Eq. 1: class, objectness, box, mask.",
        ),
        Screen(
            "How mixed training works",
            show_fused_batch,
            "Cover the bottom row and ask: which cells will be empty? Then scramble all masks of W: every part of the"
            " loss and every gradient stays the same to the last bit, because those masks are taken out before "
            "anything reads them. Scramble one of F: the mask part alone moves, and one cell. Ask for the f_size at "
            "which dividing by the batch size would halve the mask part; they find it by moving it: half of the "
            "batch. The paper's authors take 2 of 16 on VOC2012, where it would count an eighth. All numbers are "
            "computed here, by the code that trains. For the curious: images of W do move masks, through the weights "
            "that all parts share and, while it trains, through batch normalisation; masks of W never do.",
        ),
        Screen(
            "Add boxes, and nothing else",
            _only_boxes_added,
            "Let the class guess the gain before you move the slider. Why do masks gain? A mask can only be right on "
            "an object that was found and named. Published: 400/0 scores 38.6 AP70, 400/5,000 scores 49.9.",
        ),
        Screen(
            "Measured, not only published",
            _measured_here_too,
            "Point at outlined and filled: other photos, another model, so compare slopes, never heights. Pets of the "
            "atlas: 30 masks alone 63.2 AP70, with 330 boxes 73.0; with a second seed 62.6 and 71.7. Ask the class "
            "what two seeds can show, and what they cannot.",
        ),
        Screen(
            "Your turn: boxes instead of masks",
            _boxes_instead_of_masks,
            "Let them guess a number first and write it down. Most guess far more than it takes, or say that it cannot "
            "be done. Both splits scored 49.9 in the paper, for 79.5 and 97.5 hours.",
        ),
    ),
)
