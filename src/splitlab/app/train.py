"""Train: choose a split, see what it costs, start it, watch it learn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from splitlab.app.hosting import TRAINING, Hosting, may_change
from splitlab.app.navigation import answered, page_head
from splitlab.app.runs.rows import runs_listing
from splitlab.app.widgets.links import linked_count, linked_selectbox
from splitlab.app.widgets.live_run import duration, watch_run
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.split_builder import kept_split_key
from splitlab.app.widgets.text import split_chip
from splitlab.budget.cost import PRESETS, mask_hours, prices_for
from splitlab.checkpoints.checkpoint import Card
from splitlab.data.dataset import Dataset, TrainVal, count_images
from splitlab.data.open_dataset import EMBEDDED, dataset_names
from splitlab.data.saved_splits import saved_splits
from splitlab.data.split import Split, draw_split
from splitlab.errors import RunError
from splitlab.families import LITE0, MODELS
from splitlab.figures.batch import batch_sheet
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.queue.worker import launch
from splitlab.runs.devices import kind_of, measured_speeds, training_seconds
from splitlab.runs.recipes import EPOCHS, RECIPES, STEPS_WITHOUT_W, run_settings
from splitlab.runs.settings import AUTO
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import RunSummary, free_run_path, trained_models
from splitlab.training.fused_batch import BatchImage
from splitlab.workspace import Workspace

_NOTHING = "nothing: a Lite0 backbone has ImageNet weights, all else is random"
_RECIPE_HELP = (
    "quick learns in minutes on a CPU; the paper's take a GPU some hours. A recipe sets all that stands below."
)
_F_SIZE_HELP = "Mask images in a mixed batch; auto lets a run pass over F at least 75 times, as the paper's runs do."
_ANCHORS_HELP = "auto fits them to the boxes where the paper's own serve badly. For YOLOv5 alone."
_START_HELP = (
    "Copies every tensor that fits from a checkpoint, such as an imported one; of classes that both know by name also "
    "what answers for them."
)


@st.cache_resource(show_spinner="Looking for devices")
def _device_names() -> list[str]:
    """List this machine's devices, the fastest first."""
    from splitlab.models.precision import available_devices

    return available_devices()


def _model_names() -> list[str]:
    """List the models, the one that learns photos quickly first."""
    return [LITE0, *(name for name in MODELS if name != LITE0)]


def _more_settings(start: RunSpec, key: str, workspace: Workspace) -> dict[str, Any]:
    """Show the settings that few need, folded away; return those of them by name."""
    with st.expander("More settings"):
        left, right = st.columns(2)
        batch_size = linked_count("Batch size", 1, 256, start.batch_size, f"batch_{key}", left)
        sizes = [AUTO, *range(1, batch_size)] if batch_size > 1 else [1]
        index = sizes.index(start.f_size) if start.f_size in sizes else 0
        f_size_key = f"f_size_{key}_{batch_size}"
        f_size = right.selectbox("f_size", sizes, index=index, key=f_size_key, bind="query-params", help=_F_SIZE_HELP)
        # A row of its own: half a row cuts a small rate.
        rate = st.number_input(
            "Learning rate",
            1e-6,
            1.0,
            start.optimizer.learning_rate,
            format="%g",
            key=f"rate_{key}",
            bind="query-params",
            help=f"of {start.optimizer.name}",
        )
        anchors = st.selectbox(
            "Anchors",
            ["paper", AUTO],
            index=int(start.anchors == AUTO),
            key=f"anchors_{key}",
            bind="query-params",
            help=_ANCHORS_HELP,
        )
        models = _models_to_start_from(workspace)
        begin = st.selectbox(
            "Start from", [_NOTHING, *models], key=f"start_{key}", bind="query-params", help=_START_HELP
        )
    start_from = "" if begin == _NOTHING else str(models[begin][0])
    return {
        "batch_size": batch_size,
        "f_size": f_size,
        "learning_rate": rate,
        "anchors": anchors,
        "start_from": start_from,
    }


def _expected_seconds(spec: RunSpec, runs: Iterable[RunSummary]) -> float | None:
    """Judge the training time in seconds by the first run with this model, size and device; None where there is none.

    Args:
        spec: of the training.
        runs: earlier ones, the newest first.
    """
    return training_seconds(spec, measured_speeds(runs, [kind_of(spec)]))


