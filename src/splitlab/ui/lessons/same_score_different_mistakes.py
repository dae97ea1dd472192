"""Lesson 5: models with one score fail in different ways (Observations 4 to 7); masks of real models inside."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from splitlab.budget.equiscore import PAPER_CURVES
from splitlab.budget.published import method_rows
from splitlab.budget.results import MEASURED, PUBLISHED, SHORT_METRICS
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.experiments.figure_presets import small_presets
from splitlab.families import YOLO
from splitlab.figures.drawn_objects import drawn_detections
from splitlab.figures.lessons.by_threshold import THRESHOLDS, by_threshold
from splitlab.figures.lessons.split_hours import split_hours
from splitlab.figures.mask_panels import Panel, mask_panels
from splitlab.shown_numbers import rounded, shown
from splitlab.ui.compare_choices import by_short_name, choose_models
from splitlab.ui.compared_panels import FIRST_SCORE, choose_view, show_panels, title_of
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.split_rows import as_hours, measured_splits
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.models import HIGHEST_SCORE, LEAST_SCORE, Choice, checkpoint_choices, detect_objects
from splitlab.ui.photos import SAMPLES, Photo, sample_photo
from splitlab.ui.plain_text import as_plain
from splitlab.ui.tables import published
from splitlab.workspace import Workspace

_CURVES = {f"{curve.method} on {curve.dataset}": curve for curve in PAPER_CURVES}
_NO_MODELS = "There are no checkpoints here. Train a model, or put the shipped checkpoints back, and come again."


def _one_score() -> None:
    names = list(_CURVES)
    name = linked_choice("Models", names, names[0], "equal")
    curve = _CURVES[name]
    rows = _equal_rows(name)
    st.markdown(
        f"Very different splits, and all of them score about **{curve.score:g}** {SHORT_METRICS[curve.metric]}. The "
        f"cheapest takes {rows['cost_hours'].min():.0f} hours, the dearest {rows['cost_hours'].max():.0f}. Are they "
        "the same model, then?"
    )
    told = [
        f"{hours:.0f} hours, {SHORT_METRICS[curve.metric]} {shown(ap)}"
        for hours, ap in zip(rows["cost_hours"], rows[curve.metric], strict=True)
    ]
    show_chart(split_hours(as_hours(rows).assign(told=told)), "equal_hours")
    st.caption(
        f"Published: the splits underlined in the paper's tables, shown side by side in its figures 2 to 4. {name}."
    )


def _stricter() -> None:
    source = linked_choice("Models", [PUBLISHED, MEASURED], PUBLISHED, "strict")
    rows = _equal_rows(next(iter(_CURVES))) if source == PUBLISHED else _most_splits(measured_splits("ap75"))
    if len(rows) < 2:
        st.markdown("Fewer than two splits of one data set were measured here yet.")
        return
    found, outlined = (rows.sort_values(metric).iloc[-1] for metric in ("ap50", "ap75"))
    gaps = {metric: shown(rounded(rows[metric].max()) - rounded(rows[metric].min())) for metric in THRESHOLDS}
    st.markdown(
        f"AP50 counts an object as found when half of the mask is right; AP75 wants the outline. The models lie "
        f"**{gaps['ap50']}** points apart in AP50 and **{gaps['ap75']}** in AP75. Best at finding: "
        f"**{_split(found)}**. Best outlines: **{_split(outlined)}**."
    )
    show_chart(by_threshold(rows), "by_threshold")
    st.caption(
        "Outlined: published, YOLOv5 on VOC2012 (Table 2)."
        if source == PUBLISHED
        else f"Filled: measured here, on {as_plain(rows['dataset'].iloc[0])}; the mean over the seeds that all of "
        "these splits have."
    )


def _choose_look(photo_key: str, score_key: str, first_score: float) -> tuple[str, float]:
    """Let a sample photo and a least confidence be chosen; a print shows both screens, so each has keys of its own."""
    left, right = st.columns(2, gap="large")
    name = linked_choice("Photo", list(SAMPLES), next(iter(SAMPLES)), photo_key, left)
    score = right.slider(
        "Least confidence",
        LEAST_SCORE,
        HIGHEST_SCORE,
        first_score,
        0.05,
        key=score_key,
        bind="query-params",
        format="%.2f",
    )
    return str(name), float(score)


def _see_it() -> None:
    choices = checkpoint_choices(Workspace.here())
    if not choices:
        st.info(_NO_MODELS)
        return
    name, score = _choose_look("seen_photo", "least", FIRST_SCORE)
    # What comes first is chosen first.
    names = choose_models({name: choices[name] for name in dict.fromkeys([*_several_splits(choices), *choices])})
    view = choose_view()
    if not names:
        st.markdown("Pick one or more checkpoints.")
        return
    chosen = by_short_name(choices, names)
    photo, panels = sample_photo(name), {}
    with st.spinner("Looking for objects", show_time=True):
        for short, link_name in zip(chosen, names, strict=True):
            panels[link_name] = _panel(chosen[short], detect_objects(chosen[short], photo), score)
    st.markdown(
        "One photo, seen by models that were trained on different labels. Look at the **name**, at the **outline**, at "
        "what is **missing**."
    )
    show_panels(photo, panels, view)
    st.page_link("pages/compare_masks.py", label="Your own photos: Compare masks", icon=":material/compare:")


def _what_to_look_for() -> None:
    st.markdown(
        "| Observation | In words | Look for it |\n|---|---|---|\n"
        "| 4 | Equal scores look alike on large, easy objects. | a single animal in front |\n"
        "| 5 | More **boxes** (W): finds more, confuses fewer names. | a sheep's head, or a horse's? |\n"
        "| 6 | More **masks** (F): better outlines. | ears, legs, what is between them |\n"
        "| 7 | The middle split looks best: few wrong names, good outlines. | both at once |"
    )
    gain = _measured_trade()
    if gain:
        st.markdown(gain)
    st.page_link(
        "pages/errors.py", label="Counted over a whole data set: Errors by split", icon=":material/bug_report:"
    )


def _make_them_disagree() -> None:
    task = st.container()
    choices = checkpoint_choices(Workspace.here())
    models = by_short_name(choices, _several_splits(choices))
    if len(models) < 2:
        st.info("It takes models of two splits of one data set. Train another split, and come again.")
        return
    name, score = _choose_look("show_them", "confident", 0.1)
    known = ", ".join(next(iter(models.values())).card.class_names)
    task.markdown(
        f"These models know {as_plain(known.replace('_', ' '))}, and nothing else. "
        "**Choose a photo and a least confidence at which they do not agree whether there is anything to see.**"
    )
    photo = sample_photo(name)
    with st.spinner("Looking for objects", show_time=True):
        found = {short: detect_objects(choice, photo) for short, choice in models.items()}
    show_verdict(judge_disagreement(found, score))
    _show_found(photo, models, found, score)


def judge_disagreement(found: Mapping[str, ImageDetections], least_score: float) -> Verdict:
    """Judge whether some models see something in a photo and others nothing.

    Args:
        found: what each model detects, by its name.
        least_score: detections below it do not count.
    """
    best = {name: float(detections.scores.max(initial=0.0)) for name, detections in found.items()}
    seeing = [name for name, score in best.items() if score >= least_score]
    told = ", ".join(f"{name} is {score:.2f} sure at most" for name, score in best.items())
    if len(seeing) == len(found):
        return Verdict(False, f"All of them see something: {told}. Ask for more confidence.")
    if not seeing:
        return Verdict(False, f"None of them sees anything: {told}. Ask for less confidence.")
    return Verdict(
        True,
        f"{', '.join(seeing)} still {'sees' if len(seeing) == 1 else 'see'} something, the others do not: {told}. One "
        "number for a whole data set says nothing about this photo.",
    )


def _show_found(photo: Photo, models: Mapping[str, Choice], found: Mapping[str, ImageDetections], score: float) -> None:
    panels = [_panel(models[name], detections, score) for name, detections in found.items()]
    st.plotly_chart(mask_panels(photo.pixels, panels), key="found_panels", config={"displayModeBar": False})


def _panel(choice: Choice, found: ImageDetections, score: float) -> Panel:
    objects = drawn_detections(found, choice.card.class_names, score)
    return Panel(title_of(choice.card.split_name, choice, objects), objects)


def _several_splits(choices: Mapping[str, Choice]) -> list[str]:
    """Name the checkpoints of the first data set that was trained on several splits."""
    presets = small_presets({name: choice.card for name, choice in choices.items()})
    return next((list(preset.names) for preset in presets if preset.kind == YOLO), [])


def _equal_rows(name: str) -> pd.DataFrame:
    curve = _CURVES[name]
    rows = method_rows(published(), curve.dataset, curve.method)
    return rows[[split in curve.splits for split in zip(rows["full"], rows["weak"], strict=True)]]


def _most_splits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the model and data set with the most splits."""
    if rows.empty:
        return rows
    _, most = max(rows.groupby(["dataset", "method"], sort=False), key=lambda item: len(item[1]))
    return most


