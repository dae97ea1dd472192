"""Work through the open runs of a grid, and take over rows that were measured elsewhere."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from splitlab.atlas.measure import code_version, measure_checkpoint, measured_row
from splitlab.atlas.plans import AtlasRun, OpenedAtlas, atlas_names, not_measured
from splitlab.atlas.rows import add_rows, read_rows
from splitlab.data.dataset import TrainVal
from splitlab.errors import RunError, SettingsError, SplitLabError
from splitlab.io import HeldError, Progress, no_progress, write_json
from splitlab.runs.notes import add_tag
from splitlab.runs.run_folder import RunFolder, State, evaluated_step
from splitlab.sweeps.sweep import draw
from splitlab.training.experiment import Tell, carry_out, prepare_run_on, tell_nobody
from splitlab.workspace import Workspace


@dataclass(frozen=True)
class Taken:
    """What was taken: new rows by atlas, and the names of run folders that are further than ours were."""

    rows: dict[str, int]
    runs: tuple[str, ...]


def take_back(came: Path, workspace: Workspace) -> Taken:
    """Take in what `scripts/train_on_gpu.sh run` left in a folder; twice is once.

    Args:
        came: the folder, with `measured/` and `runs/`.
        workspace: where tables and runs go.

    Raises:
        SplitLabError: it is no such folder, a table in it is broken, or ours cannot be written.
    """
    if not (came / "measured").is_dir():
        raise SettingsError(f"{came} holds no measured/. Give the folder that scripts/train_on_gpu.sh run wrote.")
    rows = {
        name: add_rows(workspace.measured / f"{name}.csv", read_rows(came / "measured" / f"{name}.csv"))
        for name in atlas_names(workspace.measured)
    }
    folders = sorted(path for path in (came / "runs").glob("atlas-*") if (path / "spec.json").is_file())
    return Taken(rows, tuple(folder.name for folder in folders if _take_run(folder, workspace.runs / folder.name)))


def _take_run(folder: Path, ours: Path) -> bool:
    """Copy a run folder in place of ours where it is further; say whether it was."""
    linked = next((path for path in (folder, *folder.rglob("*")) if path.is_symlink()), None)
    if linked is not None:
        raise RunError(f"{linked} is a link. Bring run folders back as they are, without links.")
    if _progress(folder) <= _progress(ours):
        return False
    ours.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".taking-", dir=ours.parent) as place:
        draft = Path(place) / "new"
        shutil.copytree(folder, draft, ignore=shutil.ignore_patterns("*.lock", "cancel"))
        return _put(draft, ours, Path(place) / "old")


def _put(draft: Path, ours: Path, old: Path) -> bool:
    if not ours.exists():
        draft.rename(ours)
        return True
    with suppress(HeldError), RunFolder(ours).claim(), RunFolder(ours).lock():
        ours.rename(old)
        draft.rename(ours)
        return True
    return False  # it is being trained here


def _progress(folder: Path) -> tuple[bool, int]:
    """Say to which step a run was saved; one that is not there or broken is at none.

    A polite stop saves the step that its status says. A kill leaves the state of the last evaluation.
    """
    run = RunFolder(folder)
    try:
        status = run.status()
        if status.state in (State.DONE, State.CANCELLED):
            return status.state == State.DONE, status.step
        return False, evaluated_step(run)
    except RunError:
        return False, -1


_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Deadline:
    """When to stop; the run at hand is saved and goes on with the next call."""

    seconds: float = float("inf")
    start: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self.start >= self.seconds


@dataclass
class Outcome:
    """What a call of `work_through` did.

    Attributes:
        measured: names of the runs whose rows it wrote.
        failed: reasons by the names of the runs that could not be trained or measured.
        stopped: whether it was asked to stop, or its time was over, before all was done.
    """

    measured: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: bool = False


@dataclass(frozen=True)
class AtlasWork:
    """One process that works an atlas off; several may do so side by side.

    Attributes:
        opened: the atlas with its data.
        workspace: where data sets and runs are.
        deadline: when to stop.
        progress: told how far the run at hand is.
        tell: takes a line for each run.
        version: of the code that trains; asked for at the start, for the files may have changed by the end.
    """

    opened: OpenedAtlas
    workspace: Workspace
    deadline: Deadline = field(default_factory=Deadline)
    progress: Progress = no_progress
    tell: Tell = tell_nobody
    version: str = field(default_factory=code_version)

    def work_through(self) -> Outcome:
        """Train and measure run after run until none is left, it is stopped, or the time is over.

        A run that fails does not stop the others. One that another process trains is left to it, and looked for again
        once nothing else is left. Ctrl-C and a polite kill save the run at hand.

        Raises:
            SplitLabError: the table cannot be read.
            KeyboardInterrupt: Ctrl-C came while no run was being trained.
        """
        outcome = Outcome()
        while not outcome.stopped and (left := self._left(outcome)):
            outcome.stopped = self.deadline.is_over
            if not outcome.stopped and not any(self._take(run, outcome) for run in left):
                time.sleep(_LOOK_SECONDS)  # others train all that is left
        return outcome

    def _left(self, outcome: Outcome) -> list[AtlasRun]:
        rows = read_rows(self.opened.atlas.table)
        return [run for run in not_measured(self.opened.asked(rows), rows) if run.path.name not in outcome.failed]

    def _take(self, run: AtlasRun, outcome: Outcome) -> bool:
        """Train and measure a run unless another process does; say whether it was taken."""
        try:
            with suppress(HeldError):
                folder = self._folder(run)
                with folder.claim():
                    self._carry_out(run, folder, outcome)
                    return True
        except SplitLabError as error:
            outcome.failed[run.path.name] = str(error)
            self.tell(f"{run.path.name}: failed. {error}")
            return True
        return False

    def _carry_out(self, run: AtlasRun, folder: RunFolder, outcome: Outcome) -> None:
        if not not_measured([run], read_rows(self.opened.atlas.table)):
            return  # another process measured it a moment ago
        if folder.spec() != run.spec:
            # The same run, taken over from another machine: its data lie elsewhere, or it has another device.
            write_json(folder.spec_path, run.spec.to_json())
        self.tell(f"{folder.name}: starts")
        state = carry_out(folder, self.workspace.data, partial(self._watch, folder), self.tell)
        if state != State.DONE:
            outcome.stopped = True
            self.tell(f"{folder.name}: saved at step {folder.status().step} of {run.spec.steps}")
            return
        # Before the row, so that no kill leaves it behind: a run that is done needs it no more.
        _forget_training(folder)
        self._measure(run, folder)
        outcome.measured.append(folder.name)
        # In its last step and its last evaluation a run has nothing to save: it ends, and then the work does.
        outcome.stopped = folder.cancel_is_asked()

    def _measure(self, run: AtlasRun, folder: RunFolder) -> None:
        parts, atlas = self.opened.parts, self.opened.atlas
        reached = measure_checkpoint(folder.weights, parts.test, self.progress)
        row = measured_row(folder, reached, atlas.name, len(parts.train.images), run.hashes, self.version)
        add_rows(atlas.table, (row,))
        self.tell(f"{folder.name}: AP50 {row.ap50:.1f}, AP70 {row.ap70:.1f}, {row.train_seconds:.0f} s")

    def _watch(self, folder: RunFolder, what: str, done: int, total: int) -> None:
        if what == "train" and self.deadline.is_over:
            folder.ask_to_cancel()
        self.progress(what, done, total)

    def _folder(self, run: AtlasRun) -> RunFolder:
        """Return the run's folder, made where it is missing."""
        folder = RunFolder(run.path)
        if not folder.spec_path.exists():
            train = self.opened.parts.train
            try:
                prepare_run_on(run.path, run.spec, TrainVal(train, self.opened.parts.val), draw(run.spec, train))
            except RunError:
                # Another process may have made it in this moment.
                if not folder.spec_path.exists():
                    raise
        with suppress(RunError):
            add_tag(folder.path, run.tag)
        return folder


def _forget_training(folder: RunFolder) -> None:
    """Delete what a finished run needs only to go on; its checkpoint stays.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        for path in folder.weights.glob(f"{folder.state_path.stem}*{folder.state_path.suffix}"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{folder.weights}: cannot be written ({error.strerror}).") from error
