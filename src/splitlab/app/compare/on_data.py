"""Compare masks on the labelled images of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from splitlab.app.compare.presets import offer_figures, offer_small_presets, show_attention
from splitlab.app.widgets.checkpoints import describe_all
from splitlab.app.widgets.class_maps import offer_models, settle_classes
from splitlab.app.widgets.comparisons import (
    BY_CLASS,
    BY_ERROR,
    by_short_name,
    choose_dataset,
    choose_models,
    known,
    models_for,
    no_model_knows,
    offer_look,
    ranking,
)
from splitlab.app.widgets.links import linked_choice, linked_selectbox
from splitlab.app.widgets.panels import (
    PHOTO,
    TRUTH,
    choose_classes,
    choose_score,
    choose_seen,
    choose_view,
    only,
    show_all_where_asked,
    show_panels,
    show_seen,
    title_of,
)
from splitlab.app.widgets.photos import Photo
from splitlab.app.widgets.sources import Choice, detect_objects
from splitlab.app.widgets.text import as_plain
from splitlab.budget.published import FIGURES
from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.data.images import load_labelled
from splitlab.evaluation.class_map import class_map_for
from splitlab.evaluation.comparison import CompareSettings, difference_in_words
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.disagreement import ComparedImage, compare_image
from splitlab.evaluation.matches import NO_MATCH, ImageOverlaps, overlaps_of_image
from splitlab.evaluation.scores import scores_of_objects
from splitlab.figures.mask_panels import DrawnObject, Panel
from splitlab.figures.object_pictures import drawn_detections, drawn_errors, drawn_truth, keep_shown
from splitlab.workspace import Workspace

_IMAGE = "image"
_NUMBERS = {"score": "score", "mask_iou": "mask IoU", "boundary_iou": "boundary IoU"}


@dataclass(frozen=True, eq=False)
class _Scene:
    """One labelled image, and what each model (by its short name) detects in it."""

    dataset: Dataset
    labels: ImageLabels
    found: Mapping[str, ImageDetections]
    score: float
    """Detections below it do not count."""


def compare_on_data(choices: Mapping[str, Choice], workspace: Workspace) -> None:
    """Show an image with its labels, what models find in it, and how they differ."""
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
    if chosen := settle_classes(by_short_name(fitting, names), dataset):
        labels = _choose_image(chosen, dataset, workspace)
        scene = _Scene(dataset, labels, _detections_in(chosen, dataset, labels, workspace), score)
        _show(scene, chosen, link_names, classes, colour)
        describe_all(list(chosen.values()))


def _choose_image(choices: Mapping[str, Choice], dataset: Dataset, workspace: Workspace) -> ImageLabels:
    """Choose one of a dataset's images: by its name, or the next one.

    If all models have detections for all images, the images on which they differ most come first.

    Raises:
        SplitLabError: A checkpoint or a photo cannot be read.
    """
    by_name = {str(labels.image_id): labels for labels in _ordered(choices, dataset, workspace)}
    names = list(by_name)
    before, middle, after = st.columns([1, 6, 1], vertical_alignment="bottom")
    name = linked_selectbox("Image", names, _IMAGE, names[0], middle)
    place = names.index(name)
    for column, step, icon, text in (
        (before, -1, ":material/chevron_left:", "Previous image"),
        (after, 1, ":material/chevron_right:", "Next image"),
    ):
        other = names[(place + step) % len(names)]
        turn, args = st.session_state.__setitem__, (_IMAGE, other)
        column.button("", icon=icon, help=text, key=text, width="stretch", on_click=turn, args=args)
    return by_name[name]


def _ordered(choices: Mapping[str, Choice], dataset: Dataset, workspace: Workspace) -> Sequence[ImageLabels]:
    if len(choices) < 2:
        return dataset.images
    seen = {name: known(choice, dataset, workspace) for name, choice in choices.items()}
    there = {name: one for name, one in seen.items() if one is not None}
    if len(there) < len(choices):
        st.caption("Run the models on all images once, to list the images on which they differ most first.")
        offer_look(choices, dataset, workspace)
        return dataset.images
    # The order does not depend on the slider, so that images keep their places.
    ranked = ranking(choices, there, dataset, CompareSettings())
    return [dataset.by_id[image.image_id] for image in ranked]


def _detections_in(
    choices: Mapping[str, Choice], dataset: Dataset, labels: ImageLabels, workspace: Workspace
) -> dict[str, ImageDetections]:
    """Return each model's detections in one image: stored ones, or new ones for this image only."""
    photo = _labelled_photo(dataset.source_hash, str(labels.image_id), labels)
    place = dataset.images.index(labels)
    found = {}
    for name, choice in choices.items():
        seen = known(choice, dataset, workspace)
        if seen is None:
            found[name] = class_map_for(choice.card, dataset.class_names).apply(detect_objects(choice, photo))
        else:
            found[name] = seen.detections[place]
    return found


