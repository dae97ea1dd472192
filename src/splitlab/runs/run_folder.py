"""The folder of a training run: its files, status and events, and whether its process is alive."""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from splitlab.checkpoints.scores import checked_scores
from splitlab.errors import RunError, SettingsError
from splitlab.io import (
    beating,
    has_beaten,
    holding,
    host,
    is_held,
    plain_json,
    process_start,
    swept,
    wall_start,
    write_bytes,
    write_json,
)
from splitlab.runs.spec import RunSpec

_Event = dict[str, Any]
_NUMBERS = ("learning_rate", "images_per_second", "seconds")
_STATUS_NAME, _HEARTBEAT_NAME = "status.json", "heartbeat"
MOST = 2**53  # larger than any step, process or time; floats are exact up to here


class State(StrEnum):
    """The state of a run. INTERRUPTED is never written: it is what a reader sees if the process of a run is gone."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Status:
    """The status of a run.

    Attributes:
        state: as written, or INTERRUPTED if the process that wrote it is gone.
        step: steps done and recorded.
        steps: steps in total.
        message: one sentence for users, such as why the run failed.
        pid: the process that wrote the status.
        process_started: the start of that process by `process_start`; distinguishes it from a later one with its pid.
        heartbeat: when this was written, in seconds since 1970. Only for display and sorting, because clocks jump.
        host: of that process; empty in files of older versions, which wrote its start in seconds since 1970.
    """

    state: State
    step: int
    steps: int
    message: str = ""
    pid: int = field(default_factory=os.getpid)
    process_started: float = field(default_factory=lambda: process_start(os.getpid()) or 0.0)
    heartbeat: float = field(default_factory=time.time)
    host: str = field(default_factory=host)

    def __post_init__(self) -> None:
        numbers = (self.step, self.steps, self.pid, self.process_started, self.heartbeat)
        if not all(isinstance(number, int | float) and 0 <= number < MOST for number in numbers):
            raise TypeError(f"{str(numbers)[:200]} are not all numbers of at least 0")
        if not all(isinstance(count, int) for count in (self.step, self.steps, self.pid)):
            raise TypeError("its step or process is not a whole number")
        if not isinstance(self.message, str) or not isinstance(self.host, str):
            raise TypeError("its message or host is not text")

    @classmethod
    def seen(cls, content: dict[str, Any], folder: Path) -> Status:
        """Build the status from a file's content; INTERRUPTED if the process is gone.

        Raise TypeError, KeyError or ValueError if the content is invalid.
        """
        status = cls(**{"host": "", **content, "state": State(content["state"])})
        if status.state == State.RUNNING and not status.is_alive(folder):
            return replace(status, state=State.INTERRUPTED)
        return status

    def is_alive(self, folder: Path) -> bool:
        """Return whether the process that wrote this still runs: by its pid on this host, else by its heartbeat."""
        if not self.host:
            started = wall_start(self.pid)
            return started is not None and abs(started - self.process_started) < 1.0
        if self.host == host():
            return process_start(self.pid) == self.process_started
        return has_beaten((folder / _HEARTBEAT_NAME, folder / _STATUS_NAME))


class RunFolder:
    """The files of one run; see `create` and `open`.

    Files:
        spec.json: all settings; enough to repeat the run.
        split.json: the ids of F and W, the hash of the labels they were drawn from, and their own hash.
        status.json: state, step, process, heartbeat.
        events.jsonl: the start (anchors, copied weights, f_size), and a line for every ten steps (losses, rate,
            images per second) and for each evaluation.
        weights/state.pt: model, moving average, optimizer, step; written at each evaluation.
        weights/state-before.pt: the previous state, kept until the run is done in case the last one is damaged.
        weights/state-masks.pt: the state of DETR's second stage.
        weights/model.safetensors: the moving average in half precision.
        weights/card.json: describes the model; with the weights it is the checkpoint.
        detections.json: COCO results on the validation set.
        scores.json: their AP.
        tracker/: output of TensorBoard, W&B or MLflow, if enabled.
        log.txt: output of the training process, if a page or a worker started it.
        cancel: exists while a user wants the run to stop.
        notes.json: a note and tags, such as a sweep's name.
        heartbeat: touched every ten seconds during training.
        run.lock: held by the training process; the system releases it however that ends.
        claim.lock: likewise, held by the run's worker.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec_path = path / "spec.json"
        self.split_path = path / "split.json"
        self.scores_path = path / "scores.json"
        self.detections_path = path / "detections.json"
        self.weights = path / "weights"
        self.state_path = self.weights / "state.pt"
        self.log_path = path / "log.txt"
        self.tracker_path = path / "tracker"
        self._status_path = path / _STATUS_NAME
        self._events_path = path / "events.jsonl"
        self._lock_path = path / "run.lock"
        self._claim_path = path / "claim.lock"
        self._cancel_path = path / "cancel"

    @classmethod
    def create(cls, path: Path, spec: RunSpec, split: dict[str, Any]) -> RunFolder:
        """Create the folder of a new run in one step, so that of two processes only one succeeds.

        Raise RunError if there is a run already or the folder cannot be written; nothing is left behind.
        """
        run = cls(path)
        run._refuse_taken()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=swept(".making-", path.parent), dir=path.parent) as place:
                draft = cls(Path(place) / "run")
                draft.weights.mkdir(parents=True)
                write_json(draft._status_path, asdict(Status(State.WAITING, 0, spec.steps)))
                write_json(draft.split_path, split)
                write_json(draft.spec_path, spec.to_json())
                run._take_from(draft)
        except OSError as error:
            raise RunError(f"{path}: cannot be created ({error.strerror}). Choose a writable folder.") from error
        return run

    def _take_from(self, draft: RunFolder) -> None:
        try:
            draft.path.rename(self.path)
        except OSError:
            self._refuse_taken()
            if not self.path.is_dir():
                raise
            with self.lock():
                self._refuse_taken()
                # The folder is not a run, such as half a copy of one. The spec comes last, because it makes it a run.
                self.weights.mkdir(exist_ok=True)
                for name in (_STATUS_NAME, self.split_path.name, self.spec_path.name):
                    (draft.path / name).replace(self.path / name)

    def _refuse_taken(self) -> None:
        if self.spec_path.exists():
            raise RunError(
                f"{self.path} already holds a run. Choose another folder, or resume it: splitlab train {self.path}"
            )

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of an existing run. Raise RunError if it holds none."""
        run = cls(path)
        if not run.spec_path.is_file():
            raise RunError(f"{path} holds no run (it has no spec.json). Give the folder of a training run.")
        return run

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def spec(self) -> RunSpec:
        """Read the settings. Raise RunError if the file is broken."""
        try:
            return RunSpec.from_json(plain_json(self.spec_path.read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError, SettingsError) as error:
            raise RunError(f"{self.spec_path} is broken ({error}). Start the run again in a new folder.") from error

    def lock(self) -> AbstractContextManager[None]:
        """Hold the run for this process until it ends in any way. Raise HeldError if another process holds it."""
        return holding(self._lock_path, f"{self.path} is being trained by another process. Wait for it or cancel it.")

    def claim(self, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the right to start or change this run, for a worker; the process that it starts holds `lock`.

        Raise HeldError if another process still has it after `patience` seconds, RunError if it cannot be written.
        """
        refusal = f"{self.path} belongs to a running worker. Wait for it or cancel the run."
        return holding(self._claim_path, refusal, patience)

    def is_locked(self) -> bool:
        """Return whether a process trains the run. Raise RunError if the folder cannot be written."""
        return is_held(self._lock_path)

    def beating(self) -> AbstractContextManager[None]:
        """Show other machines that this process is alive, while the context lasts."""
        return beating(self.path / _HEARTBEAT_NAME)

    def status(self) -> Status:
        """Read the status; INTERRUPTED if the process is gone. Raise RunError if the file is broken."""
        try:
            return Status.seen(plain_json(self._status_path.read_bytes()), self.path)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise RunError(f"{self._status_path} is broken ({error}). Resume: splitlab train {self.path}") from error

    def write_status(self, state: State, step: int, steps: int, message: str = "") -> None:
        """Write the status, with this process's heartbeat."""
        write_json(self._status_path, asdict(Status(state, step, steps, message)))

    def append_event(self, event: dict[str, Any]) -> None:
        """Add a line to events.jsonl; every event has a `kind` and the last `step` it covers."""
        try:
            with self._events_path.open("a") as file:
                file.write(json.dumps(event, allow_nan=False) + "\n")
        except OSError as error:
            raise RunError(f"{self._events_path}: cannot be written ({error.strerror}). Free some space.") from error

    def events(self) -> list[_Event]:
        """Read events.jsonl without a last line that a kill cut short. Raise RunError if another line is broken."""
        if not self._events_path.exists():
            return []
        try:
            whole, _, _ = self._events_path.read_text().rpartition("\n")
            return [_read_event(line) for line in whole.splitlines()]
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise RunError(f"{self._events_path} is broken ({error}). Remove the broken line.") from error

    def forget_events_after(self, step: int) -> None:
        """Drop the events of later steps, which a resumed run repeats."""
        lines = [json.dumps(event) + "\n" for event in self.events() if event["step"] <= step]
        write_bytes(self._events_path, "".join(lines).encode())

    def ask_to_cancel(self) -> None:
        """Ask the training process to save its state and stop after the current step."""
        try:
            self._cancel_path.touch()
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}), so the run continues.") from error

    def cancel_is_asked(self) -> bool:
        """Return whether the run was asked to stop."""
        return self._cancel_path.exists()

    def take_back_cancel(self) -> None:
        """Withdraw the request to stop, before the run continues."""
        try:
            self._cancel_path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}), so the run cannot continue.") from error


def evaluated_step(run: RunFolder) -> int:
    """Return the last evaluated step, at which the state was saved; 0 before the first. Raise RunError if unknown."""
    return max((event["step"] for event in run.events() if event.get("kind") == "evaluation"), default=0)


def _read_event(line: str) -> _Event:
    """Read one line and check the types of its values. Raise TypeError, ValueError, KeyError or RecursionError."""
    event: _Event = plain_json(line)
    if not isinstance(event["step"], int) or event["step"] < 0 or not isinstance(event.get("kind", ""), str):
        raise TypeError("an event has no kind or no step")
    losses = event.get("losses", {})
    if not isinstance(losses, dict):
        raise TypeError("losses are not an object")
    numbers = [event[name] for name in _NUMBERS if name in event] + list(losses.values())
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("a value is not a number")
    first = event.get("from_step", 1)
    if not isinstance(first, int) or not 0 < first <= max(event["step"], 1):
        raise ValueError(f"an event has steps from {first} to {event['step']}")
    if "scores" in event:
        checked_scores(event["scores"])
    return event
