"""Train the open runs of a grid, measure each on the atlas's test part, and take over rows from other machines."""

from __future__ import annotations

import math
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

import splitlab
from splitlab.atlas.plans import AtlasRun, OpenedAtlas, atlas_names, not_measured
from splitlab.atlas.rows import MeasuredRow, add_rows, read_rows
from splitlab.atlas.tables import settings_of
from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.errors import RunError, SettingsError, SplitLabError
from splitlab.evaluation.comparison import MIN_SCORE
from splitlab.evaluation.matches import overlaps_of_dataset
from splitlab.evaluation.predict import evaluate_model
from splitlab.evaluation.scores import Estimate, class_confusion_rate, mean_mask_iou, scores_of_objects
from splitlab.io import HeldError, Progress, no_progress, write_json
from splitlab.models.registry import load_model
from splitlab.runs.notes import add_tag
from splitlab.runs.run_folder import RunFolder, State, evaluated_step
from splitlab.sweeps.sweep import draw
from splitlab.training.experiment import Tell, carry_out, prepare_run_on, tell_nobody
from splitlab.workspace import Workspace

_CODE_VERSION = "SPLITLAB_CODE_VERSION"
"""Environment variable with the version of code that was copied without its repository."""

_PACKAGE = Path(splitlab.__file__).parent


def code_version() -> str:
    """Return the commit, with a plus for uncommitted changes, or the version if there is no repository."""
    # A package installed inside another project's folder is not tracked by that project's repository.
    commit = _git("ls-files", "--error-unmatch", str(_PACKAGE / "__init__.py")) and _git(
        "rev-parse", "--short=10", "HEAD"
    )
    if not commit:
        return os.environ.get(_CODE_VERSION) or splitlab.__version__
    changed = _git("status", "--porcelain", "--", f"{_PACKAGE}/*.py")
    return commit + ("+" if changed else "")


def _machine_name(device: str) -> str:
    """Return the name of the accelerator, or of the processor."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return _processor() or platform.machine() or "unknown processor"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(*words: str) -> str:
    """Run git on the package's folder; empty without git or a repository that contains it."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, "-C", str(_PACKAGE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def measure_checkpoint(weights: Path, test: Dataset, progress: Progress = no_progress) -> dict[str, Any]:
    """Measure a checkpoint on a test part and return the measured columns of `MeasuredRow`."""
    model, card = load_model(weights)
    total = len(test.images)
    scores, detections = evaluate_model(model, test, card.image_size, lambda done: progress("test", done, total))
    overlaps = [image.above(MIN_SCORE) for image in overlaps_of_dataset(test, detections)]
    objects = scores_of_objects(test, detections, overlaps)
    confusion, mask_iou = class_confusion_rate(objects), mean_mask_iou(objects)
    return {
        **{name: _known(scores["mask"][name]) for name in ("ap50", "ap70", "ap75", "ap50_95")},
        "box_ap50": _known(scores["box"]["ap50"]),
        **_interval("class_confusion", confusion),
        "localised": confusion.objects,
        **_interval("mask_iou", mask_iou),
        "found": mask_iou.objects,
        "objects": len(objects),
        "test_images": total,
    }


def measured_row(
    run: RunFolder, reached: dict[str, Any], name: str, train_images: int, hashes: Mapping[str, Any], version: str
) -> MeasuredRow:
    """Combine measured values with a description of the run.

    Args:
        run: A finished run, on the machine that trained it.
        reached: Result of `measure_checkpoint`.
        name: Name of the dataset.
        train_images: Number of images that its split was drawn from.
        hashes: `spec_hash`, `data_hash` and `test_hash`.
        version: Version of the code that trained it.
    """
    spec, card = run.spec(), read_card(run.weights)
    return MeasuredRow(
        dataset=name,
        full=spec.data.full,
        weak=spec.data.weak,
        seed=spec.seed,
        model=spec.model,
        settings=settings_of(card),
        **reached,
        train_images=train_images,
        **hashes,
        code_version=version,
        machine=_machine_name(spec.device),
        cores=torch.get_num_threads(),
        precision=str(card.trained_by.get("precision", "unknown")),
        train_seconds=round(_training_seconds(run), 1),
        date=datetime.now(UTC).date().isoformat(),
    )


def _training_seconds(run: RunFolder) -> float:
    """Return the time of all training steps of a run, over all processes, without evaluations."""
    return math.fsum(event.get("seconds", 0.0) for event in run.events() if event.get("kind") == "train")


def _known(score: float | None) -> float:
    return math.nan if score is None else score


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {column: math.nan if value is None else round(value, 4) for column, value in ends.items()}


@dataclass(frozen=True)
class Taken:
    """What `take_back` took over: new rows by atlas, and the names of the updated run folders."""

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
    rows = {
        name: add_rows(workspace.measured / f"{name}.csv", read_rows(came / "measured" / f"{name}.csv"))
        for name in atlas_names(workspace.measured)
    }
    folders = sorted(path for path in (came / "runs").glob("atlas-*") if (path / "spec.json").is_file())
    return Taken(rows, tuple(folder.name for folder in folders if _take_run(folder, workspace.runs / folder.name)))


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
        state = carry_out(folder, self.workspace.data, partial(self._watch, folder), self.tell)
        if state != State.DONE:
            outcome.stopped = True
            self.tell(f"{folder.name}: saved at step {folder.status().step} of {run.spec.steps}")
            return
        # Before the row is written: after that, a killed process would leave the state behind.
        _forget_training(folder)
        self._measure(run, folder)
        outcome.measured.append(folder.name)
        # A run that is cancelled in its last step or evaluation still finishes.
        outcome.stopped = folder.cancel_is_asked()

    def _measure(self, run: AtlasRun, folder: RunFolder) -> None:
        dataset, train_images = self.opened.atlas.dataset, len(self.opened.parts.train.images)
        for part in self.opened.scored(run):
            reached = measure_checkpoint(folder.weights, part.images, self.progress)
            row = measured_row(folder, reached, dataset, train_images, part.hashes, self.version)
            add_rows(part.table, (row,))
        self.tell(f"{folder.name}: AP50 {row.ap50:.1f}, AP70 {row.ap70:.1f}, {row.train_seconds:.0f} s")

    def _watch(self, folder: RunFolder, what: str, done: int, total: int) -> None:
        if what == "train" and self.deadline.is_over:
            folder.ask_to_cancel()
        self.progress(what, done, total)

    def _folder(self, run: AtlasRun) -> RunFolder:
        """Return the run's folder; create it if it is missing."""
        folder = RunFolder(run.path)
        if not folder.spec_path.exists():
            train = self.opened.parts.train
            try:
                prepare_run_on(run.path, run.spec, TrainVal(train, self.opened.parts.val), draw(run.spec, train))
            except RunError:
                # Another process may have created it in the meantime.
                if not folder.spec_path.exists():
                    raise
        with suppress(RunError):
            add_tag(folder.path, run.tag)
        return folder


def _forget_training(folder: RunFolder) -> None:
    """Delete the training state of a finished run; its checkpoint stays."""
    try:
        for path in folder.weights.glob(f"{folder.state_path.stem}*{folder.state_path.suffix}"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{folder.weights}: cannot be written ({error.strerror}).") from error