@st.cache_resource(show_spinner=False, max_entries=16)
def _labelled_photo(source: str, image_id: str, _labels: ImageLabels) -> Photo:
    """Open a dataset's photo in the size of its labels."""
    return Photo(image_id, f"data {source} {image_id}", load_labelled(_labels), None)


def _show(
    scene: _Scene, chosen: Mapping[str, Choice], link_names: Mapping[str, str], classes: set[str], colour: str
) -> None:
    dataset, labels = scene.dataset, scene.labels
    compared = compare_image(labels, scene.found, scene.score)
    if len(chosen) > 1:
        st.markdown(f":material/difference: {as_plain(difference_in_words(compared, dataset.class_names))}")
    with st.container(horizontal=True, gap="large"):
        view = choose_view()
        shown = choose_seen(compared) if len(chosen) > 1 else None
    drawn = {TRUTH: drawn_truth(labels, dataset.class_names)}
    drawn |= {model: _draw(scene, of_model, colour) for model, of_model in scene.found.items()}
    drawn = {model: only(objects, classes) for model, objects in drawn.items()}
    if shown is not None:
        drawn = {model: keep_shown(objects, model, shown) for model, objects in drawn.items()}
    panels = {PHOTO: Panel("photo", []), TRUTH: Panel("ground truth", drawn[TRUTH])}
    for model in chosen:
        panels[link_names[model]] = Panel(title_of(model, chosen[model], drawn[model]), drawn[model])
    photo = _labelled_photo(dataset.source_hash, str(labels.image_id), labels)
    show_panels(photo, panels, view)
    show_attention(list(chosen.values()), photo)
    _show_tables(scene, compared)


def _draw(scene: _Scene, found: ImageDetections, colour: str) -> list[DrawnObject]:
    if colour != BY_ERROR:
        return drawn_detections(found, scene.dataset.class_names, scene.score)
    overlaps = _overlaps_in(scene.dataset.source_hash, str(scene.labels.image_id), found, scene.labels)
    return drawn_errors(scene.labels, found, overlaps.above(scene.score), scene.dataset.class_names)


def _show_tables(scene: _Scene, compared: ComparedImage) -> None:
    if len(scene.found) < 2:
        _show_object_numbers(scene)
        return
    against_truth, between = st.tabs(["Against the ground truth", "Between the models"])
    with against_truth:
        _show_object_numbers(scene)
    with between:
        show_seen(compared, scene.dataset.class_names)


def _show_object_numbers(scene: _Scene) -> None:
    """Show score, mask IoU and boundary IoU of each labelled object for each model that found it."""
    table = _object_numbers(scene)
    if table.empty:
        st.caption("Nothing is labelled in this image.")
        return
    numbers = {name: st.column_config.NumberColumn(name, format="%.2f") for name in _NUMBERS.values()}
    st.dataframe(table, hide_index=True, column_config=numbers, placeholder="–")
    st.caption("IoU with the label. A dash: the model did not find the object with its class at IoU 0.5.")


def _object_numbers(scene: _Scene) -> pd.DataFrame:
    names = dict(enumerate(scene.dataset.class_names))
    tables = []
    for model, of_model in scene.found.items():
        objects = _scores(scene.dataset.source_hash, str(scene.labels.image_id), of_model, scene.dataset, scene.labels)
        # A detection takes its object before those with lower scores, so leaving them out changes nothing for it.
        there = (objects["found_by"] != NO_MATCH) & (objects["score"] >= scene.score)
        numbers = objects[list(_NUMBERS)].where(there).rename(columns=_NUMBERS)
        numbers.insert(0, "model", model)
        numbers.insert(0, "object", objects["truth_class"].map(names))
        tables.append(numbers.assign(place=objects["object"]))
    return pd.concat(tables).sort_values("place", kind="stable").drop(columns="place").reset_index(drop=True)


def _fingerprint(found: ImageDetections) -> str:
    content = hashlib.sha256(found.scores.tobytes() + found.classes.tobytes())
    for mask in found.masks:
        content.update(mask["counts"].encode())
    return content.hexdigest()


# The same image is drawn again whenever a control moves, so what does not depend on the score is cached.
@st.cache_resource(show_spinner=False, max_entries=128, hash_funcs={ImageDetections: _fingerprint})
def _overlaps_in(source: str, image_id: str, found: ImageDetections, _labels: ImageLabels) -> ImageOverlaps:
    return overlaps_of_image(_labels, found)


@st.cache_resource(show_spinner=False, max_entries=128, hash_funcs={ImageDetections: _fingerprint})
def _scores(
    source: str, image_id: str, found: ImageDetections, _dataset: Dataset, _labels: ImageLabels
) -> pd.DataFrame:
    overlaps = _overlaps_in(source, image_id, found, _labels)
    return scores_of_objects(replace(_dataset, images=(_labels,)), [found], [overlaps])
