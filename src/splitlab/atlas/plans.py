"""The plans of an atlas, and the runs that are still open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from splitlab.atlas.advice import advised_splits, read_advice
from splitlab.atlas.grid import measured_grid, verdict_metric
from splitlab.atlas.parts import Parts, open_parts, part_hash
from splitlab.atlas.rows import MeasuredRow
from splitlab.data.dataset import Dataset, count_images, json_hash
from splitlab.data.split import check_sizes
from splitlab.errors import SettingsError, SplitError
from splitlab.runs.spec import SETTINGS, RunSpec
from splitlab.sweeps.file import read_plan
from splitlab.sweeps.plan import SweepPlan
from splitlab.workspace import Workspace

_EXPERIMENTS = "experiments"

# Settings that do not affect what a model learns.
_NOT_LEARNT = ("data", "device", "compiled", "tracker", "evaluate_every")


def _spec_hash(spec: RunSpec) -> str:
    """Return 12 hexadecimal digits for all settings that affect what a model learns.

    Settings at their defaults are left out, so that a new setting does not change the hashes of measured runs.
    """
    settings = {
        name: value
        for name, value in spec.to_json().items()
        if name not in _NOT_LEARNT and value != SETTINGS[name].default
    }
    return json_hash(settings)[:12]


def _digits(text: str, count: int = 12) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:count]


@dataclass(frozen=True)
class Atlas:
    """What one atlas trains.

    Attributes:
        name: Name of the dataset, of the folder of plans, and of the table next to it.
        stages: Plans in training order; a run in several of them is trained once.
        table: File of the measured rows.
    """

    name: str
    stages: tuple[SweepPlan, ...]
    table: Path

    @property
    def is_experiment(self) -> bool:
        """Whether it compares recipes on few splits, so that it is in no chart and gets no advice."""
        return self.table.parent.name == _EXPERIMENTS

    @property
    def dataset(self) -> str:
        """Name of the dataset in its rows."""
        return self.stages[0].data if self.is_experiment else self.name

    @property
    def choice_table(self) -> Path:
        """File of an experiment's rows on validation images, which its choices rest on."""
        return _choice_table(self.table)

    @property
    def advice(self) -> Path:
        """File of the recommendations that were recorded before their runs; optional."""
        return self.table.with_suffix("") / "advice.csv"

    def specs(self, images: int) -> dict[str, RunSpec]:
        """Return the settings of the runs of the grid by their hash in the rows, in the order of the plans.

        The grid consists of the runs with the model of the first stage.

        Args:
            images: Number of images that F and W are drawn from.
        """
        specs = [spec for stage in self.stages for spec in stage.specs(images)]
        return {
            _spec_hash(spec): spec
            for spec in specs
            if spec.model == specs[0].model and spec.data.full + spec.data.weak <= images
        }

    def planned(self, images: int) -> dict[str, tuple[int, int, int]]:
        """Return |F|, |W| and seed of the runs in `specs` by their hash."""
        return {digits: (spec.data.full, spec.data.weak, spec.seed) for digits, spec in self.specs(images).items()}


def atlas_names(measured: Path) -> list[str]:
    """List the atlases that have plans, without experiments."""
    return sorted({path.parent.name for path in measured.glob("*/*.yaml")})


def known_names(measured: Path) -> list[str]:
    """List the atlases and experiments that have plans."""
    return [*atlas_names(measured), *atlas_names(measured / _EXPERIMENTS)]


def tables_of(name: str, measured: Path) -> tuple[Path, ...]:
    """Return the tables of an atlas or experiment, that of the test part last; they may not exist yet.

    Raises:
        SettingsError: If there is no such atlas.
    """
    folder = _folder_of(name, measured)
    table = folder / f"{name}.csv"
    return (table,) if folder == measured else (_choice_table(table), table)


def _choice_table(table: Path) -> Path:
    return table.with_name(f"{table.stem}-choice.csv")


def _folder_of(name: str, measured: Path) -> Path:
    """Return the folder that holds the folder of plans and the table of an atlas or experiment."""
    known = known_names(measured)
    if name not in known:
        raise SettingsError(f"There is no atlas '{name}'. Choose one of {', '.join(known) or 'none'}.")
    return measured if name in atlas_names(measured) else measured / _EXPERIMENTS


def read_atlas(name: str, measured: Path, data_dir: Path, data: str | None = None) -> Atlas:
    """Read the plans `<name>/*.yaml` in `measured` or its folder of experiments, in the order of their names.

    Args:
        name: Name of the atlas or experiment.
        measured: Folder of plans and tables.
        data_dir: The workspace's folder of datasets.
        data: Dataset to use in place of that of the plans.

    Raises:
        SettingsError: If there is no such atlas, a plan is invalid, or the plans have different datasets.
    """
    folder = _folder_of(name, measured)
    paths = sorted((folder / name).glob("*.yaml"))
    plans = [_read(path, data_dir) for path in paths]
    if data is not None:
        plans = [replace(plan, data=data) for plan in plans]
    if len(found := {plan.data for plan in plans}) > 1:
        raise SettingsError(f"The plans of '{name}' are for several datasets ({', '.join(sorted(found))}). Keep one.")
    return Atlas(name, tuple(plans), folder / f"{name}.csv")


def _read(path: Path, data_dir: Path) -> SweepPlan:
    plan = read_plan(path, data_dir)
    # A plan names a dataset of the workspace, not a file next to the plan.
    return replace(plan, data=Path(plan.data).name) if Path(plan.data).parent == path.parent.absolute() else plan