# Ten thousand cards take a second; each click asks for them.
@st.cache_resource(show_spinner=False, max_entries=8, ttl=5)
def _models_to_start_from(workspace: Workspace) -> dict[str, tuple[Path, Card]]:
    return trained_models(workspace.checkpoint_folders, workspace.runs)


_OPEN, _STEP = "fused_batch", "batch_step"
_MOST_IMAGES = 32


def _offer_batch(spec: RunSpec, dataset: Dataset, split: Split | None) -> None:
    """Show, folded, a fused batch of a run.

    Args:
        spec: the run's settings.
        dataset: its training images.
        split: its F and W; drawn by the spec where left out, as a run does.
    """
    folded = st.expander(
        "A fused batch of this split", icon=":material/grid_view:", key=_OPEN, on_change="rerun", bind="query-params"
    )
    if folded.open:
        with folded, answered():
            _show(spec, dataset, split or draw_split(dataset, spec.data.full, spec.data.weak, spec.seed))


def _show(spec: RunSpec, dataset: Dataset, split: Split) -> None:
    if spec.mask_stage.steps:
        st.markdown(f"{spec.model} learns boxes of F and W first, then masks of F: no batch of it mixes the two.")
        return
    if spec.batch_size > _MOST_IMAGES:
        st.markdown(f"Batches of up to {_MOST_IMAGES} images are shown; this one has {spec.batch_size}.")
        return
    step = linked_count("Step", 1, spec.steps, 1, f"{_STEP}_{spec.steps}")
    images = _images(spec, split.hash, step - 1, split, dataset)
    full = sum(image.has_mask for image in images)
    st.html(_counts_html(full, len(images) - full))
    st.image(batch_sheet(images), width="stretch")
    st.caption("As the model gets them. The mask loss reads the images of F alone, and is divided by their number.")


@st.cache_resource(show_spinner="Making the batch", max_entries=8)
def _images(spec: RunSpec, split_hash: str, step: int, _split: Split, _dataset: Dataset) -> tuple[BatchImage, ...]:
    from splitlab.training.batch_loss import batch_images

    return batch_images(spec, _split, _dataset, step)


def _counts_html(full: int, weak: int) -> str:
    return "".join(
        f'<span style="border-left:.35rem solid {hue};padding-left:.5rem;margin-right:1.2rem">{text}</span>'
        for hue, text in ((FULL_HUE, f"<b>{full}</b> of F: masks"), (WEAK_HUE, f"<b>{weak}</b> of W: boxes"))
    )


_FULL, _WEAK = 30, 150


# Small scenes need no large image; the recipes say the rest.
_EMBEDDED_SETTINGS = {"image_size": 160, "steps": 240}


_RUN = "run"


_DRAWN = "drawn at random"


_SIZES = (96, 128, 160, 192, 224, 256, 320, 416, 512, 640, 800, 1024)


_EVALUATIONS = 6


def _choose_sizes(name: str, data: TrainVal, workspace: Workspace) -> Split | tuple[int, int]:
    """Show the splits that were built for a data set, or let sizes be given; return one or the other."""
    kept = saved_splits(workspace.splits / name, data.train.source_hash)
    if kept:
        label = linked_selectbox("Split", [_DRAWN, *kept], kept_split_key(name), _DRAWN, st.container())
        if label != _DRAWN:
            return kept[label]
    counts = count_images(data.train)
    images, with_masks = counts.to_draw, counts.masks
    left, right = st.columns(2)
    full = linked_count("|F|, masks", 0, with_masks, min(_FULL, with_masks), f"full_{name}", left)
    left_over = images - full
    if st.session_state.get(f"weak_{name}", 0) > left_over:
        st.session_state[f"weak_{name}"] = left_over
    weak = linked_count("|W|, boxes", 0, left_over, min(_WEAK, left_over), f"weak_{name}", right)
    return full, weak


