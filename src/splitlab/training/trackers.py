"""A run seen in TensorBoard, Weights & Biases or MLflow too, through accelerate; off unless asked for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from splitlab.errors import SettingsError
from splitlab.runs.spec import RunSpec

Event = dict[str, Any]


def check_tracker(tracker: str) -> None:
    """Raise SettingsError where the tracker's package is not installed: accelerate would pass over it in silence."""
    if tracker and find_spec(tracker) is None:
        raise SettingsError(f"tracker '{tracker}' is not installed. Install it with: pip install {tracker}")


def start_tracker(accelerator: Accelerator, spec: RunSpec, run_path: Path) -> None:
    """Open the run's tracker, where it has one, with the run's settings; its files lie in the run folder."""
    if spec.tracker:
        own = {"wandb": {"name": run_path.name, "dir": str(run_path)}, "mlflow": {"run_name": run_path.name}}
        options = {name: value for name, value in own.items() if name == spec.tracker}
        accelerator.init_trackers("splitlab", config=spec.to_json(), init_kwargs=options)


def tracked_values(event: Event) -> dict[str, float]:
    """Return what a tracker shows of an event of `events.jsonl`, by name; AP is 0..100."""
    if event["kind"] == "evaluation":
        return {
            f"{kind}/{metric}": value
            for kind in ("mask", "box")
            for metric, value in event["scores"][kind].items()
            if isinstance(value, int | float)
        }
    losses = {f"loss/{name}": value for name, value in event["losses"].items()}
    return {**losses, "learning_rate": event["learning_rate"], "images_per_second": event["images_per_second"]}
