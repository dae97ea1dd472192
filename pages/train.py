"""Train: choose a split, see what it costs, start it, watch it learn."""

from collections.abc import Iterable

import streamlit as st

from splitlab.budget.annotation_cost import PRESETS, mask_hours, prices_for
from splitlab.data.dataset import TrainVal
from splitlab.data.image_counts import count_images
from splitlab.data.open_dataset import EMBEDDED, dataset_names
from splitlab.data.splits.saved_splits import saved_splits
from splitlab.data.splits.split import Split
from splitlab.errors import RunError
from splitlab.hosting import Hosting
from splitlab.runs.recipes import EPOCHS, RECIPES, STEPS_WITHOUT_W, run_settings
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import RunSummary, free_run_path
from splitlab.runs.worker import launch
from splitlab.ui.datasets import read_dataset
from splitlab.ui.hosted import TRAINING, may_change
from splitlab.ui.linked_controls import linked_count
from splitlab.ui.live_run import duration, watch_run
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.page import answered, page_head
from splitlab.ui.runs_listing import runs_listing
from splitlab.ui.split_batch import offer_batch
from splitlab.ui.split_builder import kept_split_key
from splitlab.ui.split_chip import split_chip
from splitlab.ui.training_choices import RECIPE_HELP, device_names, expected_seconds, model_names, more_settings
from splitlab.workspace import Workspace

FULL, WEAK = 30, 150
# Small scenes need no large image; the recipes say the rest.
EMBEDDED_SETTINGS = {"image_size": 160, "steps": 240}
RUN = "run"
DRAWN = "drawn at random"
SIZES = (96, 128, 160, 192, 224, 256, 320, 416, 512, 640, 800, 1024)
EVALUATIONS = 6


def choose_sizes(name: str, data: TrainVal, workspace: Workspace) -> Split | tuple[int, int]:
    """Show the splits that were built for a data set, or let sizes be given; return one or the other."""
    kept = saved_splits(workspace.splits / name, data.train.source_hash)
    if kept:
        label = linked_selectbox("Split", [DRAWN, *kept], kept_split_key(name), DRAWN, st.container())
        if label != DRAWN:
            return kept[label]
    counts = count_images(data.train)
    images, with_masks = counts.to_draw, counts.masks
    left, right = st.columns(2)
    full = linked_count("|F|, masks", 0, with_masks, min(FULL, with_masks), f"full_{name}", left)
    left_over = images - full
    if st.session_state.get(f"weak_{name}", 0) > left_over:
        st.session_state[f"weak_{name}"] = left_over
    weak = linked_count("|W|, boxes", 0, left_over, min(WEAK, left_over), f"weak_{name}", right)
    return full, weak


def choose(workspace: Workspace) -> tuple[RunSpec, TrainVal, Split | None]:
    """Show the settings of a run; return them, its data and its split where that was built before."""
    name = st.selectbox("Data set", dataset_names(workspace.data), key="data", bind="query-params")
    data = read_dataset(name, workspace)
    sizes = choose_sizes(name, data, workspace)
    split = sizes if isinstance(sizes, Split) else None
    full, weak = (len(sizes.full), len(sizes.weak)) if isinstance(sizes, Split) else sizes
    recipe = st.selectbox("Recipe", list(RECIPES), key="recipe", bind="query-params", help=RECIPE_HELP)
    changes = EMBEDDED_SETTINGS if name == EMBEDDED and recipe == "quick" else {}
    start = RunSpec.of(name, full, weak, **run_settings(recipe, changes, full, weak))
    key = f"{name}_{recipe}"
    # A length that follows the split is offered anew with each split.
    follows_split = recipe in STEPS_WITHOUT_W or recipe in EPOCHS
    key_of_steps = f"steps_{key}_{start.steps}" if follows_split else f"steps_{key}"
    known = model_names()
    index = known.index(start.model)
    model = st.selectbox("Model", known, index=index, key=f"model_{key}", bind="query-params")
    left, right = st.columns(2)
    index = SIZES.index(start.image_size)
    size = left.selectbox("Image size, pixels", SIZES, index=index, key=f"size_{key}", bind="query-params")
    steps = linked_count("Steps", 1, 1_000_000, start.steps, key_of_steps, right)
    left, right = st.columns(2)
    device = left.selectbox("Device", device_names(), key="device", bind="query-params")
    seed = linked_count("Seed", 0, 10_000, 0, "seed", right)
    chosen = {"model": model, "image_size": size, "steps": steps, "device": device, "seed": seed}
    chosen |= more_settings(start, key, workspace)
    if (model, steps) == (start.model, start.steps):
        chosen["mask_steps"] = start.mask_stage.steps
    chosen["evaluate_every"] = max(min(start.evaluate_every, steps // EVALUATIONS), 1)
    return RunSpec.of(name, full, weak, **run_settings(recipe, {**changes, **chosen}, full, weak)), data, split


def explain(spec: RunSpec, data: TrainVal, runs: Iterable[RunSummary]) -> None:
    """Say what a start will do, judged by earlier runs, and what its labels would have cost."""
    images = count_images(data.train).to_draw
    seconds = expected_seconds(spec, runs)
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


def start_run(spec: RunSpec, split: Split | None, workspace: Workspace) -> None:
    """Make a run folder, put it into the queue, see to a worker, and select it."""
    from splitlab.experiments.experiment import prepare_run

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
    st.session_state[RUN] = run.name


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
        spec, data, split = choose(workspace)
        explain(spec, data, listing.now().runs.values())
        if st.button("Start training", type="primary", icon=":material/play_arrow:", width="stretch"):
            with st.spinner("Starting"):
                start_run(spec, split, workspace)
        offer_batch(spec, data.train, split)
        st.page_link("pages/data.py", label="Your own photos, or a split you build", icon=":material/photo_library:")

with live:
    names = list(listing.with_runs([st.session_state.get(RUN, ""), st.query_params.get(RUN, "")]).runs)
    if not names:
        st.info("No runs yet. Choose a split on the left and start: its curves appear here.")
    else:
        chosen = linked_selectbox("Run", names, RUN, names[0], st.container())
        watch_run(workspace, chosen)
        st.page_link("pages/runs.py", label="All runs, side by side", icon=":material/list_alt:")
