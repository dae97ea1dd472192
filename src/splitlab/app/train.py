"""Train: choose a split, see what it costs, start a training run and watch it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from splitlab.app.hosting import TRAINING, Hosting, may_change
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.runs.rows import RunsListing, runs_listing
from splitlab.app.widgets.links import linked_count, linked_selectbox
from splitlab.app.widgets.live_run import duration, watch_run
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.split_builder import choose_sizes, kept_split_key, show_cost
from splitlab.checkpoints.checkpoint import Card
from splitlab.data.dataset import Dataset, TrainVal, count_images
from splitlab.data.fit_for_training import refuse_undrawable, refuse_without_val
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

_RUN, _BATCH = "run", "fused_batch"
_DRAWN = "drawn at random"
_FULL, _WEAK = 30, 150
_NO_START = "nothing: a Lite0 backbone has ImageNet weights, all else is random"
_SIZES = (96, 128, 160, 192, 224, 256, 320, 416, 512, 640, 800, 1024)
_EVALUATIONS = 6
# Small scenes do not need large images.
_EMBEDDED_SETTINGS = {"image_size": 160, "steps": 240}
_MOST_BATCH_IMAGES = 32
_RECIPE_HELP = (
    "'quick' learns in minutes on a CPU; the paper's recipes take hours on a GPU. A recipe sets everything below."
)
_F_SIZE_HELP = "Mask images in a mixed batch; 'auto' passes over F at least 75 times, as the paper's runs do."
_ANCHORS_HELP = "'auto' fits the anchors to the boxes if the paper's own fit badly. For YOLOv5 only."
_START_HELP = (
    "Copies every tensor that fits from a checkpoint, such as an imported one. For classes that both know by name, "
    "also their part of the head."
)


@dataclass(frozen=True)
class _Training:
    """Settings of a run, its data, and its split if that was built before."""

    spec: RunSpec
    data: TrainVal
    split: Split | None


def show_page() -> None:
    """Show the page."""
    page_head(
        "Train",
        "Train one model on one split: batches mix images with masks (F) and images with boxes (W), and the mask loss "
        "skips the box images. Runs wait in a queue and train in their own processes, so you may close this page.",
    )
    workspace = Workspace.here()
    listing = runs_listing(workspace.runs)
    settings, live = st.columns([1, 1.9], gap="large")
    with settings, errors_shown():
        if may_change(TRAINING):
            _offer_training(workspace, listing.now().runs.values())
    with live:
        _show_run(workspace, listing)


def _offer_training(workspace: Workspace, earlier: Iterable[RunSummary]) -> None:
    chosen = _choose(workspace)
    _explain(chosen, earlier)
    if st.button("Start training", type="primary", icon=":material/play_arrow:", width="stretch"):
        with st.spinner("Starting"):
            _start_run(chosen, workspace)
    _offer_batch(chosen)
    st.page_link("pages/data.py", label="Add your own photos or build a split", icon=":material/photo_library:")


def _show_run(workspace: Workspace, listing: RunsListing) -> None:
    names = list(listing.with_runs([st.session_state.get(_RUN, ""), st.query_params.get(_RUN, "")]).runs)
    if not names:
        st.info("No runs yet. Choose a split on the left and start: its curves appear here.")
        return
    watch_run(workspace, linked_selectbox("Run", names, _RUN, names[0], st.container()))
    st.page_link("pages/runs.py", label="All runs, side by side", icon=":material/list_alt:")


def _choose(workspace: Workspace) -> _Training:
    name = st.selectbox("Dataset", dataset_names(workspace.data), key="data", bind="query-params")
    data = read_dataset(name, workspace)
    refuse_undrawable(data.train)
    refuse_without_val(data)
    split = _choose_kept_split(name, data, workspace)
    full, weak = (len(split.full), len(split.weak)) if split else _choose_drawn_sizes(name, data)
    recipe = st.selectbox("Recipe", list(RECIPES), key="recipe", bind="query-params", help=_RECIPE_HELP)
    changes = _EMBEDDED_SETTINGS if name == EMBEDDED and recipe == "quick" else {}
    start = RunSpec.of(name, full, weak, **run_settings(recipe, changes, full, weak))
    chosen = _choose_settings(start, name, recipe) | _choose_more(start, f"{name}_{recipe}", workspace)
    if (chosen["model"], chosen["steps"]) == (start.model, start.steps):
        chosen["mask_steps"] = start.mask_stage.steps
    chosen["evaluate_every"] = max(min(start.evaluate_every, chosen["steps"] // _EVALUATIONS), 1)
    settings = run_settings(recipe, {**changes, **chosen}, full, weak)
    return _Training(RunSpec.of(name, full, weak, **settings), data, split)


def _choose_kept_split(name: str, data: TrainVal, workspace: Workspace) -> Split | None:
    kept = saved_splits(workspace.splits / name, data.train.source_hash)
    if not kept:
        return None
    return kept.get(linked_selectbox("Split", [_DRAWN, *kept], kept_split_key(name), _DRAWN, st.container()))


def _choose_drawn_sizes(name: str, data: TrainVal) -> tuple[int, int]:
    counts, columns = count_images(data.train), st.columns(2)
    first = min(_FULL, counts.masks), _WEAK
    return choose_sizes(name, counts.masks, counts.to_draw, first, (columns[0], columns[1]))


def _choose_settings(start: RunSpec, name: str, recipe: str) -> dict[str, Any]:
    """Choose model, image size, steps, device and seed; return them by name."""
    key = f"{name}_{recipe}"
    # For some recipes the steps depend on the split, so each split has a control of its own.
    depends_on_split = recipe in STEPS_WITHOUT_W or recipe in EPOCHS
    key_of_steps = f"steps_{key}_{start.steps}" if depends_on_split else f"steps_{key}"
    models = [LITE0, *(name for name in MODELS if name != LITE0)]  # the one that learns photos quickly comes first
    index = models.index(start.model)
    model = st.selectbox("Model", models, index=index, key=f"model_{key}", bind="query-params")
    left, right = st.columns(2)
    index = _SIZES.index(start.image_size)
    size = left.selectbox("Image size, pixels", _SIZES, index=index, key=f"size_{key}", bind="query-params")
    steps = linked_count("Steps", 1, 1_000_000, start.steps, key_of_steps, right)
    left, right = st.columns(2)
    device = left.selectbox("Device", _device_names(), key="device", bind="query-params")
    seed = linked_count("Seed", 0, 10_000, 0, "seed", right)
    return {"model": model, "image_size": size, "steps": steps, "device": device, "seed": seed}


def _choose_more(start: RunSpec, key: str, workspace: Workspace) -> dict[str, Any]:
    """Choose, folded away, the settings that few need; return them by name."""
    with st.expander("More settings"):
        left, right = st.columns(2)
        batch_size = linked_count("Batch size", 1, 256, start.batch_size, f"batch_{key}", left)
        sizes = [AUTO, *range(1, batch_size)] if batch_size > 1 else [1]
        index = sizes.index(start.f_size) if start.f_size in sizes else 0
        f_size_key = f"f_size_{key}_{batch_size}"
        f_size = right.selectbox("f_size", sizes, index=index, key=f_size_key, bind="query-params", help=_F_SIZE_HELP)
        rate, tip = start.optimizer.learning_rate, f"of {start.optimizer.name}"
        # In a full row: half a row cuts off small rates.
        rate = st.number_input(
            "Learning rate", 1e-6, 1.0, rate, format="%g", key=f"rate_{key}", bind="query-params", help=tip
        )
        ways, index = ["paper", AUTO], int(start.anchors == AUTO)
        anchors = st.selectbox(
            "Anchors", ways, index=index, key=f"anchors_{key}", bind="query-params", help=_ANCHORS_HELP
        )
        models = _models_to_start_from(workspace)
        begin = st.selectbox(
            "Start from", [_NO_START, *models], key=f"start_{key}", bind="query-params", help=_START_HELP
        )
    start_from = "" if begin == _NO_START else str(models[begin][0])
    found = {"batch_size": batch_size, "f_size": f_size, "learning_rate": rate}
    return {**found, "anchors": anchors, "start_from": start_from}


@st.cache_resource(show_spinner="Looking for devices")
def _device_names() -> list[str]:
    """List this machine's devices, fastest first."""
    from splitlab.models.precision import available_devices

    return available_devices()


