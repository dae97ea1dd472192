"""What a training can be started with on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from splitlab.families import LITE0, MODELS
from splitlab.runs.checkpoint import Card
from splitlab.runs.settings import AUTO
from splitlab.runs.spec import RunSpec
from splitlab.runs.speed import kind_of, measured_speeds, training_seconds
from splitlab.runs.store import RunSummary, trained_models
from splitlab.ui.linked_controls import linked_count
from splitlab.workspace import Workspace

NOTHING = "nothing: a Lite0 backbone has ImageNet weights, all else is random"
RECIPE_HELP = (
    "quick learns in minutes on a CPU; the paper's take a GPU some hours. A recipe sets all that stands below."
)
F_SIZE_HELP = "Mask images in a mixed batch; auto lets a run pass over F at least 75 times, as the paper's runs do."
ANCHORS_HELP = "auto fits them to the boxes where the paper's own serve badly. For YOLOv5 alone."
START_HELP = (
    "Copies every tensor that fits from a checkpoint, such as an imported one; of classes that both know by name also "
    "what answers for them."
)


@st.cache_resource(show_spinner="Looking for devices")
def device_names() -> list[str]:
    """List this machine's devices, the fastest first."""
    from splitlab.training.precision import available_devices

    return available_devices()


def model_names() -> list[str]:
    """List the models, the one that learns photos quickly first."""
    return [LITE0, *(name for name in MODELS if name != LITE0)]


def more_settings(start: RunSpec, key: str, workspace: Workspace) -> dict[str, Any]:
    """Show the settings that few need, folded away; return those of them by name."""
    with st.expander("More settings"):
        left, right = st.columns(2)
        batch_size = linked_count("Batch size", 1, 256, start.batch_size, f"batch_{key}", left)
        sizes = [AUTO, *range(1, batch_size)] if batch_size > 1 else [1]
        index = sizes.index(start.f_size) if start.f_size in sizes else 0
        f_size_key = f"f_size_{key}_{batch_size}"
        f_size = right.selectbox("f_size", sizes, index=index, key=f_size_key, bind="query-params", help=F_SIZE_HELP)
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
            help=ANCHORS_HELP,
        )
        models = _models_to_start_from(workspace)
        begin = st.selectbox("Start from", [NOTHING, *models], key=f"start_{key}", bind="query-params", help=START_HELP)
    start_from = "" if begin == NOTHING else str(models[begin][0])
    return {
        "batch_size": batch_size,
        "f_size": f_size,
        "learning_rate": rate,
        "anchors": anchors,
        "start_from": start_from,
    }


def expected_seconds(spec: RunSpec, runs: Iterable[RunSummary]) -> float | None:
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
