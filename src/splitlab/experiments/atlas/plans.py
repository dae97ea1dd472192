"""The plans of an atlas: sweep plans, stage by stage, so that an atlas broken off early is worth something already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.errors import SettingsError
from splitlab.experiments.atlas.spec_hash import spec_hash
from splitlab.experiments.sweep_file import read_plan
from splitlab.experiments.sweep_plan import SweepPlan


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
            spec_hash(spec): (spec.data.full, spec.data.weak, spec.seed)
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
