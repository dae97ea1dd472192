"""Compare masks: one photo, any number of checkpoints, side by side."""

import streamlit as st

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.figures.mask_panels import Panel, mask_panels
from splitlab.runs.checkpoint import Card
from splitlab.ui.checkpoint_upload import upload_checkpoint
from splitlab.ui.models import LEAST_SCORE, Choice, checkpoint_choices, detect_objects
from splitlab.ui.page import answered, page_head
from splitlab.ui.photos import SAMPLES, Photo, sample_photo, uploaded_photo
from splitlab.ui.split_chip import split_chip
from splitlab.workspace import Workspace


def choose_photo() -> Photo | None:
    """Show the uploader and the samples; return the photo to look at."""
    files = st.file_uploader(
        "Upload photos (they stay in memory and are gone when you leave)",
        type=["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff"],
        accept_multiple_files=True,
        key="photos",
    )
    uploads: dict[str, Photo] = {}
    for file in files:
        with answered():
            name = file.name if file.name not in uploads else f"{file.name} ({len(uploads) + 1})"
            uploads[name] = uploaded_photo(file.file_id, name, file)
    names = [*uploads, *SAMPLES]
    name = st.selectbox("Photo", names, key="photo") if names else None
    if name is None:
        return None
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


page_head(
    "Compare masks",
    "The same photo seen by models trained on different splits: more boxes should teach names, more masks outlines.",
)

choices = checkpoint_choices(Workspace.here())
if not choices:
    st.info("There are no checkpoints yet. Train a model on the Train page; it appears here when it is done.")
    st.stop()

photo_side, model_side = st.columns([1, 1.4], gap="large")
with photo_side:
    photo = choose_photo()
with model_side:
    names = st.multiselect(
        "Checkpoints",
        list(choices),
        default=list(choices)[:2],
        format_func=lambda name: choices[name].label,
        key="models",
        bind="query-params",
    )
    score = st.slider(
        "Least confidence",
        LEAST_SCORE,
        0.95,
        0.4,
        0.05,
        key="score",
        bind="query-params",
        help="Models are not run again.",
    )
    with st.popover("Import a checkpoint", icon=":material/upload:"), answered():
        upload_checkpoint(Workspace.here())
    class_names = list(dict.fromkeys(label for name in names for label in choices[name].card.class_names))
    wanted = (
        st.pills("Classes", class_names, default=class_names, selection_mode="multi", key=f"classes {class_names}")
        if names
        else []
    )

if not names:
    st.info("Pick one or more checkpoints to see their masks.")
    st.stop()
if photo is None:
    st.info("Upload a photo or pick a sample.")
    st.stop()

panels, seen = [], {}
with st.spinner("Looking for objects", show_time=True):
    for name in names:
        with answered():
            seen[name] = detect_objects(choices[name], photo)
for name, objects in seen.items():
    shown = [found for found in objects if found.score >= score and found.class_name in (wanted or [])]
    panels.append(Panel(f"{choices[name].card.dataset} {choices[name].card.split_name}: {len(shown)} found", shown))

if panels:
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
        f"{photo.name} was scaled from {width} x {height} to {photo.pixels.shape[1]} x {photo.pixels.shape[0]} pixels."
    )

longest = max(labelling_hours(choices[name].card) for name in names)
for column, name in zip(st.columns(len(names)), names, strict=True):
    with column:
        describe(choices[name], longest)
