"""The plans of an atlas, the parts of its dataset, and the runs that are still open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from splitlab.atlas.advice import advised_splits, read_advice
from splitlab.atlas.grid import measured_grid, verdict_metric
from splitlab.atlas.rows import MeasuredRow
from splitlab.data.dataset import Dataset, ImageId, count_images, json_hash
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.data.reading import with_background
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.data.split import check_sizes
from splitlab.errors import DataError, SettingsError, SplitError
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


@dataclass(frozen=True)
class _DrawnScenes:
    """Embedded scenes beside those of training: folder in the workspace, seed, and number for choices and for tests."""

    folder: str
    seed: int
    choice: int
    test: int


_SCENES = _DrawnScenes("embedded-test", 901, 0, 600)
_SCENES_OF: Mapping[str, _DrawnScenes] = MappingProxyType({"recipe": _DrawnScenes("embedded-recipe", 904, 1000, 3000)})
_TEST_SHARE = 4
"""One in four photos goes into the test part."""


@dataclass(frozen=True)
class Parts:
    """A dataset as the atlas uses it.

    Attributes:
        train: Images that F and W are drawn from.
        val: Images for evaluation while training.
        test: Images for results.
        choice: Images on which an experiment compares recipes to choose one; none in an atlas.
    """

    train: Dataset
    val: Dataset
    test: Dataset
    choice: Dataset | None = None


def _open_parts(data: str, data_dir: Path, scenes: _DrawnScenes = _SCENES) -> Parts:
    """Open a dataset and hold out its test part; embedded scenes are drawn on first use."""
    whole = open_dataset(data, data_dir)
    if data == EMBEDDED:
        # Scenes for choices are the train images of the drawn folder, which needs at least one.
        settings = EmbeddedSettings(train_images=max(scenes.choice, 1), val_images=scenes.test)
        drawn = read_coco_folder(make_embedded(data_dir / scenes.folder, scenes.seed, settings))
        return Parts(whole.train, whole.val, drawn.val, drawn.train if scenes.choice else None)
    taken = _held_out([image.image_id for image in whole.train.images])
    if not taken:
        raise DataError(f"'{whole.train.name}' has {len(whole.train.images)} training images, too few for a test part.")
    # Photos without objects were included when the rows were measured.
    train = with_background(whole.train)
    test, rest = (
        replace(train, images=tuple(image for image in train.images if (image.image_id in taken) == is_test))
        for is_test in (True, False)
    )
    return Parts(rest, whole.val, test)


def _held_out(image_ids: list[ImageId]) -> frozenset[ImageId]:
    """Select a quarter of the images: those whose ids have the smallest hashes."""

    def place(image_id: ImageId) -> bytes:
        return hashlib.sha256(str(image_id).encode()).digest()

    return frozenset(sorted(image_ids, key=place)[: len(image_ids) // _TEST_SHARE])


def _part_hash(part: Dataset) -> str:
    """Return 12 hexadecimal digits for a part: its label file and its images."""
    return _digits(f"{part.source_hash} {[image.image_id for image in part.images]}")


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
    """An atlas with its data and the folder of all runs; `device` replaces that of the plans."""

    atlas: Atlas
    parts: Parts
    runs: Path
    device: str | None = None

    @cached_property
    def planned(self) -> tuple[AtlasRun, ...]:
        """Every run of the plans once, in training order, without splits of a grid that need too many images.

        An experiment's runs are sorted by seed and falling |F|, so that one that stops early has whole comparisons.
        """
        runs = [run for stage in self.atlas.stages for run in self._runs_of(stage)]
        if self.atlas.is_experiment:
            runs.sort(key=lambda run: (run.spec.seed, -run.spec.data.full))
        return self._once(runs)

    def asked(self, rows: Sequence[MeasuredRow]) -> tuple[AtlasRun, ...]:
        """Return the planned runs, and once all of an atlas are measured also those that the planner recommends."""
        if self.atlas.is_experiment:
            return self.planned
        return self._once([*self.planned, *self._advised(rows)])

    def scored(self, run: AtlasRun) -> tuple[ScoredPart, ...]:
        """Return the images that a run is scored on, the test part last: its row says that the run is done."""
        test = ScoredPart(self.parts.test, self.atlas.table, run.hashes)
        if self.parts.choice is None:
            return (test,)
        hashes = {**run.hashes, "test_hash": _part_hash(self.parts.choice)}
        return ScoredPart(self.parts.choice, self.atlas.choice_table, hashes), test

    def _advised(self, rows: Sequence[MeasuredRow]) -> list[AtlasRun]:
        planned = self.atlas.planned(count_images(self.parts.train).to_draw)
        metric = verdict_metric(self.atlas.name)
        grid = measured_grid(rows, planned, metric, read_advice(self.atlas.advice, metric))
        splits = advised_splits(grid) if grid else ()
        if not splits:
            return []
        return self._runs_of(replace(self.atlas.stages[0], splits=splits, is_grid=False, seeds=_ADVISED_SEEDS))

    def _runs_of(self, stage: SweepPlan) -> list[AtlasRun]:
        specs = stage.specs(count_images(self.parts.train).to_draw)
        return [self._run(spec, stage) for spec in specs if self._can_draw(spec, stage)]

    def _run(self, spec: RunSpec, stage: SweepPlan) -> AtlasRun:
        key = (_spec_hash(spec), _part_hash(self.parts.train), _part_hash(self.parts.test))
        path = self.runs / f"{stage.folder_name(spec)}-{_digits(''.join(key[:2]), 8)}"
        return AtlasRun(replace(spec, device=self.device or spec.device), path, key, stage.name)

    def _can_draw(self, spec: RunSpec, stage: SweepPlan) -> bool:
        try:
            check_sizes(self.parts.train, spec.data.full, spec.data.weak)
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
    scenes = _SCENES_OF.get(atlas.name, _SCENES)
    return OpenedAtlas(atlas, _open_parts(atlas.stages[0].data, workspace.data, scenes), workspace.runs, device)


def not_measured(runs: Iterable[AtlasRun], rows: Iterable[MeasuredRow]) -> list[AtlasRun]:
    """Return the runs that have no row."""
    measured = {row.key for row in rows}
    return [run for run in runs if run.key not in measured]
