"""The folder of a training run: its files, its state, its events, and whether its process is alive."""

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


def _read_event(line: str) -> _Event:
    """Read one line; what it leaves out is left out, what it says is of the right kind.

    Raises:
        TypeError, ValueError, KeyError, RecursionError: it is no event.
    """
    event: _Event = plain_json(line)
    if not isinstance(event["step"], int) or event["step"] < 0 or not isinstance(event.get("kind", ""), str):
        raise TypeError("an event without a kind or a step")
    losses = event.get("losses", {})
    if not isinstance(losses, dict):
        raise TypeError("losses that are no table of names")
    numbers = [event[name] for name in _NUMBERS if name in event] + list(losses.values())
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("a value that is no number")
    first = event.get("from_step", 1)
    if not isinstance(first, int) or not 0 < first <= max(event["step"], 1):
        raise ValueError(f"steps from {first} to {event['step']}")
    if "scores" in event:
        checked_scores(event["scores"])
    return event


_STATUS_NAME, _HEARTBEAT_NAME = "status.json", "heartbeat"
# Larger than any step, process or time; what is larger cannot be reckoned with.
MOST = 2**53


class State(StrEnum):
    """How far a run is. INTERRUPTED is never written: it is what a reader sees when a running process is gone."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Status:
    """One look at a run.

    Attributes:
        state: as written, or INTERRUPTED where the process that wrote it is gone.
        step: steps done and written down.
        steps: steps in all.
        message: one sentence for people; why it failed, where it did.
        pid: the process that wrote it.
        process_started: when that process started, as `process_start` counts; tells it from a later one with its pid.
        heartbeat: when this was written, seconds since 1970. For people and for sorting: clocks jump.
        host: where that process is; empty in files of older versions, which wrote its start in seconds since 1970.
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
            raise TypeError(f"{str(numbers)[:200]} are not all numbers from 0 up")
        if not all(isinstance(count, int) for count in (self.step, self.steps, self.pid)):
            raise TypeError("its step or process is no whole number")
        if not isinstance(self.message, str) or not isinstance(self.host, str):
            raise TypeError("its message or host is no text")

    @classmethod
    def seen(cls, content: dict[str, Any], folder: Path) -> Status:
        """Read what a run folder's status file holds; a run whose process is gone is seen as INTERRUPTED.

        Raises:
            TypeError, KeyError, ValueError: it is no status.
        """
        status = cls(**{"host": "", **content, "state": State(content["state"])})
        if status.state == State.RUNNING and not status.is_alive(folder):
            return replace(status, state=State.INTERRUPTED)
        return status

    def is_alive(self, folder: Path) -> bool:
        """Say whether the process that wrote this into a run folder still runs.

        On this host the process decides, on another one its heartbeat.
        """
        if not self.host:
            started = wall_start(self.pid)
            return started is not None and abs(started - self.process_started) < 1.0
        if self.host == host():
            return process_start(self.pid) == self.process_started
        return has_beaten((folder / _HEARTBEAT_NAME, folder / _STATUS_NAME))


