"""The runs of a sweep and their folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from splitlab.data.dataset import Dataset, TrainVal, count_images
from splitlab.data.open_dataset import open_dataset
from splitlab.data.split import Split, check_sizes, draw_paper_split, draw_split, draw_stratified
from splitlab.errors import RunError, SplitError
from splitlab.runs.notes import add_tag
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import RunSummary, list_runs
from splitlab.sweeps.plan import SweepPlan
from splitlab.training.start import as_run_sees
from splitlab.workspace import Workspace

# torch takes seconds to import, and only the creation of run folders needs it.


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: its folder, its settings, and a summary of the folder if it exists."""

    path: Path
    spec: RunSpec
    made: RunSummary | None

    @property
    def is_done(self) -> bool:
        """Whether the run is done."""
        return self.made is not None and self.made.status.state == State.DONE

    @property
    def steps_done(self) -> int:
        """The number of steps done."""
        return self.made.status.step if self.made else 0


@dataclass(frozen=True)
class Sweep:
    """A plan with its dataset and its runs.

    Attributes:
        plan: the plan.
        data: the dataset.
        runs: in training order.
        impossible: the reason for each split of the grid that the dataset is too small for.
        earlier: all runs of the workspace, newest first.
    """

    plan: SweepPlan
    data: TrainVal
    runs: tuple[PlannedRun, ...]
    impossible: dict[str, str]
    earlier: tuple[RunSummary, ...]

    @property
    def to_do(self) -> tuple[PlannedRun, ...]:
        """The runs that are not done."""
        return tuple(run for run in self.runs if not run.is_done)


def open_sweep(plan: SweepPlan, workspace: Workspace) -> Sweep:
    """Open the dataset of a plan and find its runs; writes nothing, except a dataset that is drawn on first use.

    Raises:
        SplitLabError: the data cannot be read, is too small for a split, or a folder holds another run.
    """
    data = as_run_sees(
        open_dataset(plan.data, workspace.data),
        plan.settings.get("classes", ""),
        plan.settings.get("mask_classes", ""),
        plan.settings.get("background", False),
    )
    specs = plan.specs(count_images(data.train).to_draw)
    impossible = _impossible(plan, specs, data.train)
    earlier = list_runs(workspace.runs)
    made = {summary.name: summary for summary in earlier}
    runs = tuple(
        _planned(workspace.runs / plan.folder_name(spec), spec, made.get(plan.folder_name(spec)))
        for spec in specs
        if spec.data.split_name not in impossible
    )
    return Sweep(plan, data, runs, impossible, tuple(earlier))


def _impossible(plan: SweepPlan, specs: tuple[RunSpec, ...], train_set: Dataset) -> dict[str, str]:
    reasons = {}
    for spec in {spec.data.split_name: spec for spec in specs}.values():
        try:
            _check_sizes(spec, train_set)
        except SplitError as error:
            reasons[spec.data.split_name] = str(error)
    splits = len({spec.data.split_name for spec in specs})
    if reasons and (not plan.is_grid or len(reasons) == splits):
        listed = "; ".join(f"{name} ({reason})" for name, reason in list(reasons.items())[:5])
        raise SplitError(f"{len(reasons)} of the {splits} splits of '{plan.name}' cannot be drawn: {listed}")
    return reasons


def _check_sizes(spec: RunSpec, train_set: Dataset) -> None:
    if spec.data.drawn == "paper":
        draw(spec, train_set)
    else:
        check_sizes(train_set, spec.data.full, spec.data.weak)


def _planned(path: Path, spec: RunSpec, made: RunSummary | None) -> PlannedRun:
    there = made.spec if made else _spec_in(path)
    if there is not None and there != spec:
        old, new = there.to_json(), spec.to_json()
        names = [name for name in new if old[name] != new[name]]
        shown = ", ".join(f"{name} {old[name]!r}, not {new[name]!r}" for name in names[:3])
        raise RunError(
            f"{path} holds a run with settings that differ from the plan's ({shown}). Give the sweep another name, or "
            "delete that folder."
        )
    return PlannedRun(path, spec, made)


def _spec_in(path: Path) -> RunSpec | None:
    """Read the settings of a run that is not listed, such as one with a broken status."""
    return RunFolder(path).spec() if (path / "spec.json").exists() else None


def draw(spec: RunSpec, train_set: Dataset) -> Split:
    """Draw the split of a run. Raise SplitError if the dataset is too small."""
    if spec.data.drawn == "paper":
        return draw_paper_split(train_set, spec.data.full, spec.data.weak)
    drawing = draw_stratified if spec.data.drawn == "stratified" else draw_split
    return drawing(train_set, spec.data.full, spec.data.weak, spec.seed)


def drawn_splits(sweep: Sweep) -> Iterator[Split]:
    """Draw each split of a sweep once."""
    by_seed = sweep.plan.draw != "paper"
    different = {(run.spec.data.split_name, run.spec.seed if by_seed else 0): run.spec for run in sweep.runs}
    for spec in different.values():
        yield draw(spec, sweep.data.train)


def check_devices(sweep: Sweep) -> None:
    """Raise SettingsError if this machine lacks a device of the open runs."""
    from splitlab.models.precision import check_device

    for device in sorted({planned.spec.device for planned in sweep.to_do}):
        check_device(device)


def make_folders(sweep: Sweep) -> list[RunFolder]:
    """Create missing run folders, tagged with the sweep's name; return those of open runs, in order.

    Raises:
        SplitLabError: the settings do not fit the data, or a folder cannot be written.
    """
    from splitlab.training.experiment import prepare_run_on
    from splitlab.training.start import check_start

    # Check all before creating the first folder, which would fix the settings of the plan.
    missing = [planned for planned in sweep.to_do if not RunFolder(planned.path).spec_path.exists()]
    for planned in missing:
        check_start(planned.spec, len(sweep.data.train.class_names))
    folders = []
    for planned in sweep.to_do:
        run = RunFolder(planned.path)
        if not run.spec_path.exists():
            run = prepare_run_on(planned.path, planned.spec, sweep.data, draw(planned.spec, sweep.data.train))
        with suppress(RunError):  # broken notes are no reason not to train
            add_tag(run.path, sweep.plan.name)
        folders.append(run)
    return folders