_ADVISED_SEEDS = (0, 1)


@dataclass(frozen=True)
class AtlasRun:
    """One run of an atlas: settings, run folder, key of its row (see `MeasuredRow.key`), and tag."""

    spec: RunSpec
    path: Path
    key: tuple[str, str, str]
    tag: str

    @property
    def hashes(self) -> dict[str, str]:
        """The key as columns of a row."""
        return dict(zip(("spec_hash", "data_hash", "test_hash"), self.key, strict=True))


@dataclass(frozen=True)
class ScoredPart:
    """Images that a run is scored on, the table of the row, and the row's hashes."""

    images: Dataset
    table: Path
    hashes: dict[str, str]


@dataclass(frozen=True)
class OpenedAtlas:
    """An atlas with its data and the folder of all runs.

    Attributes:
        atlas: The atlas.
        parts: The parts of its dataset for seed 0, 1, ...; see `open_parts`.
        runs: Folder of all runs.
        device: Replaces the device of the plans.
    """

    atlas: Atlas
    parts: tuple[Parts, ...]
    runs: Path
    device: str | None = None

    def parts_of(self, spec: RunSpec) -> Parts:
        """Return the parts that a run is trained and tested on."""
        return self.parts[spec.seed % len(self.parts)]

    @property
    def train_images(self) -> int:
        """Number of images that F and W are drawn from."""
        return len(self.parts[0].train.images)

    @cached_property
    def planned(self) -> tuple[AtlasRun, ...]:
        """Every run of the plans once, in training order, without splits of a grid that need too many images.

        An experiment's runs are sorted by seed, then by |F| in the order of its plans, so that one that stops early has
        whole comparisons.
        """
        runs = [run for stage in self.atlas.stages for run in self._runs_of(stage)]
        if self.atlas.is_experiment:
            sizes = list(dict.fromkeys(full for stage in self.atlas.stages for full, _ in stage.splits))
            runs.sort(key=lambda run: (run.spec.seed, sizes.index(run.spec.data.full)))
        return self._once(runs)

    def asked(self, rows: Sequence[MeasuredRow]) -> tuple[AtlasRun, ...]:
        """Return the planned runs, and once all of an atlas are measured also those that the planner recommends."""
        if self.atlas.is_experiment:
            return self.planned
        return self._once([*self.planned, *self._advised(rows)])

    def scored(self, run: AtlasRun) -> tuple[ScoredPart, ...]:
        """Return the images that a run is scored on, the test part last: its row says that the run is done."""
        parts = self.parts_of(run.spec)
        test = ScoredPart(parts.test, self.atlas.table, run.hashes)
        if parts.choice is None:
            return (test,)
        hashes = {**run.hashes, "test_hash": part_hash(parts.choice)}
        return ScoredPart(parts.choice, self.atlas.choice_table, hashes), test

    def _advised(self, rows: Sequence[MeasuredRow]) -> list[AtlasRun]:
        planned = self.atlas.planned(self._to_draw)
        metric = verdict_metric(self.atlas.name)
        grid = measured_grid(rows, planned, metric, read_advice(self.atlas.advice, metric))
        splits = advised_splits(grid) if grid else ()
        if not splits:
            return []
        return self._runs_of(replace(self.atlas.stages[0], splits=splits, is_grid=False, seeds=_ADVISED_SEEDS))

    def _runs_of(self, stage: SweepPlan) -> list[AtlasRun]:
        return [self._run(spec, stage) for spec in stage.specs(self._to_draw) if self._can_draw(spec, stage)]

    @cached_property
    def _data_hash(self) -> str:
        """The hash of the images for training, of those of all seeds if each has its own."""
        hashes = [part_hash(parts.train) for parts in self.parts]
        return hashes[0] if len(hashes) == 1 else _digits(" ".join(hashes))

    @property
    def _to_draw(self) -> int:
        return min(count_images(parts.train).to_draw for parts in self.parts)

    def _run(self, spec: RunSpec, stage: SweepPlan) -> AtlasRun:
        key = (_spec_hash(spec), self._data_hash, part_hash(self.parts_of(spec).test))
        path = self.runs / f"{stage.folder_name(spec)}-{_digits(''.join(key[:2]), 8)}"
        return AtlasRun(replace(spec, device=self.device or spec.device), path, key, stage.name)

    def _can_draw(self, spec: RunSpec, stage: SweepPlan) -> bool:
        try:
            check_sizes(self.parts_of(spec).train, spec.data.full, spec.data.weak)
        except SplitError:
            if not stage.is_grid:
                raise
            return False
        return True

    def _once(self, runs: Iterable[AtlasRun]) -> tuple[AtlasRun, ...]:
        first: dict[tuple[str, str, str], AtlasRun] = {}
        for run in runs:
            first.setdefault(run.key, run)
        return tuple(first.values())


def open_atlas(atlas: Atlas, workspace: Workspace, device: str | None = None) -> OpenedAtlas:
    """Open the data of an atlas; embedded scenes are drawn on first use."""
    return OpenedAtlas(atlas, open_parts(atlas.name, atlas.stages[0].data, workspace.data), workspace.runs, device)


def not_measured(runs: Iterable[AtlasRun], rows: Iterable[MeasuredRow]) -> list[AtlasRun]:
    """Return the runs that have no row."""
    measured = {row.key for row in rows}
    return [run for run in runs if run.key not in measured]
