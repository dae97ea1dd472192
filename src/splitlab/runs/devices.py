"""The devices of this machine, and estimates of training time from earlier runs."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from splitlab.errors import RunError, SettingsError
from splitlab.runs.run_folder import MOST, RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import RunSummary

_NAMES = re.compile(r"(cpu|mps|cuda)(?::(\d{1,3}))?", re.ASCII)
_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Device:
    """One device of this machine: its kind (cpu, cuda or mps) and its index among the GPUs visible to this process."""

    kind: str
    index: int = 0

    @classmethod
    def named(cls, name: str) -> Device:
        """Read a name such as cpu, cuda or cuda:1. Raise SettingsError if it is not one."""
        match = _NAMES.fullmatch(name)
        if match is None or (match[1] != "cuda" and match[2]):
            raise SettingsError(f"device is '{name}'; choose one of cpu, mps, cuda:0, cuda:1 and so on.")
        return cls(match[1], int(match[2] or 0))

    @property
    def name(self) -> str:
        """The name on the command line."""
        return f"{self.kind}:{self.index}" if self.kind == "cuda" else self.kind

    def environment(self) -> dict[str, str]:
        """Return the variables that show a process only this GPU. Raise SettingsError if the index is too high."""
        return {_VISIBLE: self._gpu()} if self.kind == "cuda" else {}

    @property
    def label(self) -> str:
        """A name that is unique among machines and fit for a file name."""
        return f"{host_label()}-{self.kind}" + (f"-{_plain(self._gpu())}" if self.kind == "cuda" else "")

    def _gpu(self) -> str:
        visible = os.environ.get(_VISIBLE)
        if not visible:
            return str(self.index)
        gpus = [gpu.strip() for gpu in visible.split(",")]
        if self.index >= len(gpus):
            raise SettingsError(f"device is {self.name}, but {_VISIBLE} is {visible}: choose a lower number.")
        return gpus[self.index]


def host_label() -> str:
    """Return this machine's name, fit for a file name."""
    return _plain(platform.node()) or "machine"


def _plain(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text)


_Kind = tuple[str, int, str]
"""Model, image size and device, which determine how fast a run trains."""


def kind_of(spec: RunSpec) -> _Kind:
    """Return a run's model, image size and device."""
    return spec.model, spec.image_size, spec.device


def measured_speeds(runs: Iterable[RunSummary], kinds: Iterable[_Kind]) -> dict[_Kind, float]:
    """Return images per second for each kind of run, from the first run of that kind."""
    wanted = set(kinds)
    speeds: dict[_Kind, float] = {}
    for summary in runs:
        kind = kind_of(summary.spec)
        if kind in wanted and kind not in speeds and summary.status.step:
            windows = _windows(RunFolder(summary.path))
            if windows:
                speeds[kind] = median(windows)
    return speeds


def training_seconds(spec: RunSpec, speeds: Mapping[_Kind, float], done: int = 0) -> float | None:
    """Estimate the training time left after `done` steps, in seconds; None without an earlier run of this kind."""
    speed = speeds.get(kind_of(spec))
    return (spec.steps - done) * spec.batch_size / speed if speed else None


def _windows(run: RunFolder) -> list[float]:
    try:
        speeds = [event.get("images_per_second", 0) for event in run.events()]
        return [float(speed) for speed in speeds if 0 < speed < MOST]
    except RunError:
        return []  # a broken run gives no estimate, but is no reason to stop
