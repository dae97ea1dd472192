"""How fast runs train, judged by those before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from splitlab.errors import RunError
from splitlab.runs.run_folder import MOST, RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import RunSummary

Kind = tuple[str, int, str]
"""Model, image size and device: what decides how fast a run trains."""


def kind_of(spec: RunSpec) -> Kind:
    """Return the kind of a run."""
    return spec.model, spec.image_size, spec.device


def measured_speeds(runs: Iterable[RunSummary], kinds: Iterable[Kind]) -> dict[Kind, float]:
    """Return images a second for each kind that a run has been trained of, by the first such run."""
    wanted = set(kinds)
    speeds: dict[Kind, float] = {}
    for summary in runs:
        kind = kind_of(summary.spec)
        if kind in wanted and kind not in speeds and summary.status.step:
            windows = _windows(RunFolder(summary.path))
            if windows:
                speeds[kind] = median(windows)
    return speeds


def training_seconds(spec: RunSpec, speeds: Mapping[Kind, float], done: int = 0) -> float | None:
    """Judge the training time that is left after `done` steps, in seconds; None where no such run has been seen."""
    speed = speeds.get(kind_of(spec))
    return (spec.steps - done) * spec.batch_size / speed if speed else None


def _windows(run: RunFolder) -> list[float]:
    try:
        said = [event.get("images_per_second", 0) for event in run.events()]
        return [float(speed) for speed in said if 0 < speed < MOST]
    except RunError:
        return []  # a broken run is no ground to judge by, and no reason to stop