# Reading ten thousand cards takes a second, and every click needs them.
@st.cache_resource(show_spinner=False, max_entries=8, ttl=5)
def _models_to_start_from(workspace: Workspace) -> dict[str, tuple[Path, Card]]:
    return trained_models(workspace.checkpoint_folders, workspace.runs)


def _explain(chosen: _Training, earlier: Iterable[RunSummary]) -> None:
    """Show what training will do, how long it may take by earlier runs, and what the labels would cost."""
    spec, dataset = chosen.spec, chosen.data.train
    seconds = training_seconds(spec, measured_speeds(earlier, [kind_of(spec)]))
    time = (
        f"about {duration(seconds)}, estimated from an earlier run" if seconds else "an estimate appears once it trains"
    )
    st.markdown(
        f"**{spec.data.full:,}** mask images and **{spec.data.weak:,}** box images of "
        f"{count_images(dataset).to_draw:,}, {spec.steps:,} steps of {spec.batch_size} images on {spec.device}: {time}."
    )
    show_cost(spec.data.full, spec.data.weak, dataset)


def _start_run(chosen: _Training, workspace: Workspace) -> None:
    """Create a run folder, put it into the queue, make sure that a worker runs, and select the run."""
    from splitlab.training.experiment import prepare_run

    Hosting.here().require_writable(TRAINING)
    spec, split = chosen.spec, chosen.split
    path = free_run_path(workspace.runs, spec)
    try:
        run = prepare_run(path, spec, workspace.data, split)
    except RunError:
        if not path.exists():
            raise
        # Another visitor took the name while the data was read.
        run = prepare_run(free_run_path(workspace.runs, spec), spec, workspace.data, split)
    launch(run, workspace)
    st.session_state[_RUN] = run.name


