"""Compare masks on a data set's images, with the truth beside."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from splitlab.budget.published_figures import FIGURES
from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.evaluation.difference_in_words import difference_in_words
from splitlab.evaluation.disagreement import ComparedImage, compare_image
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.figures.drawn_objects import drawn_detections, drawn_errors, drawn_truth, keep_shown
from splitlab.figures.mask_panels import DrawnObject, Panel
from splitlab.ui.attention import show_attention
from splitlab.ui.checkpoint_notes import describe_all
from splitlab.ui.class_maps import offer_models, settle_classes
from splitlab.ui.compare_choices import (
    BY_CLASS,
    BY_ERROR,
    by_short_name,
    choose_dataset,
    choose_models,
    models_for,
    no_model_knows,
)
from splitlab.ui.compared_panels import (
    PHOTO,
    TRUTH,
    choose_classes,
    choose_score,
    choose_view,
    only,
    show_all_where_asked,
    show_panels,
    title_of,
)
from splitlab.ui.figure_presets import offer_figures, offer_small_presets
from splitlab.ui.labelled_photos import choose_image, detections_in, labelled_photo
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.models import Choice
from splitlab.ui.object_numbers import overlaps_in, show_object_numbers
from splitlab.ui.plain_text import as_plain
from splitlab.ui.seen_objects import choose_seen, show_seen
from splitlab.workspace import Workspace


def compare_on_data(choices: Mapping[str, Choice], workspace: Workspace) -> None:
    """Show an image with its labels, as models see it, and what differs."""
    show_all_where_asked()
    data_side, score_side = st.columns(2, gap="large")
    with data_side:
        name, dataset = choose_dataset(choices, workspace)
        fitting = offer_models(choices, dataset)
    if not fitting:
        no_model_knows(name, dataset)
        return
    with score_side:
        score = choose_score()
    with st.container(horizontal=True):
        offer_small_presets(models_for(choices, dataset))
        if any(figure.dataset == dataset.name for figure in FIGURES):
            offer_figures(fitting)
    names = choose_models(fitting)
    class_side, colour_side = st.columns(2, gap="large")
    with class_side:
        classes = choose_classes(list(dataset.class_names))
    with colour_side:
        colour = linked_choice("Colour by", [BY_CLASS, BY_ERROR], BY_CLASS, "colour")
    if not names:
        st.info("Pick one or more checkpoints to see their masks.")
        return
    link_names = dict(zip(by_short_name(fitting, names), names, strict=True))
    chosen = settle_classes(by_short_name(fitting, names), dataset)
    if not chosen:
        return
    labels = choose_image(chosen, dataset, workspace)
    found = detections_in(chosen, dataset, labels, workspace)
    compared = compare_image(labels, found, score)
    if len(chosen) > 1:
        st.markdown(f":material/difference: {as_plain(difference_in_words(compared, dataset.class_names))}")
    with st.container(horizontal=True, gap="large"):
        view = choose_view()
        shown = choose_seen(compared) if len(chosen) > 1 else None
    drawn = {TRUTH: drawn_truth(labels, dataset.class_names)}
    drawn |= {model: _draw(dataset, labels, of_model, score, colour) for model, of_model in found.items()}
    drawn = {model: only(objects, classes) for model, objects in drawn.items()}
    if shown is not None:
        drawn = {model: keep_shown(objects, model, shown) for model, objects in drawn.items()}
    panels = {PHOTO: Panel("photo", []), TRUTH: Panel("truth", drawn[TRUTH])}
    for model in chosen:
        panels[link_names[model]] = Panel(title_of(model, chosen[model], drawn[model], "seen"), drawn[model])
    photo = labelled_photo(dataset.source_hash, str(labels.image_id), labels)
    show_panels(photo, panels, view)
    show_attention(list(chosen.values()), photo)
    _show_tables(dataset, labels, found, compared, score)
    describe_all(list(chosen.values()))


def _draw(
    dataset: Dataset, labels: ImageLabels, found: ImageDetections, score: float, colour: str
) -> list[DrawnObject]:
    if colour != BY_ERROR:
        return drawn_detections(found, dataset.class_names, score)
    overlaps = overlaps_in(dataset.source_hash, str(labels.image_id), found, labels).above(score)
    return drawn_errors(labels, found, overlaps, dataset.class_names)


def _show_tables(
    dataset: Dataset,
    labels: ImageLabels,
    found: Mapping[str, ImageDetections],
    compared: ComparedImage,
    score: float,
) -> None:
    if len(found) < 2:
        show_object_numbers(dataset, labels, found, score)
        return
    against_truth, between = st.tabs(["Against the truth", "Between the models"])
    with against_truth:
        show_object_numbers(dataset, labels, found, score)
    with between:
        show_seen(compared, dataset.class_names)
