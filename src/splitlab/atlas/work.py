"""Train the open runs of a grid, measure each on the atlas's test part, and take over rows from other machines."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from splitlab.atlas.measure import code_version, measure_checkpoint, measured_row
from splitlab.atlas.plans import AtlasRun, OpenedAtlas, known_names, not_measured, tables_of
from splitlab.atlas.records import record_of_row, record_path, write_record
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
    """What `take_back` took over: new rows by atlas or experiment, and the names of the updated run folders."""

    rows: dict[str, int]
    runs: tuple[str, ...]


def take_back(came: Path, workspace: Workspace) -> Taken:
    """Take over the results of `scripts/train_on_gpu.sh run`; doing it twice changes nothing.

    Args:
        came: Folder with `measured/` and `runs/`.
        workspace: Destination of tables and runs.

    Raises:
        SplitLabError: If it is not such a folder, a table in it is invalid, or the workspace cannot be written.
    """
    if not (came / "measured").is_dir():
        raise SettingsError(f"{came} has no measured/. Give the folder that scripts/train_on_gpu.sh run wrote.")
    rows = {name: _take_rows(came, name, workspace.measured) for name in known_names(workspace.measured)}
    folders = sorted(path for path in (came / "runs").glob("*") if (path / "spec.json").is_file())
    return Taken(rows, tuple(folder.name for folder in folders if _take_run(folder, workspace.runs / folder.name)))


def _take_rows(came: Path, name: str, measured: Path) -> int:
    """Take over the rows of an atlas or experiment with their records; return how many runs are new."""
    new = 0
    for ours in tables_of(name, measured):
        theirs = came / "measured" / ours.relative_to(measured)
        known = {row.key for row in read_rows(ours)}
        rows = tuple(row for row in read_rows(theirs) if row.key not in known)
        for row in rows:
            record = record_of_row(theirs, row)
            if record is not None:
                write_record(record_path(ours, row), record)
        new = add_rows(ours, rows)
    return new


def _take_run(folder: Path, ours: Path) -> bool:
    """Replace our run folder if the other one is further; return whether it was replaced."""
    linked = next((path for path in (folder, *folder.rglob("*")) if path.is_symlink()), None)
    if linked is not None:
        raise RunError(f"{linked} is a link. Copy run folders without links.")
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
    return False  # it is being trained on this machine


def _progress(folder: Path) -> tuple[bool, int]:
    """Return whether a run is done and its last saved step; -1 if it is missing or broken.

    A cancelled run is saved at the step in its status, a killed one at its last evaluation.
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
    """When to stop; the current run is saved and continues with the next call."""

    seconds: float = float("inf")
    start: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self.start >= self.seconds

    def watched(self, folder: RunFolder, progress: Progress) -> Progress:
        """Return a progress that also asks a run to stop once the time is over."""

        def report(what: str, done: int, total: int) -> None:
            if what == "train" and self.is_over:
                folder.ask_to_cancel()
            progress(what, done, total)

        return report


@dataclass
class Outcome:
    """What a call of `work_through` did: the runs it measured, error messages by run, and whether it was stopped."""

    measured: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: bool = False


@dataclass(frozen=True)
class AtlasWork:
    """One process that works on an atlas; several may do so in parallel.

    Attributes:
        opened: The atlas with its data.
        workspace: Where datasets and runs are.
        deadline: When to stop.
        progress, tell: Called with the progress of the current run, and with a line of text for each run.
        version: Version of the code, read at the start because the files may change meanwhile.
    """

    opened: OpenedAtlas
    workspace: Workspace
    deadline: Deadline = field(default_factory=Deadline)
    progress: Progress = no_progress
    tell: Tell = tell_nobody
    version: str = field(default_factory=code_version)

    def work_through(self) -> Outcome:
        """Train and measure run after run until none is left, it is stopped, or the time is over.

        A failed run does not stop the others. Runs that another process trains are skipped and checked again at the
        end. Ctrl-C and SIGTERM save the current run.

        Raises:
            SplitLabError: If the table cannot be read.
            KeyboardInterrupt: If Ctrl-C came while no run was being trained.
        """
        outcome = Outcome()
        while not outcome.stopped and (left := self._left(outcome)):
            outcome.stopped = self.deadline.is_over
            if not outcome.stopped and not any(self._take(run, outcome) for run in left):
                time.sleep(_LOOK_SECONDS)  # other processes train all remaining runs
        return outcome

    def _left(self, outcome: Outcome) -> list[AtlasRun]:
        rows = read_rows(self.opened.atlas.table)
        return [run for run in not_measured(self.opened.asked(rows), rows) if run.path.name not in outcome.failed]

    def _take(self, run: AtlasRun, outcome: Outcome) -> bool:
        """Train and measure a run unless another process does; return whether it was taken."""
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
            # A run from another machine may have another data path or device.
            write_json(folder.spec_path, run.spec.to_json())
        self.tell(f"{folder.name}: starts")
        state = carry_out(folder, self.workspace.data, self.deadline.watched(folder, self.progress), self.tell)
        if state != State.DONE:
            outcome.stopped = True
            self.tell(f"{folder.name}: saved at step {folder.status().step} of {run.spec.steps}")
            return
        # Before the row is written: after that, a killed process would leave the state behind.
        forget_training(folder)
        self._measure(run, folder)
        outcome.measured.append(folder.name)
        # A run that is cancelled in its last step or evaluation still finishes.
        outcome.stopped = folder.cancel_is_asked()

    def _measure(self, run: AtlasRun, folder: RunFolder) -> None:
        dataset, train_images = self.opened.atlas.dataset, self.opened.train_images
        for part in self.opened.scored(run):
            reached = measure_checkpoint(folder.weights, part.images, self.progress)
            row = measured_row(folder, reached.columns, dataset, train_images, part.hashes, self.version)
            # Before the row, which says that the run is done.
            write_record(record_path(part.table, row), reached.record)
            add_rows(part.table, (row,))
        self.tell(f"{folder.name}: AP50 {row.ap50:.1f}, AP70 {row.ap70:.1f}, {row.train_seconds:.0f} s")

    def _folder(self, run: AtlasRun) -> RunFolder:
        """Return the run's folder; create it if it is missing."""
        folder = RunFolder(run.path)
        if not folder.spec_path.exists():
            parts = self.opened.parts_of(run.spec)
            try:
                prepare_run_on(run.path, run.spec, TrainVal(parts.train, parts.val), draw(run.spec, parts.train))
            except RunError:
                # Another process may have created it in the meantime.
                if not folder.spec_path.exists():
                    raise
        with suppress(RunError):
            add_tag(folder.path, run.tag)
        return folder


def forget_training(folder: RunFolder) -> None:
    """Delete the training state of a finished run; its checkpoint stays."""
    try:
        for path in folder.weights.glob(f"{folder.state_path.stem}*{folder.state_path.suffix}"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{folder.weights}: cannot be written ({error.strerror}).") from error
