"""What a training can be started with on this machine."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import streamlit as st

from splitlab.errors import RunError
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs


@st.cache_resource(show_spinner="Looking for devices")
def device_names() -> list[str]:
    """List this machine's devices, the fastest first."""
    from splitlab.training.precision import available_devices

    return available_devices()


@st.cache_resource(show_spinner=False)
def model_names() -> list[str]:
    """List the models, the one that learns photos quickly first."""
    from splitlab.models.registry import LITE0, MODELS

    return [LITE0, *(name for name in MODELS if name != LITE0)]


def expected_seconds(spec: RunSpec, runs: Path) -> float | None:
    """Judge the training time in seconds by the last run with this model, size and device; None where there is none."""
    for summary in list_runs(runs):
        same = (summary.spec.model, summary.spec.image_size, summary.spec.device)
        if same == (spec.model, spec.image_size, spec.device):
            windows = _windows(RunFolder.open(summary.path))
            if windows:
                speed = median(float(event["images_per_second"]) for event in windows)
                return spec.steps * spec.batch_size / speed
    return None


def _windows(run: RunFolder) -> list[dict[str, Any]]:
    try:
        return [event for event in run.events() if event["kind"] == "train"]
    except RunError:
        return []  # a broken run is no ground to judge by, and no reason to show no page
