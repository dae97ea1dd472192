"""Lesson 3: all masks or all boxes is rarely the best way to spend the hours (Observation 1)."""

from __future__ import annotations

import streamlit as st

from splitlab.budget.annotation_cost import VOC2012, mask_share
from splitlab.budget.caveats import interval_in_words
from splitlab.budget.claims.all_claims import paper_claims
from splitlab.budget.claims.claim import Claim
from splitlab.budget.extremes import extreme_splits
from splitlab.budget.image_pool import ImagePool
from splitlab.budget.plan_in_words import unspent_in_words
from splitlab.budget.plan_limit import PlanLimit, plan_limit
from splitlab.budget.planner import Plan, SplitForecast, budget_line, forecast_split, plan_for_hours
from splitlab.budget.published import TRAINING_IMAGES
from splitlab.budget.published_surface import published_surface
from splitlab.budget.results import METRICS
from splitlab.figures.lessons.extremes_chart import extremes_chart
from splitlab.figures.lessons.one_purse import one_purse
from splitlab.shown_numbers import rounded, shown
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.series import choose_series
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.split_chip import split_chip

_POOL = ImagePool(TRAINING_IMAGES["VOC2012"])
_LEAST_SHARE, _MOST_SHARE = 5, 100


def _who_beats_it() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        series = choose_series("extremes_of")
    extremes = extreme_splits(series.rows, series.metric, series.images)
    if extremes.empty:
        st.markdown(
            f"**{series.name}**: {len(series.rows)} splits, and the cheapest and the dearest have nothing to be "
            "compared with. That leaves no extreme split to look at: too few to say."
        )
        return
    names = [f"{full:,}/{weak:,}" for full, weak in zip(extremes["full"], extremes["weak"], strict=True)]
    # The dearest one without boxes has most to lose.
    at_first = names[int(extremes["cost_hours"].where(extremes["weak"] == 0, 0).argmax())]
    name = linked_selectbox("An extreme split", names, "extreme", at_first, right)
    picked = extremes.iloc[names.index(name)]
    if picked["beaten"]:
        st.markdown(
            f"**{name}** takes {picked['cost_hours']:,.1f} hours for a score of {shown(picked['ap'])}. "
            f"**{picked['by_full']:,.0f}/{picked['by_weak']:,.0f}** takes {picked['by_hours']:,.1f} hours and scores "
            f"**{shown(picked['by_ap'])}**."
        )
    else:
        st.markdown(
            f"**{name}** takes {picked['cost_hours']:,.1f} hours, scores {shown(picked['ap'])}, and nothing beats it."
        )
    show_chart(
        extremes_chart(series.rows, series.metric, extremes, picked, series.axis, filled=series.is_measured),
        "extremes",
    )
    st.caption(f"{extremes['beaten'].sum()} of these {len(extremes)} extreme splits are beaten. {series.name}.")


def _one_purse() -> None:
    left, right = st.columns(2, gap="large")
    hours = left.slider("Hours you have", 20, 190, 80, 5, key="budget", bind="query-params")
    share = right.slider(
        "Share of them for masks (%)", _LEAST_SHARE, _MOST_SHARE, 100, 5, key="share", bind="query-params"
    )
    chosen = spend(float(hours), share / 100)
    limit = _limit(float(hours))
    st.markdown(
        f"**{hours} hours**, and every number of masks they pay for. With {share}% of them for masks: "
        f"expect **{shown(chosen.ap)}** AP ({shown(chosen.low)} to {shown(chosen.high)}). {_left_over(chosen, limit)}"
    )
    split_chip(chosen.full, chosen.weak, VOC2012, float(hours))
    _show_purse(float(hours), chosen, limit, "one_purse")
    st.caption(
        "Predicted from the 20 published YOLOv5 models on VOC2012. The 90% interval is for "
        f"{interval_in_words(published_surface('VOC2012', 'YOLOv5', 'ap70'))}. "
        f"{unspent_in_words(limit, _POOL)}"
    )


def _limit(hours: float) -> PlanLimit:
    fitted = published_surface("VOC2012", "YOLOv5", "ap70")
    return plan_limit(fitted, VOC2012, hours, _POOL, plan_for_hours(fitted, VOC2012, hours, _POOL).best)


def _left_over(chosen: SplitForecast, limit: PlanLimit) -> str:
    if chosen.full >= limit.spends_from:
        return ""
    return f"That labels all {_POOL.images:,} images for {chosen.hours:,.1f} hours; the rest stays unspent."


def _show_purse(hours: float, chosen: SplitForecast, limit: PlanLimit, key: str) -> None:
    line = budget_line(published_surface("VOC2012", "YOLOv5", "ap70"), VOC2012, hours, _POOL)
    show_chart(one_purse(line[line["full"] > 0], chosen, f"expected {METRICS['ap70']}", limit.spends_from), key)


