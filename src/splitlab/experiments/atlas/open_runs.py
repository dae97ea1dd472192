"""Which runs an atlas asks for, which of them are measured, and where the others are trained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from splitlab.budget.atlas.advice import advised_splits
from splitlab.budget.atlas.grid import measured_grid, verdict_metric
from splitlab.budget.atlas.measured_row import MeasuredRow
from splitlab.budget.atlas.told_advice import read_told
from splitlab.data.image_counts import count_images
from splitlab.data.splits.draw_split import check_sizes
from splitlab.errors import SplitError
from splitlab.experiments.atlas.parts import Parts, open_parts, part_hash
from splitlab.experiments.atlas.plans import Atlas
from splitlab.experiments.atlas.spec_hash import spec_hash
from splitlab.experiments.sweep_plan import SweepPlan
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace

ADVISED_SEEDS = (0, 1)


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
        return self.runs_of(replace(self.atlas.stages[0], splits=splits, is_grid=False, seeds=ADVISED_SEEDS))

    def runs_of(self, stage: SweepPlan) -> list[AtlasRun]:
        """Return the runs of one plan that the data set can give.

        Raises:
            SplitError: a split that was asked for by itself cannot be drawn.
        """
        specs = stage.specs(count_images(self.parts.train).to_draw)
        return [self._run(spec, stage) for spec in specs if self._can_draw(spec, stage)]

    def _run(self, spec: RunSpec, stage: SweepPlan) -> AtlasRun:
        key = (spec_hash(spec), part_hash(self.parts.train), part_hash(self.parts.test))
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
    return OpenedAtlas(atlas, open_parts(atlas.stages[0].data, workspace.data), workspace.runs, device)


def not_measured(runs: Iterable[AtlasRun], rows: Iterable[MeasuredRow]) -> list[AtlasRun]:
    """Return those runs that have no row."""
    measured = {row.key for row in rows}
    return [run for run in runs if run.key not in measured]
