"""Compare masks: one photo, any number of checkpoints, side by side; with the truth where there is one."""

from collections.abc import Iterable

import streamlit as st

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.evaluation.difference_in_words import difference_in_words
from splitlab.evaluation.disagreement import compare_image
from splitlab.figures.drawn_objects import drawn_detections, drawn_errors, drawn_truth
from splitlab.figures.mask_panels import DrawnObject, Panel, mask_panels
from splitlab.runs.checkpoint import Card
from splitlab.ui.attention import show_attention
from splitlab.ui.checkpoint_upload import upload_checkpoint
from splitlab.ui.compare_choices import (
    BY_CLASS,
    BY_ERROR,
    DATA_IMAGES,
    PHOTOS,
    by_short_name,
    choose_dataset,
    choose_models,
    forget_unknown,
    models_for,
    no_model_knows,
    offer_presets,
)
from splitlab.ui.labelled_photos import choose_image, detections_in, labelled_photo
from splitlab.ui.models import LEAST_SCORE, Choice, checkpoint_choices, detect_objects
from splitlab.ui.object_numbers import overlaps_in, show_object_numbers
from splitlab.ui.page import answered, page_head
from splitlab.ui.photos import SAMPLES, Photo, sample_photo, uploaded_photo
from splitlab.ui.plain_text import as_plain
from splitlab.ui.split_chip import split_chip
from splitlab.workspace import Workspace


def turn_to_upload() -> None:
    """Show a photo that was just uploaded."""
    if st.session_state["photos"]:
        st.session_state["photo"] = st.session_state["photos"][-1].name