def _where_it_does_not_hold() -> None:
    claim = _claim("observation-1")
    st.markdown(f"> {claim.statement}")
    st.markdown(f"Recomputed from the paper's own tables: **{claim.verdict}**.")
    st.markdown(claim.finding)
    st.markdown(
        "A rule that was read off a table has the table's exceptions. Where boxes are nearly as dear as masks, or "
        "where there are few images left to draw boxes on, an end may well win: **your own prices and "
        "images decide.**"
    )
    st.page_link("pages/plan.py", label="Plan a budget with your own prices", icon=":material/savings:")


def _find_the_middle() -> None:
    task = st.container()
    left, right = st.columns(2, gap="large")
    hours = left.slider("Hours you have", 30, 150, 60, 5, key="to_spend", bind="query-params")
    share = right.slider(
        "Share of them for masks (%)", _LEAST_SHARE, _MOST_SHARE, 100, 1, key="masks_share", bind="query-params"
    )
    chosen = spend(float(hours), share / 100)
    task.markdown(
        f"**{hours} hours.** Choose how much of it goes into masks, so that no other way to spend them is expected to "
        "score more than half a point better."
    )
    split_chip(chosen.full, chosen.weak, VOC2012, float(hours))
    fitted = published_surface("VOC2012", "YOLOv5", "ap70")
    verdict = judge_middle(chosen, plan_for_hours(fitted, VOC2012, float(hours), _POOL))
    show_verdict(verdict)
    if verdict.right:
        _show_purse(float(hours), chosen, _limit(float(hours)), "found")


def spend(hours: float, share: float) -> SplitForecast:
    """Spend this share (0..1) of the hours on masks and the rest on boxes, by VOC2012's prices and images.

    Raises:
        BudgetError: the hours do not pay for one mask image.
    """
    seconds = hours * 3600
    full = min(max(int(share * seconds / VOC2012.mask_seconds), 1), _POOL.images)
    weak = int((seconds - full * VOC2012.mask_seconds) / VOC2012.box_seconds)
    fitted = published_surface("VOC2012", "YOLOv5", "ap70")
    return forecast_split(fitted, VOC2012, full, max(min(weak, _POOL.images - full), 0), _POOL)


def judge_middle(chosen: SplitForecast, plan: Plan) -> Verdict:
    """Judge whether a split lies in the flat region of the plan for the same hours."""
    lost = rounded(plan.best.ap) - rounded(chosen.ap)
    if chosen.full < plan.fewest_flat.full:
        return Verdict(
            False, f"Too many boxes: {shown(lost)} AP are lost. They find things that no mask taught to outline."
        )
    if chosen.full > plan.most_flat.full:
        return Verdict(
            False, f"Too many masks: {shown(lost)} AP are lost. The same hours would show the model more images."
        )
    return Verdict(
        True,
        f"{chosen.full:,}/{chosen.weak:,} spends {mask_share(chosen.full, chosen.weak, VOC2012):.0%} on masks, and "
        f"loses {shown(max(lost, 0))} AP against the best. Anything from {plan.fewest_flat.full:,} to "
        f"{plan.most_flat.full:,} masks would do: the middle is wide, the ends are steep.",
    )


@st.cache_data(show_spinner=False)
def _claim(key: str) -> Claim:
    return next(claim for claim in paper_claims() if claim.key == key)


LESSON = Lesson(
    title="Extreme splits lose",
    answers="Should I rather draw a few perfect masks, or box everything I have?",
    minutes=8,
    screens=(
        Screen(
            "Somebody did better for the same money",
            _who_beats_it,
            "Better lies up and to the left. Ask for the split that beats 1,464/0: 400/5,000 scores the same 49.9 for "
            "18 hours less, 800/3,000 more. Keep Cityscapes for the third screen: 1,475/0 is beaten there, but two "
            "other extremes are not.",
        ),
        Screen(
            "One purse, many ways to spend it",
            _one_purse,
            "Start at 100% and ask the class to say when to stop. The curve is flat in the middle and steep at both "
            "ends: that is the whole of Observation 1. It is a forecast from 20 published models, so let them read the "
            "interval aloud, too.",
        ),
        Screen(
            "Where it does not hold",
            _where_it_does_not_hold,
            "Good moment to talk about what an observation is worth. The paper's sentence has exceptions in its own "
            "Table 3. Ask: what is different about Cityscapes? Only 2,975 images, and dearer boxes.",
        ),
        Screen(
            "Your turn: find the middle",
            _find_the_middle,
            "Most stop at about half and are right, at any budget; lesson 7 says why. Who bet in lesson 1 may check "
            "the bet now.",
        ),
    ),
)
