"""A run seen in TensorBoard, Weights & Biases or MLflow too, through accelerate; off unless asked for."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from accelerate import Accelerator

from splitlab.errors import RunError, SettingsError
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.scores import METRICS
from splitlab.runs.spec import RunSpec

Event = dict[str, Any]


def check_tracker(tracker: str) -> None:
    """Raise SettingsError where the tracker's package is not installed: accelerate would pass over it in silence."""
    if tracker and find_spec(tracker) is None:
        raise SettingsError(f"tracker '{tracker}' is not installed. Install it with: pip install {tracker}")


def start_tracker(accelerator: Accelerator, spec: RunSpec, run: RunFolder) -> None:
    """Open the run's tracker, where it has one, with the run's settings; its files lie in the run folder.

    Raises:
        RunError: the tracker refuses, such as for want of a login.
    """
    if not spec.tracker:
        return
    if spec.tracker == "mlflow":
        run.tracker_path.mkdir(exist_ok=True)
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{run.tracker_path.absolute()}/mlflow.db")
    own = {
        "wandb": {"name": run.name, "dir": str(run.path)},
        "mlflow": {"run_name": run.name, "logging_dir": str(run.tracker_path.absolute())},
    }
    options = {name: value for name, value in own.items() if name == spec.tracker}
    try:
        accelerator.init_trackers("splitlab", config=spec.to_json(), init_kwargs=options)
    except Exception as error:  # each tracker has errors of its own
        raise RunError(
            f"{spec.tracker} cannot be started ({error}). Set it up, or start a new run without --tracker."
        ) from error


def tracked_values(event: Event) -> dict[str, float]:
    """Return what a tracker shows of an event of `events.jsonl`, by name; AP is 0..100."""
    if event["kind"] == "evaluation":
        return {
            f"{kind}/{metric}": value
            for kind in ("mask", "box")
            for metric, value in event["scores"][kind].items()
            if metric in METRICS and value is not None
        }
    losses = {f"loss/{name}": value for name, value in event["losses"].items()}
    return {**losses, "learning_rate": event["learning_rate"], "images_per_second": event["images_per_second"]}
