"""My project: labels and hours so far, the plan for the rest, the next batch, and labels that come back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from splitlab.app.hosting import TRAINING, Hosting, may_change
from splitlab.app.navigation import (
    change_kept_link,
    errors_shown,
    page_head,
    rerun_with_message,
    set_prices_for_all_pages,
    show_message,
)
from splitlab.app.project.batches import show_next_batch
from splitlab.app.project.creating import show_creating
from splitlab.app.project.returning import show_taking_back
from splitlab.app.widgets.links import linked_choice, linked_selectbox
from splitlab.app.widgets.prices import link_to_prices
from splitlab.app.widgets.text import as_plain
from splitlab.budget.label_prices import LabelPrices
from splitlab.budget.plan_in_words import labels_to_make
from splitlab.budget.results import SHORT_METRICS
from splitlab.errors import BudgetError
from splitlab.figures.project_chart import forecast_chart, rounds_in_words
from splitlab.project.project import Project, open_project, project_names
from splitlab.project.report import bases_in_words, charted, report_html, rounds_table
from splitlab.project.standing import (
    Basis,
    RoundFact,
    Standing,
    bases_of,
    facts_of,
    interval_of,
    plan_rest,
    standing_of,
    summary_in_words,
)
from splitlab.project.training import PilotSettings, queue_labels, queue_pilot, scores_of, waiting_names
from splitlab.queue.worker import ensure_worker
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

_NEXT, _BACK, _ROUNDS, _NEW = "next batch", "labels come back", "rounds", "new project"
_OPENED, _DATA_PAGES, _LEAST_HOURS = "project that pages begin with", ("data", "train", "errors"), 0.5
_PROJECT, _STEP, _TO_SHOW = "project", "step", "project_to_show"


def show_page() -> None:
    """Show the page."""
    page_head("My project", "From a folder of photos to the next batch of labels, and back.")
    show_message()
    workspace = Workspace.here()
    names = project_names(workspace)
    if not names:
        show_creating(workspace)
        return
    if (made := st.session_state.pop(_TO_SHOW, None)) in names:
        st.session_state[_PROJECT] = made
    picture, controls = st.columns([2.2, 1], gap="large")
    name = linked_selectbox("Project", names, _PROJECT, names[0], controls)
    with picture, errors_shown():
        project = open_project(name, workspace)
        standing, scores = standing_of(project), scores_of(project)
        bases, facts = bases_of(project, scores), facts_of(project, standing, scores)
        _let_pages_begin_with(project, standing)
        with controls:
            _show_numbers(project, standing)
            _show_plan(project, standing, bases)
            _offer_training(project)
        _show_chart(project, facts)
        _show_step(project, standing, bases[-1], facts)


def _let_pages_begin_with(project: Project, standing: Standing) -> None:
    """Let the other pages begin with the project's data, prices, labels and hours, until something else is chosen."""
    state = (project.settings, standing.pool, standing.hours_left)
    if st.session_state.get(_OPENED) == state:
        return
    st.session_state[_OPENED] = state
    for page in _DATA_PAGES:
        change_kept_link(page, {"data": project.name})
    pool, prices = standing.pool, project.settings.prices
    labels = {"images": str(pool.images), "have_full": str(pool.full), "have_weak": str(pool.weak)}
    hours = max(round(standing.hours_left, 1), _LEAST_HOURS)
    change_kept_link("plan", {"mode": "hours I have", "hours_planned": f"{hours:g}", **labels})
    set_prices_for_all_pages(link_to_prices(LabelPrices(prices.box_seconds, prices.mask_seconds)))


def _show_step(project: Project, standing: Standing, basis: Basis, facts: Sequence[RoundFact]) -> None:
    step = linked_choice("Step", [_NEXT, _BACK, _ROUNDS, _NEW], _NEXT, _STEP, label_visibility="collapsed")
    if step == _NEXT:
        show_next_batch(project, standing, basis)
    elif step == _BACK:
        show_taking_back(project)
    elif step == _ROUNDS:
        _show_rounds(project, standing, facts)
    else:
        show_creating(project.workspace)


def _show_numbers(project: Project, standing: Standing) -> None:
    pool = standing.pool
    with st.container(horizontal=True):
        st.metric("Masks", f"{pool.full:,}")
        st.metric("Boxes", f"{pool.weak:,}")
        st.metric("No labels", f"{pool.images - pool.full - pool.weak:,}")
    spent = min(standing.hours_booked / project.settings.hours, 1.0)
    handed = f"{standing.hours_open:.1f} handed out, " if standing.open_tasks else ""
    st.progress(
        spent,
        f"{standing.hours_booked:.1f} of {project.settings.hours:g} hours booked, {handed}"
        f"{standing.hours_left:.1f} left",
    )


def _show_plan(project: Project, standing: Standing, bases: tuple[Basis, ...]) -> None:
    metric = SHORT_METRICS[project.settings.metric]
    for basis in bases:
        try:
            best = plan_rest(project, standing, basis).plan.best
        except BudgetError as error:
            st.info(as_plain(str(error)))
            return
        low, high = interval_of(basis, best)
        st.markdown(
            f"**{labels_to_make(best, standing.ahead)}** ({best.hours:,.1f} hours).  \n"
            f"Expect {metric} {shown(best.ap)} on your photos (90% interval {shown(low)} to {shown(high)}), by "
            f"{as_plain(basis.in_words)}."
        )


def _offer_training(project: Project) -> None:
    if not may_change(TRAINING):
        return
    own = waiting_names(project)
    if own:
        st.caption(f"{len(own)} runs of this project wait or train.")
        st.page_link("pages/runs.py", label="Watch the runs", icon=":material/list_alt:")
        return
    with st.container(horizontal=True), errors_shown():
        if st.button("Train a pilot", icon=":material/science:", help="Four to six short runs on the labels so far."):
            Hosting.here().require_writable(TRAINING)
            runs = queue_pilot(project, PilotSettings())
            ensure_worker(project.workspace, "cpu")
            rerun_with_message(f"{len(runs)} pilot runs are queued. Their scores narrow the plan's interval.")
        if st.button("Train on all labels", icon=":material/model_training:", help="To compare with the forecast."):
            Hosting.here().require_writable(TRAINING)
            queue_labels(project, "cpu")
            ensure_worker(project.workspace, "cpu")
            rerun_with_message("The run is queued. Its score will stand beside the forecast.")


def _show_chart(project: Project, facts: Sequence[RoundFact]) -> None:
    metric = SHORT_METRICS[project.settings.metric]
    if not any(one.expected or one.measured is not None for one in facts):
        st.info("Forecasts and scores will be shown here. Choose the next batch, or train on the labels there are.")
        return
    rounds = charted(facts)
    st.plotly_chart(
        forecast_chart(rounds, f"{metric} on the project's val photos"), config={"displayModeBar": False},
        alt=f"{metric} of each round. {rounds_in_words(rounds)}",
    )  # fmt: skip
    st.caption("Bars: 90% intervals, stated before the labels were drawn. Dots: scores of models trained afterwards.")


def _show_rounds(project: Project, standing: Standing, facts: Sequence[RoundFact]) -> None:
    for sentence in (*summary_in_words(project, standing), *bases_in_words(facts)):
        st.markdown(as_plain(sentence))
    st.dataframe(rounds_table(standing, facts), hide_index=True)
    st.download_button(
        "Download the report", report_html(project), f"{project.name}.html", "text/html",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
