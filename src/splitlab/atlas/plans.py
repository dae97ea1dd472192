"""What is left to train for a grid: its plan file, the parts of its dataset, and the runs that are still open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from splitlab.atlas.advice import advised_splits, read_told
from splitlab.atlas.grid import measured_grid, verdict_metric
from splitlab.atlas.rows import MeasuredRow
from splitlab.data.dataset import Dataset, ImageId, count_images
from splitlab.data.formats.coco import read_coco_folder
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.data.reading import with_background
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.data.split import check_sizes
from splitlab.errors import DataError, SettingsError, SplitError
from splitlab.runs.spec import SETTINGS, RunSpec
from splitlab.sweeps.file import read_plan
from splitlab.sweeps.plan import SweepPlan
from splitlab.workspace import Workspace

# What changes nothing of what a model learns.
_NOT_LEARNT = ("data", "device", "compiled", "tracker", "evaluate_every")


def _spec_hash(spec: RunSpec) -> str:
    """Return 12 hexadecimal digits for all settings that a model learns by.

    Settings at their default are left out, so that one that is added to `RunSpec` later opens no measured run again.
    """
    told = {
        name: value
        for name, value in spec.to_json().items()
        if name not in _NOT_LEARNT and value != SETTINGS[name].default
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Atlas:
    """What one atlas trains.

    Attributes:
        name: of the data set, of the folder of plans, and of the table beside it.
        stages: in the order they are trained; a run that stands in several of them is trained once.
        table: the file of its measured rows.
    """

    name: str
    stages: tuple[SweepPlan, ...]
    table: Path

    @property
    def advice(self) -> Path:
        """The file of the advice that was written down before its runs; it need not be there."""
        return self.table.with_suffix("") / "advice.csv"

    def planned(self, images: int) -> dict[str, tuple[int, int, int]]:
        """Return |F|, |W| and seed of the runs of the grid by their `spec_hash`.

        The grid is what trains the first stage's model: what other models are in the plans is there to be looked at.

        Args:
            images: that F and W are drawn from.

        Raises:
            SettingsError: a setting may not stand there.
        """
        specs = [spec for stage in self.stages for spec in stage.specs(images)]
        return {
            _spec_hash(spec): (spec.data.full, spec.data.weak, spec.seed)
            for spec in specs
            if spec.model == specs[0].model and spec.data.full + spec.data.weak <= images
        }


def atlas_names(measured: Path) -> list[str]:
    """List the atlases there are plans for."""
    return sorted({path.parent.name for path in measured.glob("*/*.yaml")})


def read_atlas(name: str, measured: Path, data_dir: Path, data: str | None = None) -> Atlas:
    """Read the plans `measured/<name>/*.yaml` in the order of their names.

    Args:
        name: of the atlas.
        measured: the folder of plans and tables.
        data_dir: the work space's folder of data sets.
        data: where the data set is, in place of what the plans say.

    Raises:
        SettingsError: there is no such atlas, a plan is none, or they are not of one data set.
    """
    if name not in atlas_names(measured):
        raise SettingsError(f"There is no atlas '{name}'. Choose one of {', '.join(atlas_names(measured)) or 'none'}.")
    paths = sorted((measured / name).glob("*.yaml"))
    plans = [_read(path, data_dir) for path in paths]
    if data is not None:
        plans = [replace(plan, data=data) for plan in plans]
    _refuse_several([plan.data for plan in plans], name)
    return Atlas(name, tuple(plans), measured / f"{name}.csv")


def _read(path: Path, data_dir: Path) -> SweepPlan:
    plan = read_plan(path, data_dir)
    # What lies beside the plans is no data set: a plan names one of the work space's.
    return replace(plan, data=Path(plan.data).name) if Path(plan.data).parent == path.parent.absolute() else plan


def _refuse_several(data: Sequence[str], name: str) -> None:
    if len(set(data)) > 1:
        raise SettingsError(
            f"The plans of '{name}' are of several data sets ({', '.join(sorted(set(data)))}). Keep one."
        )


_TEST_FOLDER = "embedded-test"
_TEST_SEED, _TEST_SCENES = 901, 600
_TEST_SHARE = 4
"""One in so many photos goes into the test part."""


@dataclass(frozen=True)
class Parts:
    """A data set as the atlas sees it.

    Attributes:
        train: what F and W are drawn from.
        val: what choices are made by; runs are followed on it while they train.
        test: what is reported.
    """

    train: Dataset
    val: Dataset
    test: Dataset


def _open_parts(data: str, data_dir: Path) -> Parts:
    """Open a data set and take its test part out.

    Args:
        data: what `open_dataset` takes; the scenes of `embedded` and of its test part are drawn on first use.
        data_dir: the work space's folder of data sets.

    Raises:
        DataError: it cannot be read, or has too few images to take some out.
    """
    whole = open_dataset(data, data_dir)
    if data == EMBEDDED:
        scenes = EmbeddedSettings(train_images=1, val_images=_TEST_SCENES)
        return Parts(
            whole.train, whole.val, read_coco_folder(make_embedded(data_dir / _TEST_FOLDER, _TEST_SEED, scenes)).val
        )
    taken = _held_out([image.image_id for image in whole.train.images])
    if not taken:
        raise DataError(
            f"'{whole.train.name}' has {len(whole.train.images)} images to train on: too few to test on some."
        )
    # All photos of the atlas were labelled: one without an object counts as it did when the rows were measured.
    train = with_background(whole.train)
    return Parts(
        _with(train, lambda image_id: image_id not in taken),
        whole.val,
        _with(train, taken.__contains__),
    )


def _held_out(image_ids: list[ImageId]) -> frozenset[ImageId]:
    """Choose a quarter of some images: those whose ids have the smallest hashes."""

    def place(image_id: ImageId) -> bytes:
        return hashlib.sha256(str(image_id).encode()).digest()

    return frozenset(sorted(image_ids, key=place)[: len(image_ids) // _TEST_SHARE])


def _part_hash(part: Dataset) -> str:
    """Return 12 hexadecimal digits for a part: of the labels it was read from and of the images that are in it."""
    told = f"{part.source_hash} {[image.image_id for image in part.images]}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _with(dataset: Dataset, is_in: Callable[[ImageId], bool]) -> Dataset:
    return replace(dataset, images=tuple(image for image in dataset.images if is_in(image.image_id)))


_ADVISED_SEEDS = (0, 1)


@dataclass(frozen=True)
class AtlasRun:
    """One run that an atlas asks for.

    Attributes:
        spec: its settings.
        path: its run folder; a run of other settings or other data has another one.
        key: what its row will say, see `MeasuredRow.key`.
        tag: of the run.
    """

    spec: RunSpec
    path: Path
    key: tuple[str, str, str]
    tag: str

    @property
    def hashes(self) -> dict[str, str]:
        """The key as columns of a row."""
        return dict(zip(("spec_hash", "data_hash", "test_hash"), self.key, strict=True))


@dataclass(frozen=True)
class OpenedAtlas:
    """An atlas with its data.

    Attributes:
        atlas: its plans.
        parts: of its data set.
        runs: the folder of all runs.
        device: what to train on in place of what the plans say.
    """

    atlas: Atlas
    parts: Parts
    runs: Path
    device: str | None = None

    @cached_property
    def planned(self) -> tuple[AtlasRun, ...]:
        """Every run of the plans once, in the order they are trained; corners of a grid without images are left out."""
        return self._once(run for stage in self.atlas.stages for run in self.runs_of(stage))

    def asked(self, rows: Sequence[MeasuredRow]) -> tuple[AtlasRun, ...]:
        """Return the runs of the plans, and once they are all measured those that the planner advises by their rows."""
        return self._once([*self.planned, *self._advised(rows)])

    def _advised(self, rows: Sequence[MeasuredRow]) -> list[AtlasRun]:
        planned = self.atlas.planned(count_images(self.parts.train).to_draw)
        metric = verdict_metric(self.atlas.name)
        grid = measured_grid(rows, planned, metric, read_told(self.atlas.advice, metric))
        splits = advised_splits(grid) if grid else ()
        if not splits:
            return []
        return self.runs_of(replace(self.atlas.stages[0], splits=splits, is_grid=False, seeds=_ADVISED_SEEDS))

    def runs_of(self, stage: SweepPlan) -> list[AtlasRun]:
        """Return the runs of one plan that the data set can give.

        Raises:
            SplitError: a split that was asked for by itself cannot be drawn.
        """
        specs = stage.specs(count_images(self.parts.train).to_draw)
        return [self._run(spec, stage) for spec in specs if self._can_draw(spec, stage)]

    def _run(self, spec: RunSpec, stage: SweepPlan) -> AtlasRun:
        key = (_spec_hash(spec), _part_hash(self.parts.train), _part_hash(self.parts.test))
        digits = hashlib.sha256("".join(key[:2]).encode()).hexdigest()[:8]
        placed = replace(spec, device=self.device or spec.device)
        return AtlasRun(placed, self.runs / f"{stage.folder_name(spec)}-{digits}", key, stage.name)

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
    """Open the data of an atlas; the embedded scenes are drawn on first use.

    Raises:
        DataError: it cannot be read.
    """
    return OpenedAtlas(atlas, _open_parts(atlas.stages[0].data, workspace.data), workspace.runs, device)


def not_measured(runs: Iterable[AtlasRun], rows: Iterable[MeasuredRow]) -> list[AtlasRun]:
    """Return those runs that have no row."""
    measured = {row.key for row in rows}
    return [run for run in runs if run.key not in measured]