def _measured_trade() -> str:
    """Say what the measured models show of Observations 5 and 6; empty where too few were measured."""
    rows = _most_splits(measured_splits("ap75"))
    with_boxes = rows[rows["weak"] > 0] if len(rows) else rows
    alone = rows[rows["weak"] == 0] if len(rows) else rows
    if with_boxes.empty or alone.empty:
        return ""
    boxes, masks = with_boxes.sort_values("weak").iloc[-1], alone.sort_values("full").iloc[-1]
    return (
        f"Measured here, on {as_plain(boxes['dataset'])}: {_split(boxes)} and {_split(masks)} lie "
        f"**{_apart(boxes, masks, 'ap50')}** points apart in AP50 and "
        f"**{_apart(boxes, masks, 'ap75')}** in AP75, where outlines count. One data set: "
        "a hint and no law."
    )


def _apart(first: pd.Series, second: pd.Series, metric: str) -> str:
    return shown(abs(rounded(first[metric]) - rounded(second[metric])))


def _split(row: pd.Series) -> str:
    return f"{row['full']:,}/{row['weak']:,}"


LESSON = Lesson(
    title="Same score, different mistakes",
    answers="If two models have the same score, does it matter which one I take?",
    minutes=10,
    screens=(
        Screen(
            "One score, four models",
            _one_score,
            "Ask what they would expect to see if a photo were shown to all of them. Published: 200/10,531, 400/5,000, "
            "800/3,000 and 1,464/0 score 50.3, 49.9, 50.2 and 49.9 AP70, for 125, 80, 85 and 98 hours.",
        ),
        Screen(
            "Ask for more than half",
            _stricter,
            "Switch to the measured models: names and places are learnt from boxes, so AP50 hardly falls; the outline "
            "is not, so AP75 does. Scenes here: 82.4 and 82.1 AP50 for 50/750 and 400/0, but 35.4 and 45.4 AP75.",
        ),
        Screen(
            "See it in a photo",
            _see_it,
            "These are real checkpoints that look at the photo while you wait. Use swipe and drag the divider over the "
            "ears. They know three breeds of pets and nothing else: an astronaut is a good test.",
        ),
        Screen(
            "What to look for",
            _what_to_look_for,
            "Observations 4 to 7 are about what one sees in the paper's figures 2 to 4, five photos each. Ask what it "
            "would take to count it: that is what Errors by split does.",
        ),
        Screen(
            "Your turn: make them disagree",
            _make_them_disagree,
            "The astronaut is quick: raise the confidence until only some of the four still see an animal. Usual "
            "slip: to take the confidence for a chance of being right. It is not the same from model to model.",
        ),
    ),
)
