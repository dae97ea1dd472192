"""Errors by split: what models get wrong on a data set, what it costs, and the images behind every number."""

from contextlib import suppress

import streamlit as st

from splitlab.evaluation.class_map import scored_in_words
from splitlab.experiments.comparison import MIN_SCORE, CompareSettings, Comparison
from splitlab.runs.scores import VAL
from splitlab.ui.class_maps import OTHERS, offer_models, settle_classes
from splitlab.ui.compare_choices import (
    BY_ERROR,
    DATA,
    DATA_IMAGES,
    MODELS,
    by_short_name,
    choose_dataset,
    choose_models,
    no_model_knows,
)
from splitlab.ui.compared_panels import SCORE, SHOW_ALL
from splitlab.ui.comparisons import compare_known, known, offer_look
from splitlab.ui.error_charts import (
    show_by_split,
    show_calibration,
    show_classes,
    show_confusion,
    show_curves,
    show_error_kinds,
    tell_observations,
)
from splitlab.ui.images_behind import images_behind, turn_to_linked_model
from splitlab.ui.models import HIGHEST_SCORE, LEAST_SCORE, Choice, checkpoint_choices
from splitlab.ui.page import answered, page_head
from splitlab.ui.plain_text import as_plain
from splitlab.ui.report_download import offer_report
from splitlab.ui.seen_charts import show_seen_counts
from splitlab.workspace import Workspace

# Not the key of Compare masks: its slider begins elsewhere, and a session keeps one value for each key.
COUNTED_FROM = "counted_from"


def take_old_link() -> None:
    """Take what a link says that was made before the slider had a key of its own."""
    old = st.query_params.get(SCORE)
    if old is None or COUNTED_FROM in st.session_state:
        return
    del st.query_params[SCORE]
    with suppress(ValueError):
        if LEAST_SCORE <= float(old) <= HIGHEST_SCORE:
            st.session_state[COUNTED_FROM] = float(old)
            st.query_params[COUNTED_FROM] = old


def choose_score() -> float:
    """Choose the least confidence that counts."""
    take_old_link()
    return st.slider(
        "Least confidence",
        LEAST_SCORE,
        HIGHEST_SCORE,
        MIN_SCORE,
        0.05,
        key=COUNTED_FROM,
        bind="query-params",
        help="What scores less is not looked at; AP and its curves always take all.",
    )


def compare_chosen(choices: dict[str, Choice], workspace: Workspace) -> Comparison | None:
    """Show what can be chosen; return the comparison, None where there is nothing to compare yet."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        name, dataset = choose_dataset(choices, workspace)
        fitting = offer_models(choices, dataset)
    if not fitting:
        no_model_knows(name, dataset)
        return None
    picked = by_short_name(fitting, choose_models(fitting))
    with right:
        score = choose_score()
    if not picked:
        st.info("Pick one or more checkpoints.")
        return None
    chosen = settle_classes(picked, dataset)
    if not chosen:
        return None
    offer_look(chosen, dataset, workspace)
    seen = {label: known(choice, dataset, workspace) for label, choice in chosen.items()}
    there = {label: found for label, found in seen.items() if found is not None}
    if not there:
        return None
    with st.spinner("Counting mistakes", show_time=True):
        return compare_known(chosen, there, dataset, CompareSettings(score))


page_head(
    "Errors by split",
    "Two models with the same AP may fail in different ways: what each gets wrong, what that costs, and in which "
    "images. Click a bar, a cell, a curve or a row for the images behind it.",
)

comparison = None
choices = checkpoint_choices(Workspace.here())
with answered():
    comparison = compare_chosen(choices, Workspace.here())
if comparison is None:
    st.stop()
whole = comparison.whole
for told in scored_in_words(comparison.dataset.class_names, whole.class_names, whole.name):
    st.info(as_plain(f"{told} Objects of the other classes are left out of all charts."))

st.caption(
    f"All figures here: {VAL} of {as_plain(comparison.dataset.name)}, {len(comparison.dataset.images):,} images."
)
left, right = st.columns([1, 1], gap="large")
with left:
    show_error_kinds(comparison)
    tell_observations(comparison)
with right:
    show_by_split(comparison)

by_name = {model.name: model for model in comparison.models}
checkpoints = dict(zip(st.session_state[MODELS], by_short_name(choices, st.session_state[MODELS]), strict=True))
model = by_name[turn_to_linked_model({name: short for name, short in checkpoints.items() if short in by_name})]
show_seen_counts(comparison)
st.subheader("Class by class", anchor=False)
show_classes(comparison)
of_model = as_plain(model.name)
confusion, curves, scores = st.tabs(
    [f"Who is taken for whom, {of_model}", f"Precision and recall, {of_model}", f"Do scores mean it, {of_model}"]
)
with confusion:
    show_confusion(comparison, model)
with curves:
    show_curves(comparison, model)
with scores:
    show_calibration(model)

st.subheader("The images behind it", anchor=False)
link = {
    "look_at": DATA_IMAGES,
    "data": st.session_state[DATA],
    "models": list(checkpoints),
    SCORE: f"{comparison.settings.min_score:g}",
    "colour": BY_ERROR,
    **SHOW_ALL,
}
if st.session_state.get(OTHERS):
    link[OTHERS] = "true"
images_behind(comparison, link)
offer_report(comparison)