def choose_photo() -> Photo:
    """Show the uploader and the samples; return the photo to look at."""
    files = st.file_uploader(
        "Upload photos (they stay in memory and are gone when you leave)",
        type=["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "heic", "heif", "avif"],
        accept_multiple_files=True,
        key="photos",
        on_change=turn_to_upload,
    )
    uploads: dict[str, Photo] = {}
    for file in files:
        with answered():
            name = file.name if file.name not in uploads else f"{file.name} ({len(uploads) + 1})"
            uploads[name] = uploaded_photo(file.file_id, name, file)
    names = [*uploads, *SAMPLES]
    if st.session_state.get("photo", names[0]) not in names:
        st.session_state["photo"] = names[0]
    name = st.selectbox("Photo", names, key="photo", bind="query-params")
    return uploads[name] if name in uploads else sample_photo(name)


def labelling_hours(card: Card) -> float:
    """What the labels of a checkpoint's split cost, in hours."""
    return cost_hours(float(card.full), float(card.weak), prices_for(card.dataset))


def describe(choice: Choice, longest_hours: float) -> None:
    """Show a checkpoint's split, cost and scores."""
    card = choice.card
    if card.full or card.weak:
        split_chip(card.full, card.weak, prices_for(card.dataset), longest_hours)
    else:
        st.markdown(f"**{card.name}**, imported")
    mask, box = card.scores.get("mask", {}), card.scores.get("box", {})
    scores = [
        f"{label} **{value:.1f}**"
        for label, value in (
            ("mask AP50", mask.get("ap50")),
            ("AP70", mask.get("ap70")),
            ("AP75", mask.get("ap75")),
            ("box AP50", box.get("ap50")),
        )
        if value is not None
    ]
    origin = f"{card.model}, {card.steps:,} steps, seed {card.seed}" if card.steps else card.model
    st.caption(f"{' · '.join(scores) or 'not scored'}  \n{origin}")


def choose_score() -> float:
    """Choose the least confidence that is shown."""
    return st.slider(
        "Least confidence",
        LEAST_SCORE,
        0.95,
        0.4,
        0.05,
        key="score",
        bind="query-params",
        help="Models are not run again.",
    )


def choose_classes(names: list[str]) -> set[str]:
    """Choose the classes that are shown, all at first."""
    forget_unknown("classes", names)
    chosen = st.pills("Classes", names, default=names, selection_mode="multi", key="classes", bind="query-params")
    return set(chosen)


def classes_of(choices: Iterable[Choice]) -> list[str]:
    """Return the classes that models know, each once."""
    return list(dict.fromkeys(name for choice in choices for name in choice.card.class_names))


def only(objects: Iterable[DrawnObject], classes: set[str]) -> list[DrawnObject]:
    """Keep the objects of some classes."""
    return [found for found in objects if found.class_name in classes]


def title_of(choice: Choice, objects: list[DrawnObject], verb: str = "found") -> str:
    """Name a model's panel by its data and split, and say how much it sees."""
    found = sum(drawn.score is not None for drawn in objects)
    return f"{choice.card.dataset} {choice.card.split_name}: {found} {verb}"


def show_panels(photo: Photo, panels: list[Panel]) -> None:
    """Show the panels, and what can be done with them."""
    st.plotly_chart(
        mask_panels(photo.pixels, panels),
        key="panels",
        config={"scrollZoom": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    st.caption(
        "Scroll to zoom, drag to move, double-click to go back: all panels move together. Hover for class and score."
    )
    if photo.shrunk_from:
        width, height = photo.shrunk_from
        st.caption(
            f"{as_plain(photo.name)} was scaled from {width} x {height} to "
            f"{photo.pixels.shape[1]} x {photo.pixels.shape[0]} pixels."
        )


def describe_all(choices: list[Choice]) -> None:
    """Show split, cost and scores of each model."""
    longest = max(labelling_hours(choice.card) for choice in choices)
    for column, choice in zip(st.columns(len(choices)), choices, strict=True):
        with column:
            describe(choice, longest)


def compare_on_photos(choices: dict[str, Choice]) -> None:
    """Compare any models on uploads and samples, which nobody has labelled."""
    photo_side, model_side = st.columns([1, 1.4], gap="large")
    with photo_side:
        photo = choose_photo()
    with model_side:
        offer_presets(choices)
        names = choose_models(choices, at_first=2)
        score = choose_score()
        with st.popover("Import a checkpoint", icon=":material/upload:"), answered():
            upload_checkpoint(Workspace.here())
        chosen = [choices[name] for name in names]
        classes = choose_classes(classes_of(chosen)) if chosen else set()
    if not chosen:
        st.info("Pick one or more checkpoints to see their masks.")
        return
    panels = []
    with st.spinner("Looking for objects", show_time=True):
        for choice in chosen:
            with answered():
                found = detect_objects(choice, photo)
                objects = only(drawn_detections(found, choice.card.class_names, score), classes)
                panels.append(Panel(title_of(choice, objects), objects))
    if panels:
        show_panels(photo, panels)
        show_attention(chosen, photo)
    describe_all(chosen)


def compare_on_data(choices: dict[str, Choice], workspace: Workspace) -> None:
    """Compare models with the truth on a data set's images."""
    data_side, score_side = st.columns(2, gap="large")
    with data_side:
        name, dataset = choose_dataset(choices, workspace)
    fitting = models_for(choices, dataset)
    if not fitting:
        no_model_knows(name, dataset)
        return
    with score_side:
        score = choose_score()
    names = choose_models(fitting)
    class_side, colour_side = st.columns(2, gap="large")
    with class_side:
        classes = choose_classes(list(dataset.class_names))
    with colour_side:
        colour = st.segmented_control(
            "Colour by", [BY_CLASS, BY_ERROR], default=BY_CLASS, required=True, key="colour", bind="query-params"
        )
    if not names:
        st.info("Pick one or more checkpoints to see their masks.")
        return
    chosen = by_short_name(fitting, names)
    labels = choose_image(chosen, dataset, workspace)
    found = detections_in(chosen, dataset, labels, workspace)
    if len(chosen) > 1:
        told = difference_in_words(compare_image(labels, found, score), dataset.class_names)
        st.markdown(f":material/difference: {as_plain(told)}")
    photo = labelled_photo(dataset.source_hash, str(labels.image_id), labels)
    panels = [Panel("photo", []), Panel("truth", only(drawn_truth(labels, dataset.class_names), classes))]
    for model, of_model in found.items():
        if colour == BY_ERROR:
            overlaps = overlaps_in(dataset.source_hash, str(labels.image_id), of_model, labels).above(score)
            objects = drawn_errors(labels, of_model, overlaps, dataset.class_names)
        else:
            objects = drawn_detections(of_model, dataset.class_names, score)
        objects = only(objects, classes)
        panels.append(Panel(title_of(chosen[model], objects, "seen"), objects))
    show_panels(photo, panels)
    show_attention(list(chosen.values()), photo)
    show_object_numbers(dataset, labels, found, score)
    describe_all(list(chosen.values()))


page_head(
    "Compare masks",
    "The same photo seen by models trained on different splits: more boxes should teach names, more masks outlines.",
)

workspace = Workspace.here()
choices = checkpoint_choices(workspace)
if not choices:
    st.info("There are no checkpoints yet. Train a model on the Train page; it appears here when it is done.")
    st.stop()

look_at = st.segmented_control(
    "Look at",
    [PHOTOS, DATA_IMAGES],
    default=PHOTOS,
    required=True,
    key="look_at",
    bind="query-params",
    label_visibility="collapsed",
)
with answered():
    if look_at == DATA_IMAGES:
        compare_on_data(choices, workspace)
    else:
        compare_on_photos(choices)
