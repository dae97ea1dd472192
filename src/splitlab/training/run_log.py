"""The log of a training run, and trackers that receive it."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from importlib.util import find_spec
from typing import Any

from accelerate import Accelerator

from splitlab.checkpoints.scores import METRICS
from splitlab.errors import RunError, SettingsError
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import Stage

_Event = dict[str, Any]
_WINDOW_STEPS = 10


def check_tracker(tracker: str) -> None:
    """Raise SettingsError if the tracker's package is not installed; accelerate would silently skip it."""
    if tracker and find_spec(tracker) is None:
        raise SettingsError(f"tracker '{tracker}' is not installed. Install it with: pip install {tracker}")


def start_tracker(accelerator: Accelerator, spec: RunSpec, run: RunFolder) -> None:
    """Open the run's tracker, if any, with the run's settings; its files are in the run folder."""
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
    except Exception as error:  # each tracker has its own errors
        raise RunError(
            f"{spec.tracker} cannot be started ({error}). Configure it, or start a new run without --tracker."
        ) from error


def _tracked_values(event: _Event) -> dict[str, float]:
    """Return the values that a tracker gets from an event of `events.jsonl`, by name; AP is 0..100."""
    if event["kind"] == "evaluation":
        return {
            f"{kind}/{metric}": value
            for kind in ("mask", "box")
            for metric, value in event["scores"][kind].items()
            if metric in METRICS and value is not None
        }
    losses = {f"loss/{name}": value for name, value in event["losses"].items()}
    return {**losses, "learning_rate": event["learning_rate"], "images_per_second": event["images_per_second"]}


class RunLog:
    """Writes a stage's events (one per ten steps, one per evaluation), the run's status and the tracker.

    Steps count through all stages of the run.
    """

    def __init__(self, run: RunFolder, accelerator: Accelerator, stage: Stage, step: int) -> None:
        self._run = run
        self._accelerator = accelerator
        self._steps = run.spec().steps
        # Events of runs with a single stage have no stage, as in older versions.
        self._stage = {"stage": stage.name} if stage.name else {}
        self._window = _Window(step)

    def add(self, losses: dict[str, float], images: int) -> None:
        """Add one step: its losses per image, and its number of images in all processes."""
        self._window.add(losses, images)

    def is_full(self) -> bool:
        """Return whether ten steps are ready to be written."""
        return self._window.steps == _WINDOW_STEPS

    def write_steps(self, step: int, rate: float) -> None:
        """Write the steps since the last event."""
        self._write(self._window.event(step, rate))
        self._run.write_status(State.RUNNING, step, self._steps)
        self._window = _Window(step)

    def write_evaluation(self, step: int, scores: dict[str, Any]) -> None:
        """Write an evaluation; its time is excluded from the speed."""
        self._write({"kind": "evaluation", "step": step, "scores": scores})
        self._window = _Window(step)

    def _write(self, event: dict[str, Any]) -> None:
        event |= self._stage
        self._run.append_event(event)
        self._accelerator.log(_tracked_values(event), step=event["step"])


class _Window:
    """Sums over the steps between two events."""

    def __init__(self, step: int) -> None:
        self._first = step + 1
        self._sums: dict[str, float] = defaultdict(float)
        self._images = 0
        self._start = time.monotonic()
        self.steps = 0

    def add(self, losses: dict[str, float], images: int) -> None:
        for name, loss in losses.items():
            self._sums[name] += loss
        self._images += images
        self.steps += 1

    def event(self, step: int, rate: float) -> dict[str, Any]:
        seconds = max(time.monotonic() - self._start, 1e-9)
        return {
            "kind": "train",
            "from_step": self._first,
            "step": step,
            "losses": {name: total / self.steps for name, total in self._sums.items()},
            "learning_rate": rate,
            "images_per_second": self._images / seconds,
            "seconds": seconds,
        }
