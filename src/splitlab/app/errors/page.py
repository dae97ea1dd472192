"""Errors by split: what models get wrong on a dataset, what it costs, and the images behind each number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from splitlab.app.errors.images_behind import (
    KIND,
    NOTHING,
    OF,
    PAIRS,
    SAID,
    SOMETHING,
    TRUTH,
    ask_for,
    images_behind,
    offer_report,
    select_linked_model,
)
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.class_maps import OTHERS, offer_models, settle_classes
from splitlab.app.widgets.comparisons import (
    BY_ERROR,
    DATA,
    DATA_IMAGES,
    MODELS,
    by_short_name,
    choose_dataset,
    choose_models,
    compare_known,
    known,
    no_model_knows,
    offer_look,
)
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.panels import SCORE, SHOW_ALL
from splitlab.app.widgets.sources import HIGHEST_SCORE, LEAST_SCORE, Choice, checkpoint_choices
from splitlab.app.widgets.text import as_plain, letter_colour
from splitlab.budget.results import SHORT_METRICS
from splitlab.checkpoints.scores import VAL
from splitlab.evaluation.class_map import scored_in_words
from splitlab.evaluation.comparison import MIN_SCORE, ComparedModel, CompareSettings, Comparison
from splitlab.evaluation.curves import CURVE_IOUS
from splitlab.evaluation.disagreement import SeenBy, count_seen, objects_seen
from splitlab.figures.comparison_tables import class_table, mistakes_by_split, observations_in_words, split_mistakes
from splitlab.figures.errors import (
    confusion_heatmap,
    error_cost_bars,
    error_count_bars,
    precision_recall_lines,
    reliability_diagram,
    seen_bars,
    seen_in_words,
)
from splitlab.workspace import Workspace

_COSTS, _COUNTS = "AP they cost", "how often"
_PLAIN = {"displaylogo": False, "displayModeBar": False}
# Not the key of Compare masks: its slider starts at another value, and a session keeps one value per key.
_COUNTED_FROM = "counted_from"


def show_page() -> None:
    """Show the page."""
    page_head(
        "Errors by split",
        "Two models with the same AP may fail in different ways: what each gets wrong, what that costs, and in which "
        "images. Click a bar, a cell, a curve or a row to see the images behind it.",
    )
    comparison = None
    choices = checkpoint_choices(Workspace.here())
    with errors_shown():
        comparison = _compare_chosen(choices, Workspace.here())
    if comparison is None:
        st.stop()
    _say_what_is_counted(comparison)
    left, right = st.columns(2, gap="large")
    with left:
        _show_error_kinds(comparison)
        _show_observations(comparison)
    with right:
        _show_by_split(comparison)
    by_name = {model.name: model for model in comparison.models}
    checkpoints = dict(zip(st.session_state[MODELS], by_short_name(choices, st.session_state[MODELS]), strict=True))
    model = by_name[select_linked_model({name: short for name, short in checkpoints.items() if short in by_name})]
    _show_seen_counts(comparison)
    st.subheader("Class by class", anchor=False)
    _show_classes(comparison)
    _show_details(comparison, model)
    st.subheader("The images behind it", anchor=False)
    images_behind(comparison, _link_to_masks(comparison, list(checkpoints)))
    offer_report(comparison)


def _compare_chosen(choices: dict[str, Choice], workspace: Workspace) -> Comparison | None:
    """Show the controls; return the comparison, or None if there is nothing to compare yet."""
    left, right = st.columns(2, gap="large")
    with left:
        name, dataset = choose_dataset(choices, workspace)
        fitting = offer_models(choices, dataset)
    if not fitting:
        no_model_knows(name, dataset)
        return None
    picked = by_short_name(fitting, choose_models(fitting))
    with right:
        score = _choose_score()
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


def _choose_score() -> float:
    _take_old_link()
    return st.slider(
        "Least confidence",
        LEAST_SCORE,
        HIGHEST_SCORE,
        MIN_SCORE,
        0.05,
        key=_COUNTED_FROM,
        bind="query-params",
        help="Detections with less confidence are ignored. AP and its curves always use all of them.",
    )


def _take_old_link() -> None:
    """Read a link from the time when the slider had the key of Compare masks."""
    old = st.query_params.get(SCORE)
    if old is None or _COUNTED_FROM in st.session_state:
        return
    del st.query_params[SCORE]
    with suppress(ValueError):
        if LEAST_SCORE <= float(old) <= HIGHEST_SCORE:
            st.session_state[_COUNTED_FROM] = float(old)
            st.query_params[_COUNTED_FROM] = old


def _say_what_is_counted(comparison: Comparison) -> None:
    dataset, whole = comparison.dataset, comparison.whole
    for sentence in scored_in_words(dataset.class_names, whole.class_names, whole.name):
        st.info(as_plain(f"{sentence} Objects of the other classes are left out of all charts."))
    st.caption(f"All figures here: {VAL} of {as_plain(dataset.name)}, {len(dataset.images):,} images.")


def _show_error_kinds(comparison: Comparison) -> None:
    """Show what each kind of error costs each model, or how often it happens."""
    st.subheader("What goes wrong", anchor=False)
    shown = linked_choice("Errors by", [_COSTS, _COUNTS], _COSTS, "errors_by")
    if shown == _COSTS:
        figure = error_cost_bars({model.name: model.measured.ap_cost.lost for model in comparison.models})
        caption = "The AP gained if one kind of error alone were fixed. Kinds depend on each other and do not add up."
    else:
        figure = error_count_bars({model.name: model.mistakes.counts for model in comparison.models})
        caption = (
            f"Detections with a confidence of at least {comparison.settings.min_score:.2f}, and objects that no such "
            "detection found."
        )
    _show_clickable(
        figure,
        "error_bars",
        f"Errors of each model by kind: {shown}",
        lambda data: ask_for(**{OF: data[0], KIND: data[1]}),
    )
    st.caption(caption)


def _show_observations(comparison: Comparison) -> None:
    """Show what the models say about Observations 5 and 6 of the paper."""
    st.subheader("What F and W teach", anchor=False)
    for claim, finding in observations_in_words(split_mistakes(comparison)):
        st.markdown(f"**{as_plain(claim)}** {as_plain(finding)}")


def _show_by_split(comparison: Comparison) -> None:
    """Show misclassified objects and mask quality against |F| and |W|; a click on a model selects it."""
    figure = mistakes_by_split(split_mistakes(comparison))
    about = "Misclassified objects and mask quality against images with masks and with boxes"
    _show_clickable(figure, "by_split", about, lambda data: ask_for(**{OF: data[0]}))
    st.caption("Bars are 95 % intervals over images. Darker marks have a larger |F|.")


def _show_seen_counts(comparison: Comparison) -> None:
    """Show how many objects are seen by all, some, one or none of several models."""
    models = len(comparison.models)
    if models < 2:
        return
    classes = list(comparison.dataset.class_names)
    counts = count_seen(objects_seen(comparison.ranking), len(classes))
    labelled = counts.loc[: len(classes) - 1]
    st.subheader("Seen by all, some or one", anchor=False)
    st.markdown(f"Of {int(labelled[list(SeenBy)].sum().sum()):,} labelled objects, this many are seen")
    with st.container(horizontal=True):
        for each in SeenBy:
            if each is not SeenBy.SOME or models > 2:
                st.button(
                    f"{seen_in_words(each, models)}: **{int(labelled[each].sum()):,}**",
                    key=f"seen {each}",
                    help="Show their images.",
                    on_click=ask_for,
                    kwargs={KIND: f"seen by {each.value}", TRUTH: SOMETHING},
                )
    figure = seen_bars(counts, [*classes, NOTHING], models, letter_colour())
    about = "Objects of each class by how many models see them"
    _show_clickable(figure, "seen_bars", about, lambda data: ask_for(**{TRUTH: data[0], KIND: f"seen by {data[1]}"}))
    st.caption(
        "Seen: a mask IoU of at least 0.5, whatever the predicted class; "
        f"{int(labelled['named_differently'].sum()):,} labelled objects are given more than one class. The row "
        f"'{NOTHING}' counts what models see and nobody labelled: if all models agree, a label may be missing."
    )


def _show_classes(comparison: Comparison) -> None:
    """Show mask AP beside box AP of each class and model; a picked row asks for the class's images."""
    metric = linked_choice("AP at", list(SHORT_METRICS), "ap50", "ap", format_func=SHORT_METRICS.__getitem__)
    table = class_table(comparison, metric)
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        key="class_table",
        on_select=partial(_ask_for_picked_class, comparison.dataset.class_names),
        selection_mode="single-row",
        column_config={column: number(column, format="%.1f") for column in table.columns if column != "class"},
    )
    st.caption("Pick a row to see the images of its class.")