class RunFolder:
    """The files of one run; see `create` and `open`.

    Files:
        spec.json: every setting; enough to do the run again.
        split.json: the ids of F and W, the hash of the labels they were drawn from, and their own hash.
        status.json: state, step, process, heartbeat.
        events.jsonl: how it started (anchors, copied weights, f_size), a line for each ten steps (losses, rate, images
            a second) and for each evaluation.
        weights/state.pt: model, moving average, optimiser, step; written at each evaluation.
        weights/state-before.pt: the one saved before it, until the run is done; taken where the last one is damaged.
        weights/state-masks.pt: the same of DETR's second stage.
        weights/model.safetensors: the moving average in half precision.
        weights/card.json: what the model is; with the weights it is the checkpoint.
        detections.json: COCO results on the validation set.
        scores.json: their AP.
        tracker/: what TensorBoard, W&B or MLflow wrote, where asked for.
        log.txt: what the training process printed, where a page or a worker started it.
        cancel: there while somebody wants the run to stop.
        notes.json: a note and tags; a sweep's name is one of them.
        heartbeat: touched every ten seconds while it trains.
        run.lock: held by the process that trains it; the system gives it back however that ends.
        claim.lock: likewise, by the worker that looks after it.
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
        """Make the folder of a new run, waiting, in one step: of two who make it at the same moment, one does.

        Raises:
            RunError: there is a run already, or the folder cannot be written; nothing is left behind.
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
            raise RunError(f"{path}: cannot be made ({error.strerror}). Choose a folder you may write to.") from error
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
                # What stands there is no run, such as half a copy of one; the spec comes last and makes it one.
                self.weights.mkdir(exist_ok=True)
                for name in (_STATUS_NAME, self.split_path.name, self.spec_path.name):
                    (draft.path / name).replace(self.path / name)

    def _refuse_taken(self) -> None:
        if self.spec_path.exists():
            raise RunError(
                f"{self.path} already holds a run. Choose another folder, or go on with: splitlab train {self.path}"
            )

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of a run that was made before.

        Raises:
            RunError: there is no run in it.
        """
        run = cls(path)
        if not run.spec_path.is_file():
            raise RunError(f"{path} holds no run (it has no spec.json). Give the folder that a training made.")
        return run

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def spec(self) -> RunSpec:
        """Read the settings.

        Raises:
            RunError: the file is broken.
        """
        try:
            return RunSpec.from_json(plain_json(self.spec_path.read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError, SettingsError) as error:
            raise RunError(f"{self.spec_path} is broken ({error}). Start the run again in a new folder.") from error

    def lock(self) -> AbstractContextManager[None]:
        """Hold the run for this process; the system gives it back when the process ends, however it ends.

        Raises:
            RunError: another process has it.
        """
        refusal = f"{self.path} is being trained by another process. Wait for it or cancel it."
        return holding(self._lock_path, refusal)

    def claim(self, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the right to start this run, for the worker that looks after it; `lock` is held by what it starts.

        Args:
            patience: seconds to wait for who has it.

        Raises:
            HeldError: a worker has it, or somebody who changes it.
            RunError: the folder cannot be written.
        """
        refusal = f"{self.path} belongs to a worker that runs. Wait for it or cancel the run."
        return holding(self._claim_path, refusal, patience)

    def is_locked(self) -> bool:
        """Say whether some process trains the run.

        Raises:
            RunError: the folder cannot be written.
        """
        return is_held(self._lock_path)

    def beating(self) -> AbstractContextManager[None]:
        """Let other machines see that this process lives, while the context lasts."""
        return beating(self.path / _HEARTBEAT_NAME)

    def status(self) -> Status:
        """Read how far the run is; a run whose process is gone reads as INTERRUPTED.

        Raises:
            RunError: the file is broken.
        """
        try:
            return Status.seen(plain_json(self._status_path.read_bytes()), self.path)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise RunError(
                f"{self._status_path} is broken ({error}). Go on with: splitlab train {self.path}"
            ) from error

    def write_status(self, state: State, step: int, steps: int, message: str = "") -> None:
        """Write how far the run is, with this process's heartbeat."""
        write_json(self._status_path, asdict(Status(state, step, steps, message)))

    def append_event(self, event: dict[str, Any]) -> None:
        """Add one line to events.jsonl; every event has a `kind` and the `step` it ends with."""
        try:
            with self._events_path.open("a") as file:
                file.write(json.dumps(event, allow_nan=False) + "\n")
        except OSError as error:
            raise RunError(f"{self._events_path}: cannot be written ({error.strerror}). Free some space.") from error

    def events(self) -> list[_Event]:
        """Read the whole lines of events.jsonl; a line cut short by a kill is left out.

        Raises:
            RunError: a whole line is no event.
        """
        if not self._events_path.exists():
            return []
        try:
            whole, _, _ = self._events_path.read_text().rpartition("\n")
            return [_read_event(line) for line in whole.splitlines()]
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise RunError(f"{self._events_path} is broken ({error}). Take the broken line out.") from error

    def forget_events_after(self, step: int) -> None:
        """Drop events of steps that a run which goes on will do again."""
        lines = [json.dumps(event) + "\n" for event in self.events() if event["step"] <= step]
        write_bytes(self._events_path, "".join(lines).encode())

    def ask_to_cancel(self) -> None:
        """Ask the training process to write its state down and stop after the step it is in."""
        try:
            self._cancel_path.touch()
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}), so the run goes on.") from error

    def cancel_is_asked(self) -> bool:
        """Say whether someone asked the run to stop."""
        return self._cancel_path.exists()

    def take_back_cancel(self) -> None:
        """Forget the wish to stop, before the run goes on."""
        try:
            self._cancel_path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}), so the run cannot go on.") from error


def evaluated_step(run: RunFolder) -> int:
    """Return the last step that was evaluated, 0 where none was: a run's state is saved with each evaluation.

    Raises:
        RunError: its events are broken.
    """
    return max((event["step"] for event in run.events() if event.get("kind") == "evaluation"), default=0)
