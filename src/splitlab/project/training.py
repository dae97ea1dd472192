"""Training runs of a project: the pilot, and one run on all labels after each round."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from splitlab.budget.cost import ImagePool
from splitlab.errors import SettingsError
from splitlab.project.project import Project, pool_of
from splitlab.queue.queue import enqueue_missing
from splitlab.runs.devices import kind_of, measured_speeds, training_seconds
from splitlab.runs.recipes import run_settings
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs
from splitlab.sweeps.forecast import check_disk, forecast_sweep
from splitlab.sweeps.plan import SweepPlan
from splitlab.sweeps.sweep import make_folders, open_sweep

if TYPE_CHECKING:
    import pandas as pd

LEAST_MASKS = 8
"""Photos with masks in train that a pilot needs: a quarter of them are two."""

_RECIPE = "quick"
_LEAST_STEPS, _STEP_GRAIN = 100, 20


@dataclass(frozen=True)
class PilotSettings:
    """How long the runs of a pilot are.

    Attributes:
        minutes: of each run on this machine, as far as earlier runs tell its speed; the length of the recipe limits it.
        device: where they are trained.
    """

    minutes: float = 10.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= 10_000:
            raise SettingsError(f"A pilot run of {self.minutes} minutes: give a number above 0, such as 10.")


def pilot_tag(project: Project) -> str:
    """Return the sweep's name, and tag, of the pilot's runs."""
    return f"{project.name}-pilot"


def round_tag(project: Project, number: int) -> str:
    """Return the sweep's name, and tag, of the run on all labels after a round; 0 for those before the first."""
    return f"{project.name}-round-{number}"


def pilot_splits(pool: ImagePool) -> tuple[tuple[int, int], ...]:
    """Return four to six splits of the labels that exist, to learn how masks and boxes act on these photos.

    They are all labels; the masks alone; half and a quarter of the masks alone; and both with the other labelled images
    as boxes. Images with masks serve as box images.

    Raises:
        SettingsError: there are fewer than `LEAST_MASKS` images with masks.
    """
    masks, images = pool.full, pool.full + pool.weak
    if masks < LEAST_MASKS:
        raise SettingsError(
            f"A pilot needs {LEAST_MASKS} photos with masks in train, and there are {masks}. Draw more masks first."
        )
    half, quarter = masks // 2, masks // 4
    splits = (
        (masks, images - masks),
        (masks, 0),
        (half, images - half),
        (half, 0),
        (quarter, images - quarter),
        (quarter, 0),
    )
    return tuple(dict.fromkeys(splits))


def queue_pilot(project: Project, settings: PilotSettings) -> list[RunFolder]:
    """Create and queue the runs of the pilot; a worker trains them. Runs that are done or queued stay as they are.

    Raises:
        SettingsError: there are too few masks, or the device is not there.
        SplitLabError: the data has no val part, a run cannot be created, or the disk is too small.
    """
    splits = pilot_splits(pool_of(project.data().train))
    return _queue(project, pilot_tag(project), splits, _steps(project, settings), settings.device)


def queue_labels(project: Project, number: int, device: str) -> list[RunFolder]:
    """Create and queue a run on all labels there are after round `number`, to compare its score with the forecast.

    Raises:
        SplitLabError: as `queue_pilot`.
    """
    pool = pool_of(project.data().train)
    steps = run_settings(_RECIPE, {}, pool.full, pool.weak).get("steps", RunSpec.steps)
    return _queue(project, round_tag(project, number), ((pool.full, pool.weak),), steps, device)


def scores_of(project: Project, tag: str) -> pd.DataFrame:
    """Return the scored runs with a tag: full, weak (images), ap (of the project's metric, 0..100) and seed."""
    from splitlab.atlas.tables import run_results

    workspace = project.workspace
    tagged = {summary.name for summary in list_runs(workspace.runs) if tag in summary.notes.tags}
    rows = run_results(workspace.runs, tagged).rename(columns={project.settings.metric: "ap"})
    return rows[["full", "weak", "ap", "seed"]].dropna().reset_index(drop=True)


def _queue(
    project: Project, name: str, splits: tuple[tuple[int, int], ...], steps: int, device: str
) -> list[RunFolder]:
    settings = MappingProxyType({"steps": steps, "evaluate_every": steps, "device": device})
    plan = SweepPlan(name, project.name, splits, is_grid=True, recipe=_RECIPE, settings=settings)
    sweep = open_sweep(plan, project.workspace)
    check_disk(forecast_sweep(sweep, project.workspace.runs), project.workspace.runs)
    folders = make_folders(sweep)
    enqueue_missing(folders, project.workspace)
    return folders


def _steps(project: Project, settings: PilotSettings) -> int:
    """Return the steps of the pilot's earlier runs, or else those that take the stated time.

    Where no earlier run tells the machine's speed, the steps are those of the recipe.
    """
    runs = list_runs(project.workspace.runs)
    if earlier := [run for run in runs if pilot_tag(project) in run.notes.tags]:
        return earlier[0].spec.steps
    asked = {**run_settings(_RECIPE, {"device": settings.device}, 1, 0), "data": project.name, "full": 1, "weak": 0}
    of_recipe = RunSpec.from_json(asked)
    seconds = training_seconds(of_recipe, measured_speeds(runs, [kind_of(of_recipe)]))
    if not seconds:
        return of_recipe.steps
    fitting = int(of_recipe.steps * settings.minutes * 60 / seconds)
    return min(max(fitting // _STEP_GRAIN * _STEP_GRAIN, _LEAST_STEPS), of_recipe.steps)