def _ask_for_picked_class(names: tuple[str, ...]) -> None:
    rows = st.session_state["class_table"]["selection"]["rows"]
    if rows and rows[0] < len(names):
        ask_for(**{TRUTH: names[rows[0]]})


def _show_details(comparison: Comparison, model: ComparedModel) -> None:
    name = as_plain(model.name)
    confusion, curves, calibration = st.tabs(
        [f"Confusion of classes, {name}", f"Precision and recall, {name}", f"Calibration of scores, {name}"]
    )
    with confusion:
        _show_confusion(comparison, model)
    with curves:
        _show_curves(comparison, model)
    with calibration:
        _show_calibration(model)


def _show_confusion(comparison: Comparison, model: ComparedModel) -> None:
    """Show which class is predicted for which; a click asks for the images of a cell."""
    names = [*comparison.dataset.class_names, NOTHING]
    figure = confusion_heatmap(model.mistakes.confusion, comparison.dataset.class_names, letter_colour())
    _show_clickable(
        figure,
        "confusion",
        f"Confusion of classes, {model.name}: true class against predicted class",
        lambda cell: ask_for(**{OF: model.name, KIND: PAIRS, TRUTH: names[cell[0]], SAID: names[cell[1]]}),
    )


def _show_curves(comparison: Comparison, model: ComparedModel) -> None:
    """Show precision against recall; a click asks for what the model predicts as that class."""
    iou = linked_choice("IoU", CURVE_IOUS, CURVE_IOUS[0], "iou", format_func="{:.2f}".format)
    curves, names = model.measured.curves, comparison.dataset.class_names
    figure = precision_recall_lines(curves[curves["iou"] == iou], names)
    about = f"Precision against recall of each class at an IoU of {iou:.2f}, {model.name}"
    _show_clickable(figure, f"curves_{iou}", about, lambda data: ask_for(**{OF: model.name, SAID: names[data[1]]}))


