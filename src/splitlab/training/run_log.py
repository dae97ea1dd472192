"""What the main process writes down while a run trains."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from accelerate import Accelerator

from splitlab.runs.run_folder import RunFolder, State
from splitlab.training.stages import Stage
from splitlab.training.trackers import tracked_values

WINDOW_STEPS = 10


class RunLog:
    """Events, status and tracker of a stage: an event for each ten steps, and one for each evaluation.

    Steps are those of the run: they count on through its stages.
    """

    def __init__(self, run: RunFolder, accelerator: Accelerator, stage: Stage, step: int) -> None:
        self._run = run
        self._accelerator = accelerator
        self._steps = run.spec().steps
        # Runs of one stage keep the events that they always had.
        self._stage = {"stage": stage.name} if stage.name else {}
        self._window = _Window(step)

    def add(self, losses: dict[str, float], images: int) -> None:
        """Count one step: its losses per image, and its images in all processes."""
        self._window.add(losses, images)

    def is_full(self) -> bool:
        """Say whether ten steps wait to be written."""
        return self._window.steps == WINDOW_STEPS

    def write_steps(self, step: int, rate: float) -> None:
        """Write the steps since the last event down."""
        self._write(self._window.event(step, rate))
        self._run.write_status(State.RUNNING, step, self._steps)
        self._window = _Window(step)

    def write_evaluation(self, step: int, scores: dict[str, Any]) -> None:
        """Write an evaluation down; its time counts for no window."""
        self._write({"kind": "evaluation", "step": step, "scores": scores})
        self._window = _Window(step)

    def _write(self, event: dict[str, Any]) -> None:
        event |= self._stage
        self._run.append_event(event)
        self._accelerator.log(tracked_values(event), step=event["step"])


class _Window:
    """Sums up the steps between two events."""

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