def _choose(workspace: Workspace) -> tuple[RunSpec, TrainVal, Split | None]:
    """Show the settings of a run; return them, its data and its split where that was built before."""
    name = st.selectbox("Data set", dataset_names(workspace.data), key="data", bind="query-params")
    data = read_dataset(name, workspace)
    sizes = _choose_sizes(name, data, workspace)
    split = sizes if isinstance(sizes, Split) else None
    full, weak = (len(sizes.full), len(sizes.weak)) if isinstance(sizes, Split) else sizes
    recipe = st.selectbox("Recipe", list(RECIPES), key="recipe", bind="query-params", help=_RECIPE_HELP)
    changes = _EMBEDDED_SETTINGS if name == EMBEDDED and recipe == "quick" else {}
    start = RunSpec.of(name, full, weak, **run_settings(recipe, changes, full, weak))
    key = f"{name}_{recipe}"
    # A length that follows the split is offered anew with each split.
    follows_split = recipe in STEPS_WITHOUT_W or recipe in EPOCHS
    key_of_steps = f"steps_{key}_{start.steps}" if follows_split else f"steps_{key}"
    known = _model_names()
    index = known.index(start.model)
    model = st.selectbox("Model", known, index=index, key=f"model_{key}", bind="query-params")
    left, right = st.columns(2)
    index = _SIZES.index(start.image_size)
    size = left.selectbox("Image size, pixels", _SIZES, index=index, key=f"size_{key}", bind="query-params")
    steps = linked_count("Steps", 1, 1_000_000, start.steps, key_of_steps, right)
    left, right = st.columns(2)
    device = left.selectbox("Device", _device_names(), key="device", bind="query-params")
    seed = linked_count("Seed", 0, 10_000, 0, "seed", right)
    chosen = {"model": model, "image_size": size, "steps": steps, "device": device, "seed": seed}
    chosen |= _more_settings(start, key, workspace)
    if (model, steps) == (start.model, start.steps):
        chosen["mask_steps"] = start.mask_stage.steps
    chosen["evaluate_every"] = max(min(start.evaluate_every, steps // _EVALUATIONS), 1)
    return RunSpec.of(name, full, weak, **run_settings(recipe, {**changes, **chosen}, full, weak)), data, split


def _explain(spec: RunSpec, data: TrainVal, runs: Iterable[RunSummary]) -> None:
    """Say what a start will do, judged by earlier runs, and what its labels would have cost."""
    images = count_images(data.train).to_draw
    seconds = _expected_seconds(spec, runs)
    time = (
        f"about {duration(seconds)}, judged by an earlier run here"
        if seconds
        else "the time shows after the first steps"
    )
    st.markdown(
        f"**{spec.data.full:,}** mask images and **{spec.data.weak:,}** box images of {images:,}, "
        f"{spec.steps:,} steps of {spec.batch_size} images on {spec.device}: {time}."
    )
    names, own = list(PRESETS), prices_for(data.train.name).name
    key = f"prices_{own}"
    prices = PRESETS[st.selectbox("Labelling prices", names, names.index(own), key=key, bind="query-params")]
    split_chip(spec.data.full, spec.data.weak, prices, scale_hours=mask_hours(float(images), prices))
    st.caption(f"Expected labelling cost; the whole width is masks on all {images:,} labelled images.")


def _start_run(spec: RunSpec, split: Split | None, workspace: Workspace) -> None:
    """Make a run folder, put it into the queue, see to a worker, and select it."""
    from splitlab.training.experiment import prepare_run

    Hosting.here().require_writable(TRAINING)
    path = free_run_path(workspace.runs, spec)
    try:
        run = prepare_run(path, spec, workspace.data, split)
    except RunError:
        if not path.exists():
            raise
        # Somebody else took the name while the data was read.
        run = prepare_run(free_run_path(workspace.runs, spec), spec, workspace.data, split)
    launch(run, workspace)
    st.session_state[_RUN] = run.name


def show_page() -> None:
    """Show the page."""
    page_head(
        "Train",
        "One model on one split: batches mix mask images and box images, and the mask loss skips the box images. "
        "Runs wait in a queue and train in processes of their own: you may close this page.",
    )
    workspace = Workspace.here()
    listing = runs_listing(workspace.runs)
    settings, live = st.columns([1, 1.9], gap="large")
    with settings, answered():
        if may_change(TRAINING):
            spec, data, split = _choose(workspace)
            _explain(spec, data, listing.now().runs.values())
            if st.button("Start training", type="primary", icon=":material/play_arrow:", width="stretch"):
                with st.spinner("Starting"):
                    _start_run(spec, split, workspace)
            _offer_batch(spec, data.train, split)
            st.page_link(
                "pages/data.py", label="Your own photos, or a split you build", icon=":material/photo_library:"
            )
    with live:
        names = list(listing.with_runs([st.session_state.get(_RUN, ""), st.query_params.get(_RUN, "")]).runs)
        if not names:
            st.info("No runs yet. Choose a split on the left and start: its curves appear here.")
        else:
            chosen = linked_selectbox("Run", names, _RUN, names[0], st.container())
            watch_run(workspace, chosen)
            st.page_link("pages/runs.py", label="All runs, side by side", icon=":material/list_alt:")
