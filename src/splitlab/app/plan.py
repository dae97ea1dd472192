"""Plan a budget: enter hours or a score, get the split to label and the score to expect."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import streamlit as st

from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.budget_choices import Source, choose_source
from splitlab.app.widgets.links import linked_choice, linked_count
from splitlab.app.widgets.prices import ChosenPrices, choose_prices, turn_price_ratio
from splitlab.app.widgets.sources import atlas_curves, training_images
from splitlab.app.widgets.split_chip import split_chip
from splitlab.app.widgets.text import as_plain, offer_csv, with_bold_numbers
from splitlab.atlas.tables import TEST_PART
from splitlab.budget.cost import MAX_IMAGES, ImagePool, Prices, cost_hours, mask_hours
from splitlab.budget.fit import FittedSurface, fit_surface
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, PaperCurve
from splitlab.budget.mix_or_masks import by_law_in_words, by_surface_in_words, equal_score, mix_or_masks
from splitlab.budget.next_step import advice_in_words, next_labels, next_run
from splitlab.budget.pilot import LeaveOneOut, fit_pilot, leave_one_out, read_pilot
from splitlab.budget.plan_answer import PlanAnswer, answer_for_hours, answer_for_score
from splitlab.budget.plan_in_words import interval_in_words, labels_to_make
from splitlab.budget.planner import SplitForecast, best_splits, budget_line
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD
from splitlab.budget.results import METRICS, PUBLISHED, SHORT_METRICS
from splitlab.budget.rivals import RIVALS_COMMAND, rivals_table
from splitlab.errors import BudgetError
from splitlab.figures.mix_or_masks import costs_by_ratio
from splitlab.figures.plan import hours_curve, plan_chart
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

_BY_HOURS, _BY_SCORE, _BY_MONEY = "hours I have", "score I need", "money I have"
_LEAST_AP = 0.1
_FIRST_HOURS, _NEXT_HOURS = 80.0, 8.0
_GUESSED_IMAGES = 1000
_CURVE_POINTS, _FEWEST_MASKS = 50, 20
_CHART = {"displaylogo": False}


@dataclass(frozen=True, eq=False)
class _Request:
    """What the visitor asks for: either hours or a score; results of an uploaded pilot take the place of the source."""

    source: Source
    pilot: pd.DataFrame | None
    hours: float | None
    score: float
    chosen_prices: ChosenPrices
    pool: ImagePool

    @property
    def prices(self) -> Prices:
        return self.chosen_prices.per_image

    @property
    def origin(self) -> str:
        return self.source.source if self.pilot is None else "own"

    @cached_property
    def fitted(self) -> FittedSurface:
        return self.source.surface if self.pilot is None else fit_pilot(self.pilot)

    @property
    def axis(self) -> str:
        return "expected " + (METRICS[self.source.metric] if self.pilot is None else "score of your runs")

    @property
    def is_flattered(self) -> bool:
        return self.pilot is None and (self.source.source, self.source.method) == (PUBLISHED, FLATTERED_METHOD)

    def answer(self) -> PlanAnswer:
        results = self.source.runs if self.pilot is None else self.pilot
        if self.hours is None:
            return answer_for_score(self.fitted, results, self.origin, self.prices, self.score, self.pool)
        return answer_for_hours(self.fitted, results, self.origin, self.prices, self.hours, self.pool)


def show_page() -> None:
    """Show the page."""
    page_head(
        "Plan a budget",
        "Within a fixed budget, each image with masks (F) means fewer with boxes only (W). The chart shows the average "
        "precision (AP) to expect for each number of mask images that the hours pay for.",
    )
    settings, picture = st.columns([1, 2.2], gap="large")
    with picture, errors_shown():
        with settings:
            request = _choose()
        answer = request.answer()
        _show_answer(request, answer)
        _show_chart(request, answer)
        with errors_shown():
            _show_dial(request, answer.plan.best)
        with errors_shown():
            _show_next_labels(request, answer.plan.best)
        with st.expander("More hours, more AP: the best split of each budget"), errors_shown():
            _show_budgets(request, answer.hours)
        with st.expander("How far to trust it"), errors_shown():
            _show_trust(request.fitted)


def _choose() -> _Request:
    source = choose_source()
    place_of_goal = st.container()
    prices = choose_prices(source.dataset)
    turn_price_ratio(prices)
    with place_of_goal:
        hours, score = _choose_goal(source, prices.money_per_hour)
    place_of_pool = st.container()
    pilot = _upload_pilot()
    images = _linked_images() or (_known_images(source) if pilot is None else None)
    with place_of_pool.expander("Your images and labels so far", expanded=images is None):
        if images is None:
            st.caption("The number of images is unknown; this is an estimate. Enter how many you have.")
            images = max(_most_labelled(source.rows if pilot is None else pilot), _GUESSED_IMAGES)
        pool = _choose_pool(images)
    return _Request(source, pilot, hours, score, prices, pool)


def _choose_goal(source: Source, money_per_hour: float | None) -> tuple[float | None, float]:
    """Return the hours, or None and the score to reach."""
    goals = [_BY_HOURS, _BY_SCORE, *([_BY_MONEY] if money_per_hour else [])]
    goal = linked_choice("Plan for", goals, _BY_HOURS, "mode")
    if goal == _BY_MONEY and money_per_hour:
        money = st.number_input("Money for labelling", 1.0, 10_000_000.0, 1000.0, key="money", bind="query-params")
        return money / money_per_hour, 0.0
    if goal == _BY_HOURS:
        hours = st.number_input(
            "Hours of labelling", 0.5, 100_000.0, _FIRST_HOURS, key="hours_planned", bind="query-params"
        )
        return hours, 0.0
    start = max(float(round(source.surface.ap.mean())), _LEAST_AP)
    key = f"score_{source.dataset}_{source.method}_{source.metric}"
    return None, st.number_input("AP to reach", _LEAST_AP, 99.9, start, key=key, bind="query-params")


def _upload_pilot() -> pd.DataFrame | None:
    with st.expander("Your pilot: plan from your own runs"):
        st.caption(
            "A CSV with the columns full (images with masks), weak (images with boxes), score (AP from 0 to 100) and "
            "seed; one line for each model you trained. Runs without a seed count as runs of one seed."
        )
        file = st.file_uploader("Pilot CSV", type="csv", key="pilot", max_upload_size=1)
        if file is None:
            return None
        try:
            text = file.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BudgetError(f"{file.name} is not UTF-8 text. Save it as CSV (UTF-8).") from error
        return read_pilot(text, file.name)


def _linked_images() -> int | None:
    """Return the number of images that a link states, as that of the page Data does; None if it states none."""
    stated = st.query_params.get("images", "")
    return (
        int(stated)
        if stated.isascii() and stated.isdecimal() and len(stated) < 12 and 1 <= int(stated) <= MAX_IMAGES
        else None
    )


def _known_images(source: Source) -> int | None:
    """Return how many training images a source's dataset has; None if unknown.

    For a dataset of the atlas these are the images that its splits are drawn from, unless a split labels more.
    """
    known = training_images(Workspace.here())
    images = known.get(source.dataset, known.get(source.dataset + TEST_PART, 0))
    return images if images >= _most_labelled(source.rows) else None


def _most_labelled(runs: pd.DataFrame) -> int:
    return int((runs["full"] + runs["weak"]).max())


def _choose_pool(images: int) -> ImagePool:
    there_are = linked_count("Training images", 1, MAX_IMAGES, images, f"images_{images}")
    left, right = st.columns(2)
    full = linked_count("With masks already", 0, MAX_IMAGES, 0, "have_full", left)
    weak = linked_count("With boxes already", 0, MAX_IMAGES, 0, "have_weak", right)
    return ImagePool(there_are, full, weak)


def _show_answer(request: _Request, answer: PlanAnswer) -> None:
    """Show the plan, its limits, the best trained split for the same money, and warnings."""
    best = answer.plan.best
    expected = f"expect AP **{shown(best.ap)}** ({shown(best.low)} to {shown(best.high)})"
    st.markdown(f"### {with_bold_numbers(labels_to_make(best, request.pool))}: {expected}")
    split_chip(best.full, best.weak, request.prices, cost_hours(float(best.full), float(best.weak), request.prices))
    money = request.chosen_prices.money(best.hours)
    st.markdown(f"New labels take {best.hours:,.1f} hours{money}. {with_bold_numbers(answer.ways_told)}")
    st.markdown(answer.limit_told)
    if answer.trained_is_ahead:
        st.info(answer.trained_told)
    elif answer.trained_told:
        st.markdown(answer.trained_told)
    for sentence in answer.caveats:
        st.warning(sentence)
    if request.pilot is not None:
        advice = next_run(request.fitted, request.prices, answer.hours, request.pool)
        st.markdown(f"Your pilot: {advice_in_words(advice)}")


def _show_chart(request: _Request, answer: PlanAnswer) -> None:
    fitted, source = request.fitted, request.source
    line = budget_line(fitted, request.prices, answer.hours, request.pool)
    chart = plan_chart(line, answer.plan, request.axis, answer.limit.spends_from)
    st.plotly_chart(chart, key="plan_chart", config=_CHART, alt=f"{request.axis} against images with masks")
    on = f", scored on {as_plain(source.scored_on)}" if request.pilot is None and source.scored_on else ""
    st.caption(
        f"The band is the 90% interval for {interval_in_words(fitted)}. It widens outside the results. Predicted "
        f"from {len(fitted.ap)} {request.origin} result{'s' if len(fitted.ap) > 1 else ''}{on}."
    )
    if request.is_flattered:
        st.caption(FLATTERED)
    offer_csv(line, "splitlab-plan.csv")


def _show_dial(request: _Request, best: SplitForecast) -> None:
    """Show whether mixing pays at this price ratio: by the law of the same models, and by the AP surface."""
    score = equal_score(request.fitted, best.ap, request.pool)
    if score is None:
        return
    st.subheader("Mix, or masks only?", anchor=False)
    law = _tell_law(request)
    st.markdown(by_surface_in_words(score, request.prices.mask_to_box))
    st.plotly_chart(
        costs_by_ratio(score, law, request.prices.mask_to_box),
        key="costs_by_ratio",
        config=_CHART,
        alt="Cost of the best mix, in % of masks alone, against the price ratio of a mask and a box",
    )
    if law is not None:
        st.caption(
            "The two can disagree. The law compares masks alone with splits of up to 0.55 φ₀ masks, labelled from "
            "scratch. The AP surface is smooth between the results, also where no split was trained, such as many "
            "masks with few boxes."
        )


def _tell_law(request: _Request) -> EquiscoreLaw | None:
    """Show what the equiscore law of the same models says, and return it; None if there is none."""
    curve = _curve_of(request)
    if curve is None:
        return None
    try:
        found = mix_or_masks(curve.law, request.prices, request.pool.images)
    except BudgetError:
        return None  # too few images for the curve
    st.markdown(
        f"By the equiscore law of {as_plain(curve.method)} on {as_plain(curve.dataset)} "
        f"({SHORT_METRICS[curve.metric]} about {curve.score:g}), {by_law_in_words(found)}"
    )
    return curve.law


def _curve_of(request: _Request) -> PaperCurve | None:
    """Return the equiscore curve of the models that the plan rests on; None if there is none."""
    curves = [] if request.pilot is not None else [*PAPER_CURVES, *atlas_curves(Workspace.here())]
    source = request.source
    return next((c for c in curves if (c.dataset, c.method) == (source.dataset, source.method)), None)


def _show_next_labels(request: _Request, best: SplitForecast) -> None:
    """Show what the next hours would add to the existing or the planned labels."""
    st.subheader("What to label next", anchor=False)
    pool = request.pool
    start = pool if pool.full else ImagePool(pool.images, best.full, best.weak)
    if start.full == start.images:
        st.caption(f"All {start.images:,} images then have masks: nothing is left to label.")
        return
    hours = st.number_input("With the next hours", 1.0, 1000.0, _NEXT_HOURS, key="next_hours", bind="query-params")
    gains = next_labels(request.fitted, request.prices, start, hours)
    ways = {"masks": gains.masks}
    if gains.boxes is not None:
        ways["boxes, then masks" if gains.boxes.hours > gains.box_hours else "boxes"] = gains.boxes
    rows = [
        {"label": label, "from": f"{start.full:,}/{start.weak:,}", **asdict(gain), "AP per hour": gain.ap_per_hour}
        for label, gain in ways.items()
    ]
    st.dataframe(pd.DataFrame(rows).round(3), hide_index=True)
    left = start.images - start.full - start.weak
    if not left:
        st.caption("Every image has a label; masks can only replace boxes.")
    elif gains.box_images == left:
        st.caption(
            f"Images without a label: {left:,}. Their boxes take {gains.box_hours:,.2f} hours; the remaining hours go "
            "into masks."
        )


def _show_budgets(request: _Request, spent: float) -> None:
    # If the existing labels reach the score already, the curve shows what a few more hours would bring.
    most = 3 * spent or _NEXT_HOURS
    budgets = np.geomspace(max(most / 12, mask_hours(_FEWEST_MASKS, request.prices)), most, _CURVE_POINTS)
    curve = best_splits(request.fitted, request.prices, budgets, request.pool)
    st.plotly_chart(
        hours_curve(curve, spent, request.axis),
        key="hours_curve",
        config=_CHART,
        alt=f"{request.axis} against hours for labelling",
    )


def _show_trust(fitted: FittedSurface) -> None:
    """Show how well the surface predicts splits it has not seen, and how plans compare with simple rules."""
    if len(set(zip(fitted.full, fitted.weak, strict=True))) < 2:
        st.caption("The plan rests on one split. Train a second one to see how well it predicts others.")
    else:
        seed = None if fitted.luck is None else fitted.luck.of_run.tolist()
        checked = _left_out(fitted.full.tolist(), fitted.weak.tolist(), fitted.ap.tolist(), seed)
        st.markdown(
            "Each split left out in turn and predicted from the others: mean error "
            f"**{checked.mean_error:.2f} AP**, worst {checked.worst_error:.2f}; {checked.coverage:.0%} fall "
            "inside their 90% interval, not counting differences between seeds. Predicting the mean of the other "
            f"results is off by {checked.mean_error_of_mean:.2f} AP."
        )
        st.dataframe(checked.rows.round(1), hide_index=True)
    st.markdown("**Against simple rules**, on made-up projects whose best split is known: AP lost on average.")
    lost = _against_rivals()
    one_decimal = {column: st.column_config.NumberColumn(format="%.1f") for column in lost.columns[1:]}
    st.dataframe(lost, hide_index=True, column_config=one_decimal)
    st.caption(
        "First labels: pilot runs train on the first labels of the same project. Labelled before: on an earlier "
        f"dataset. Last column: only projects in which boxes lower the score somewhere. Made by `{RIVALS_COMMAND}`."
    )


def _against_rivals() -> pd.DataFrame:
    table = rivals_table().query("shapes == 'all'")
    lost = table.pivot_table(index="strategy", columns="project", values="mean_regret", sort=False).round(1)
    hurt = table.groupby("strategy", sort=False)["regret_if_boxes_hurt"].mean().round(1)
    return lost.assign(**{"if boxes hurt": hurt}).loc[lost.mean(axis=1).sort_values().index].reset_index()


@st.cache_data(show_spinner=False, ttl=600)
def _left_out(full: list[float], weak: list[float], ap: list[float], seed: list[int] | None) -> LeaveOneOut:
    return leave_one_out(fit_surface(full, weak, ap, seed))
