"""Plan a budget: hours or a score in, the split to label out, with the score to expect."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import streamlit as st

from splitlab.app.navigation import answered, page_head
from splitlab.app.widgets.budget_choices import Source, choose_prices, choose_source
from splitlab.app.widgets.links import linked_choice, linked_count
from splitlab.app.widgets.sources import training_images
from splitlab.app.widgets.text import as_plain, split_chip, with_bold_numbers
from splitlab.atlas.tables import TEST_PART
from splitlab.budget.cost import MAX_IMAGES, ImagePool, Prices, cost_hours
from splitlab.budget.fit import FittedSurface, fit_surface
from splitlab.budget.next_step import advice_in_words, next_labels, next_run
from splitlab.budget.pilot import LeaveOneOut, fit_pilot, leave_one_out, read_pilot
from splitlab.budget.plan_answer import PlanAnswer, answer_for_hours, answer_for_score
from splitlab.budget.plan_in_words import interval_in_words, labels_to_make
from splitlab.budget.planner import Plan, best_splits, budget_line
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD
from splitlab.budget.results import METRICS, PUBLISHED
from splitlab.errors import BudgetError
from splitlab.figures.plan import hours_curve, plan_chart
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

_BY_HOURS, _BY_SCORE = "hours I have", "score I need"


_CURVE_POINTS = 50


_OWN_IMAGES = 1000


_GUESS = "Nobody told how many images there are, so this number is a guess. Say how many you have."


_LEAST_AP = 0.1


_NEXT_HOURS = 8.0


@st.cache_data(show_spinner=False, ttl=600)
def _left_out(full: list[float], weak: list[float], ap: list[float]) -> LeaveOneOut:
    """Say how well a surface predicts a split it has not seen; computed once for the same results."""
    return leave_one_out(fit_surface(full, weak, ap))


def _own_runs() -> pd.DataFrame | None:
    """Show the uploader of a pilot; return its runs, or None."""
    with st.expander("Your pilot: plan by your own runs"):
        st.caption(
            "A CSV with the columns full, weak, score and seed: one line for each model you trained, AP from 0 to 100. "
            "Runs without a seed count as runs of one seed."
        )
        file = st.file_uploader("Pilot CSV", type="csv", key="pilot", max_upload_size=1)
        if file is None:
            return None
        try:
            text = file.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BudgetError(f"{file.name} is no UTF-8 text. Save it as CSV (UTF-8).") from error
        return read_pilot(text, file.name)


def _known_images(source: Source) -> int | None:
    """Return how many training images a source's data set has; None where nobody told.

    What the atlas draws from is taken for all there is of its data sets, where no split labels more.
    """
    told_of = training_images(Workspace.here())
    told = told_of.get(source.dataset, told_of.get(source.dataset + TEST_PART, 0))
    return told if told >= _most_labelled(source.rows) else None


def _choose_pool(images: int) -> ImagePool:
    """Show what images and labels there are."""
    there_are = linked_count("Training images", 1, MAX_IMAGES, images, f"images_{images}")
    left, right = st.columns(2)
    full = linked_count("With masks already", 0, MAX_IMAGES, 0, "have_full", left)
    weak = linked_count("With boxes already", 0, MAX_IMAGES, 0, "have_weak", right)
    return ImagePool(there_are, full, weak)


def _most_labelled(runs: pd.DataFrame) -> int:
    """Return how many images the largest split of some runs labels."""
    return int((runs["full"] + runs["weak"]).max())


def _say(answer: PlanAnswer, prices: Prices, pool: ImagePool) -> None:
    """Say the plan in one sentence, what limits it, what was trained for the same money, and what to be wary of."""
    best = answer.plan.best
    expected = f"expect AP **{shown(best.ap)}** ({shown(best.low)} to {shown(best.high)})"
    st.markdown(f"### {with_bold_numbers(labels_to_make(best, pool))}: {expected}")
    split_chip(best.full, best.weak, prices, cost_hours(float(best.full), float(best.weak), prices))
    st.markdown(f"{best.hours:,.1f} hours to pay. {with_bold_numbers(answer.ways_told)}")
    st.markdown(answer.limit_told)
    if answer.trained_is_ahead:
        st.info(answer.trained_told)
    elif answer.trained_told:
        st.markdown(answer.trained_told)
    for sentence in answer.caveats:
        st.warning(sentence)


def _advise(fitted: FittedSurface, prices: Prices, pool: ImagePool, plan: Plan) -> None:
    """Say what the next hours would add to the labels there are, or to those planned."""
    st.subheader("What to label next", anchor=False)
    start = pool if pool.full else ImagePool(pool.images, plan.best.full, plan.best.weak)
    if start.full == start.images:
        st.caption(f"All {start.images:,} images have masks then: nothing is left to label.")
        return
    hours = st.number_input("With the next hours", 1.0, 1000.0, _NEXT_HOURS, key="next_hours", bind="query-params")
    gains = next_labels(fitted, prices, start, hours)
    ways = {"masks": gains.masks}
    if gains.boxes is not None:
        last = gains.boxes.hours > gains.box_hours
        ways["boxes, then masks" if last else "boxes"] = gains.boxes
    rows = [
        {"label": label, "from": f"{start.full:,}/{start.weak:,}", **asdict(gain), "AP per hour": gain.ap_per_hour}
        for label, gain in ways.items()
    ]
    st.dataframe(pd.DataFrame(rows).round(3), hide_index=True)
    left = start.images - start.full - start.weak
    if not left:
        st.caption("Every image has a label: only masks in place of boxes are left to draw.")
    elif gains.box_images == left:
        st.caption(
            f"Images without a label: {left:,}. Their boxes take {gains.box_hours:,.2f} hours; what is left of the "
            "hours goes into masks."
        )


def show_page() -> None:
    """Show the page."""
    page_head(
        "Plan a budget",
        "Along one budget, more masks mean fewer boxes: the chart shows the AP to expect for each number of masks that "
        "the hours pay for.",
    )
    settings, picture = st.columns([1, 2.2], gap="large")
    with picture, answered():
        with settings:
            source = choose_source()
            mode = linked_choice("Start from", [_BY_HOURS, _BY_SCORE], _BY_HOURS, "mode")
            hours = score = 0.0
            if mode == _BY_HOURS:
                hours = st.number_input(
                    "Hours of labelling", 0.5, 100_000.0, 80.0, key="hours_planned", bind="query-params"
                )
            else:
                start = max(float(round(source.surface.ap.mean())), _LEAST_AP)
                key = f"score_{source.dataset}_{source.method}_{source.metric}"
                score = st.number_input("AP to reach", _LEAST_AP, 99.9, start, key=key, bind="query-params")
            prices = choose_prices(source.dataset)
            place_of_pool = st.container()
            runs = _own_runs()
            images = _known_images(source) if runs is None else None
            guess = max(_most_labelled(source.rows if runs is None else runs), _OWN_IMAGES)
            with place_of_pool.expander("Images there are, labels already paid for", expanded=images is None):
                if images is None:
                    st.caption(_GUESS)
                pool = _choose_pool(images or guess)

        fitted = source.surface if runs is None else fit_pilot(runs)
        results, of = (source.runs, source.source) if runs is None else (runs, "own")
        answer = (
            answer_for_hours(fitted, results, of, prices, hours, pool)
            if score == 0
            else answer_for_score(fitted, results, of, prices, score, pool)
        )
        plan, spent = answer.plan, answer.hours
        on = f", scored on {as_plain(source.scored_on)}" if runs is None and source.scored_on else ""
        axis = "expected " + (METRICS[source.metric] if runs is None else "score of your runs")
        _say(answer, prices, pool)
        line = budget_line(fitted, prices, spent, pool)
        st.plotly_chart(
            plan_chart(line, plan, axis, answer.limit.spends_from), key="plan_chart", config={"displaylogo": False}
        )
        st.caption(
            f"The band is the 90% interval for {interval_in_words(fitted)}. It widens outside the results. Predicted, "
            f"from {len(fitted.ap)} {of} result{'s' if len(fitted.ap) > 1 else ''}{on}."
        )
        if runs is None and (source.source, source.method) == (PUBLISHED, FLATTERED_METHOD):
            st.caption(FLATTERED)
        st.download_button("Download CSV", line.to_csv(index=False), "splitlab-plan.csv", icon=":material/download:")
        with answered():
            _advise(fitted, prices, pool, plan)
        with st.expander("More hours, more AP: the best split of each budget"), answered():
            # Where the labels there are do already, the curve shows what some hours more would bring.
            most = 3 * spent or _NEXT_HOURS
            budgets = np.geomspace(max(most / 12, prices.mask_seconds / 3600 * 20), most, _CURVE_POINTS)
            curve = best_splits(fitted, prices, budgets, pool)
            st.plotly_chart(hours_curve(curve, spent, axis), key="hours_curve", config={"displaylogo": False})
        with st.expander("How far to trust it"), answered():
            if len(set(zip(fitted.full, fitted.weak, strict=True))) < 2:
                st.caption("It rests on one split. Train a second one to see how far this carries.")
            elif runs is None:
                checked = _left_out(fitted.full.tolist(), fitted.weak.tolist(), fitted.ap.tolist())
                st.markdown(
                    f"Each split left out in turn and predicted from the others: mean error "
                    f"**{checked.mean_error:.2f} AP**, worst {checked.worst_error:.2f}; {checked.coverage:.0%} fall "
                    f"inside their 90% interval, seeds left aside. The mean of the other results is off by "
                    f"{checked.mean_error_of_mean:.2f} AP."
                )
                st.dataframe(checked.rows.round(1), hide_index=True)
            else:
                # The pilot was trained on labels that must be there, said or not.
                labels = max(pool.full, int(runs["full"].max())), max(pool.weak, int(runs["weak"].max()))
                advice = next_run(fitted, (plan.best.full, plan.best.weak), labels)
                st.markdown(advice_in_words(advice, fitted))