def _offer_batch(chosen: _Training) -> None:
    """Show, folded away, a mixed batch of the run."""
    folded = st.expander(
        "A mixed batch of this split",
        icon=":material/grid_view:",
        key=_BATCH,
        on_change="rerun",
        bind="query-params",
    )
    if folded.open:
        spec, dataset = chosen.spec, chosen.data.train
        with folded, errors_shown():
            split = chosen.split or draw_split(dataset, spec.data.full, spec.data.weak, spec.seed)
            _show_batch(spec, dataset, split)


def _show_batch(spec: RunSpec, dataset: Dataset, split: Split) -> None:
    if spec.mask_stage.steps:
        st.markdown(f"{spec.model} learns boxes of F and W first, then masks of F: no batch mixes the two.")
        return
    if spec.batch_size > _MOST_BATCH_IMAGES:
        st.markdown(f"Batches of up to {_MOST_BATCH_IMAGES} images can be shown; this one has {spec.batch_size}.")
        return
    step = linked_count("Step", 1, spec.steps, 1, f"batch_step_{spec.steps}")
    images = _batch_images(spec, split.hash, step - 1, split, dataset)
    full = sum(image.has_mask for image in images)
    st.html(
        "".join(
            f'<span style="border-left:.35rem solid {hue};padding-left:.5rem;margin-right:1.2rem">{text}</span>'
            for hue, text in (
                (FULL_HUE, f"<b>{full}</b> of F: masks"),
                (WEAK_HUE, f"<b>{len(images) - full}</b> of W: boxes"),
            )
        )
    )
    st.image(batch_sheet(images), width="stretch")
    st.caption(
        "The images as the model gets them. The mask loss reads the images of F only, and is divided by their number."
    )


@st.cache_resource(show_spinner="Making the batch", max_entries=8)
def _batch_images(
    spec: RunSpec, split_hash: str, step: int, _split: Split, _dataset: Dataset
) -> tuple[BatchImage, ...]:
    from splitlab.training.batch_loss import batch_images

    return batch_images(spec, _split, _dataset, step)
