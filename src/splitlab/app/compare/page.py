"""Compare masks: one photo, several checkpoints side by side, with the ground truth where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from splitlab.app.compare.on_data import compare_on_data
from splitlab.app.compare.presets import offer_figures, offer_small_presets, show_attention
from splitlab.app.hosting import upload_limit
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.checkpoints import describe_all, offer_checkpoints
from splitlab.app.widgets.comparisons import DATA_IMAGES, PHOTOS, by_short_name, choose_models
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.panels import (
    choose_classes,
    choose_score,
    choose_seen,
    choose_view,
    only,
    show_panels,
    show_seen,
    title_of,
)
from splitlab.app.widgets.photos import PHOTO_MEGABYTES, SAMPLES, Photo, keep_photos, sample_photo, uploaded_photo
from splitlab.app.widgets.sources import Choice, checkpoint_choices, detect_objects
from splitlab.data.dataset import ImageLabels
from splitlab.data.open_dataset import EMBEDDED
from splitlab.evaluation.class_map import used_names
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.disagreement import compare_image
from splitlab.figures.mask_panels import Panel
from splitlab.figures.object_pictures import drawn_detections, keep_shown
from splitlab.workspace import Workspace


def show_page() -> None:
    """Show the page."""
    page_head(
        "Compare masks",
        "The same photo seen by models trained on different splits: images with boxes (W) should teach what objects "
        "are called, images with masks (F) their outlines.",
    )
    workspace = Workspace.here()
    choices = checkpoint_choices(workspace)
    if not choices:
        st.info("There are no checkpoints yet. Train a model on the Train page; it appears here when it is done.")
        offer_checkpoints([], workspace)
        st.stop()
    look_at = linked_choice("Look at", [PHOTOS, DATA_IMAGES], PHOTOS, "look_at", label_visibility="collapsed")
    with errors_shown():
        if look_at == DATA_IMAGES:
            compare_on_data(choices, workspace)
        else:
            _compare_on_photos(choices, workspace)


def _compare_on_photos(choices: Mapping[str, Choice], workspace: Workspace) -> None:
    """Show what models find in one photo, and which objects they share."""
    photo_side, model_side = st.columns([1, 1.4], gap="large")
    with photo_side:
        photo = _choose_photo()
    with model_side:
        with st.container(horizontal=True):
            # Models of drawn scenes find nothing in photos.
            offer_small_presets({name: one for name, one in choices.items() if one.card.dataset != EMBEDDED})
            offer_figures(choices)
        names = choose_models(choices)
        score = choose_score()
        offer_checkpoints(choices.values(), workspace)
        chosen = by_short_name(choices, names)
        class_names = list(dict.fromkeys(name for choice in chosen.values() for name in choice.card.class_names))
        classes = choose_classes(used_names(class_names)) if chosen else set()
    if not chosen:
        st.info("Pick one or more checkpoints to see their masks.")
        return
    if found := _detect(chosen, photo, class_names):
        _show(photo, chosen, dict(zip(chosen, names, strict=True)), found, score, classes, class_names)
        show_attention(list(chosen.values()), photo)
    describe_all(list(chosen.values()))


def _choose_photo() -> Photo:
    """Show the uploader and the samples, and return the chosen photo."""
    files = st.file_uploader(
        "Upload photos (they stay in memory and are deleted when you leave)",
        type=["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "heic", "heif", "avif"],
        accept_multiple_files=True,
        max_upload_size=upload_limit(PHOTO_MEGABYTES),
        key="photos",
        on_change=_choose_uploaded,
    )
    keep_photos(files)
    uploads: dict[str, Photo] = {}
    for name, file in _by_name(files).items():
        with errors_shown():
            uploads[name] = uploaded_photo(file.file_id, name, file)
    names = [*uploads, *SAMPLES]
    if st.session_state.get("photo", names[0]) not in names:
        st.session_state["photo"] = names[0]
    name = st.selectbox("Photo", names, key="photo", bind="query-params")
    return uploads[name] if name in uploads else sample_photo(name)


def _choose_uploaded() -> None:
    """Choose a photo that was just uploaded."""
    # A refused photo leaves an entry without a name.
    if files := [file for file in st.session_state["photos"] if isinstance(file, UploadedFile)]:
        st.session_state["photo"] = list(_by_name(files))[-1]


def _by_name(files: Sequence[UploadedFile]) -> dict[str, UploadedFile]:
    """Give each upload a unique name; phones use the same name for many photos."""
    named: dict[str, UploadedFile] = {}
    for number, file in enumerate(files, start=1):
        named[file.name if file.name not in named else f"{file.name} ({number})"] = file
    return named


def _detect(chosen: Mapping[str, Choice], photo: Photo, class_names: Sequence[str]) -> dict[str, ImageDetections]:
    found = {}
    with st.spinner("Looking for objects", show_time=True):
        for name, choice in chosen.items():
            with errors_shown():
                detections = detect_objects(choice, photo)
                # The same numbers for all models, so that a class has one colour and votes can be counted.
                places = np.array([class_names.index(name) for name in choice.card.class_names], np.int64)
                found[name] = replace(detections, classes=places[detections.classes])
    return found


def _show(
    photo: Photo,
    chosen: Mapping[str, Choice],
    link_names: Mapping[str, str],
    found: Mapping[str, ImageDetections],
    score: float,
    classes: set[str],
    class_names: Sequence[str],
) -> None:
    """Show what models find; models are given by their short names, which `link_names` maps to names in the link."""
    height, width = photo.pixels.shape[:2]
    compared = compare_image(ImageLabels(photo.name, Path(photo.name), width, height, ()), found, score)
    with st.container(horizontal=True, gap="large"):
        view = choose_view()
        shown = choose_seen(compared) if len(found) > 1 else None
    panels = {}
    for name, of_model in found.items():
        objects = only(drawn_detections(of_model, class_names, score), classes)
        if shown is not None:
            objects = keep_shown(objects, name, shown)
        panels[link_names[name]] = Panel(title_of(name, chosen[name], objects), objects)
    show_panels(photo, panels, view)
    if len(found) > 1 and compared.objects:
        with st.expander("Object by object", icon=":material/table_rows:"):
            show_seen(compared, class_names)
