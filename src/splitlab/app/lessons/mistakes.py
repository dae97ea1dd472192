"""Lesson 5: models with one score make different mistakes (Observations 4 to 7), shown on real photos."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from splitlab.app.lessons.lesson import ScreenView, Verdict, read_lesson
from splitlab.app.lessons.rows import as_hours, curve_rows, measured_splits
from splitlab.app.widgets.comparisons import by_short_name, choose_models
from splitlab.app.widgets.figure_presets import small_presets
from splitlab.app.widgets.panels import FIRST_SCORE, choose_view, show_panels, title_of
from splitlab.app.widgets.photos import SAMPLES, Photo, sample_photo
from splitlab.app.widgets.sources import HIGHEST_SCORE, LEAST_SCORE, Choice, checkpoint_choices, detect_objects
from splitlab.app.widgets.text import as_plain
from splitlab.budget.law import PAPER_CURVES
from splitlab.budget.results import MEASURED, PUBLISHED, SHORT_METRICS
from splitlab.evaluation.detections import ImageDetections
from splitlab.families import YOLO
from splitlab.figures.lesson_scores import by_threshold
from splitlab.figures.lessons import split_hours
from splitlab.figures.mask_panels import Panel, mask_panels
from splitlab.figures.object_pictures import drawn_detections
from splitlab.shown_numbers import rounded, shown
from splitlab.workspace import Workspace

_CURVES = {f"{curve.method} on {curve.dataset}": curve for curve in PAPER_CURVES}


def _one_score(view: ScreenView) -> None:
    name = view.choose("equal", list(_CURVES))
    curve = _CURVES[name]
    rows, metric = curve_rows(curve), SHORT_METRICS[curve.metric]
    hours = rows["cost_hours"]
    view.say(models=name, score=f"{curve.score:g}", metric=metric)
    view.say(cheapest=f"{hours.min():.0f}", dearest=f"{hours.max():.0f}")
    labels = [f"{each:.0f} hours, {metric} {shown(ap)}" for each, ap in zip(hours, rows[curve.metric], strict=True)]
    view.chart("equal_hours", split_hours(as_hours(rows).assign(told=labels)))


def _stricter(view: ScreenView) -> None:
    source = view.choose("strict", [PUBLISHED, MEASURED])
    rows = curve_rows(PAPER_CURVES[0]) if source == PUBLISHED else _most_splits(measured_splits("ap75"))
    if len(rows) < 2:
        view.say("too_few")
        return
    found, outlined = (_split(rows.sort_values(metric).iloc[-1]) for metric in ("ap50", "ap75"))
    gaps = {
        f"apart_{metric}": shown(rounded(rows[metric].max()) - rounded(rows[metric].min()))
        for metric in ("ap50", "ap75")
    }
    view.say(found=found, outlined=outlined, **gaps)
    view.chart("by_threshold", by_threshold(rows))
    if source == PUBLISHED:
        view.say("published")
    else:
        view.say(dataset=as_plain(rows["dataset"].iloc[0]))


def _choose_look(view: ScreenView, photo_key: str, score_key: str, start: float) -> tuple[Photo, float]:
    name = view.choose(photo_key, list(SAMPLES))
    score = view.slider(score_key, LEAST_SCORE, HIGHEST_SCORE, start, 0.05, format="%.2f")
    return sample_photo(name), float(score)


def _see_it(view: ScreenView) -> None:
    choices = checkpoint_choices(Workspace.here())
    if not choices:
        view.say("no_models")
        return
    photo, score = _choose_look(view, "seen_photo", "least", FIRST_SCORE)
    with view.slot("choose_models")[0]:
        # The first checkpoints of the list are chosen at first.
        names = choose_models({name: choices[name] for name in dict.fromkeys([*_several_splits(choices), *choices])})
        shape = choose_view()
    if not names:
        view.say("none_chosen")
        return
    view.say("looked")
    with view.slot("seen_masks")[0]:
        with st.spinner("Looking for objects", show_time=True):
            chosen = zip(by_short_name(choices, names).values(), names, strict=True)
            panels = {name: _panel(choice, detect_objects(choice, photo), score) for choice, name in chosen}
        show_panels(photo, panels, shape)


def _what_to_look_for(view: ScreenView) -> None:
    rows = _most_splits(measured_splits("ap75"))
    mixed, alone = rows[rows["weak"] > 0], rows[rows["weak"] == 0]
    if mixed.empty or alone.empty:
        return
    boxes, masks = mixed.sort_values("weak").iloc[-1], alone.sort_values("full").iloc[-1]
    gaps = {
        f"apart_{metric}": shown(abs(rounded(boxes[metric]) - rounded(masks[metric]))) for metric in ("ap50", "ap75")
    }
    view.say(dataset=as_plain(boxes["dataset"]), with_boxes=_split(boxes), masks_alone=_split(masks), **gaps)


def _make_them_disagree(view: ScreenView) -> None:
    choices = checkpoint_choices(Workspace.here())
    models = by_short_name(choices, _several_splits(choices))
    if len(models) < 2:
        view.say("too_few")
        return
    names = ", ".join(next(iter(models.values())).card.class_names)
    view.say(classes=as_plain(names.replace("_", " ")))
    photo, score = _choose_look(view, "show_them", "confident", 0.1)
    with view.slot("found_panels")[0]:
        with st.spinner("Looking for objects", show_time=True):
            found = {short: detect_objects(choice, photo) for short, choice in models.items()}
        panels = [_panel(models[name], detections, score) for name, detections in found.items()]
        st.plotly_chart(
            mask_panels(photo.pixels, panels), key="found_panels", config={"displayModeBar": False}, alt=_ALT
        )
    view.judge(_judge_disagreement(found, score))


_ALT = "The photo once for each model, with the masks, classes and scores of what it finds"


def _judge_disagreement(found: Mapping[str, ImageDetections], least_score: float) -> Verdict:
    """Judge whether some models see something in a photo and others nothing, with this confidence or more."""
    best = {name: float(detections.scores.max(initial=0.0)) for name, detections in found.items()}
    seeing = [name for name, score in best.items() if score >= least_score]
    confidences = ", ".join(f"{name} at most {score:.2f}" for name, score in best.items())
    values = {"confidences": confidences, "seeing": ", ".join(seeing)}
    if 0 < len(seeing) < len(found):
        return Verdict(True, "they_differ", values)
    return Verdict(False, "all_see" if seeing else "none_see", values)


def _panel(choice: Choice, found: ImageDetections, score: float) -> Panel:
    objects = drawn_detections(found, choice.card.class_names, score)
    return Panel(title_of(choice.card.split_name, choice, objects), objects)


def _several_splits(choices: Mapping[str, Choice]) -> list[str]:
    """Return the names of checkpoints of the first dataset with models trained on several splits."""
    presets = small_presets({name: choice.card for name, choice in choices.items()})
    return next((list(preset.names) for preset in presets if preset.kind == YOLO), [])


def _most_splits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the model and dataset with the most splits."""
    models = [model for _, model in rows.groupby(["dataset", "method"], sort=False)]
    return max(models, key=len, default=rows)


def _split(row: pd.Series) -> str:
    return f"{row['full']:,}/{row['weak']:,}"


SAME_SCORE_DIFFERENT_MISTAKES = read_lesson(
    "same_score_different_mistakes", _one_score, _stricter, _see_it, _what_to_look_for, _make_them_disagree
)