def _show_calibration(model: ComparedModel) -> None:
    """Show how often detections of each confidence are right."""
    measured = model.mistakes.calibration
    st.plotly_chart(
        reliability_diagram(measured.bins),
        key="calibration",
        config=_PLAIN,
        alt=f"Share of right detections against score, {model.name}",
    )
    if measured.error is not None:
        st.caption(
            f"Expected calibration error {measured.error:.3f}: the mean gap between confidence and the share that is "
            "right. 0 is best."
        )


def _show_clickable(figure: go.Figure, key: str, about: str, take: Callable[[Any], None]) -> None:
    """Show a chart whose marks, when clicked, pass their `customdata` to `take`; `about` names it."""
    on_select = partial(_take_clicked, key, take)
    st.plotly_chart(figure, key=key, on_select=on_select, selection_mode="points", config=_PLAIN, alt=about)


def _take_clicked(key: str, take: Callable[[Any], None]) -> None:
    points = st.session_state[key]["selection"]["points"]
    if points and points[0].get("customdata"):
        take(points[0]["customdata"])


def _link_to_masks(comparison: Comparison, checkpoints: list[str]) -> Mapping[str, str | list[str]]:
    """Return the parameters of a link to Compare masks, except the image."""
    link: dict[str, str | list[str]] = {
        "look_at": DATA_IMAGES,
        "data": st.session_state[DATA],
        "models": checkpoints,
        SCORE: f"{comparison.settings.min_score:g}",
        "colour": BY_ERROR,
        **SHOW_ALL,
    }
    return link | ({OTHERS: "true"} if st.session_state.get(OTHERS) else {})
