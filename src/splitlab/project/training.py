"""Training runs of a project: the pilot, and one run on all labels after each round."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from splitlab.budget.cost import ImagePool
from splitlab.errors import SettingsError
from splitlab.project.project import Project, pool_of
from splitlab.project.rounds import read_takes
from splitlab.queue.queue import enqueue_missing, waiting_runs
from splitlab.runs.devices import kind_of, measured_speeds, training_seconds
from splitlab.runs.recipes import run_settings
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs
from splitlab.sweeps.forecast import check_disk, forecast_sweep
from splitlab.sweeps.plan import SweepPlan
from splitlab.sweeps.sweep import check_devices, make_folders, open_sweep

if TYPE_CHECKING:
    import pandas as pd

_RECIPE = "quick"
# Photos with masks in train that a pilot needs: a quarter of them are two.
_LEAST_MASKS = 8
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


def pilot_tag(project: Project, takes: int) -> str:
    """Return the name and tag of the pilot on the labels after so many takes."""
    return f"{project.name}-pilot-{takes}"


def labels_tag(project: Project, takes: int) -> str:
    """Return the name and tag of the run on all labels after so many takes."""
    return f"{project.name}-labels-{takes}"


def waiting_names(project: Project) -> list[str]:
    """Return the names of the project's runs that wait or are trained."""
    workspace = project.workspace
    queued = (RunFolder(workspace.runs / entry.run) for entry in waiting_runs(workspace))
    return [run.name for run in queued if run.spec().data.source == project.name]


def pilot_splits(pool: ImagePool) -> tuple[tuple[int, int], ...]:
    """Return four to six splits of the labels that exist, to learn how masks and boxes act on these photos.

    They are all labels; the masks alone; half and a quarter of the masks alone; and both with the other labelled images
    as boxes. Images with masks serve as box images.

    Raises:
        SettingsError: there are fewer than eight images with masks.
    """
    masks, images = pool.full, pool.full + pool.weak
    if masks < _LEAST_MASKS:
        raise SettingsError(
            f"A pilot needs {_LEAST_MASKS} photos with masks in train, and there are {masks}. Draw more masks first."
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
    takes = len(read_takes(project.folder))
    earlier = _pilot_before(project, takes)
    steps = _steps_in(project, settings) if earlier is None else earlier.steps
    splits = pilot_splits(pool_of(project.data().train))
    return _queue(project, pilot_tag(project, takes), splits, steps, settings.device)


def queue_labels(project: Project, device: str) -> list[RunFolder]:
    """Create and queue a run on all labels, as long as those of the pilot if there is one.

    Raises:
        SplitLabError: as `queue_pilot`.
    """
    takes = len(read_takes(project.folder))
    pool, pilot = pool_of(project.data().train), _pilot_before(project, takes)
    of_recipe: int = run_settings(_RECIPE, {}, pool.full, pool.weak).get("steps", RunSpec.steps)
    steps = of_recipe if pilot is None else pilot.steps
    return _queue(project, labels_tag(project, takes), ((pool.full, pool.weak),), steps, device)


def scores_of(project: Project) -> dict[str, pd.DataFrame]:
    """Return the scored runs of the project by their tag: full, weak (images), ap (of its metric, 0..100) and seed."""
    # It imports pandas, which the project's status does without.
    from splitlab.atlas.tables import run_results

    runs = project.workspace.runs
    names: dict[str, set[str]] = {}
    for run in list_runs(runs):
        if run.spec.data.source == project.name:
            for tag in run.notes.tags:
                names.setdefault(tag, set()).add(run.name)
    rows = run_results(runs, set().union(*names.values())).rename(columns={project.settings.metric: "ap"})
    rows = rows[["run", "full", "weak", "ap", "seed"]].dropna()
    return {tag: rows[rows["run"].isin(tagged)].drop(columns="run") for tag, tagged in names.items()}


def _queue(
    project: Project, name: str, splits: tuple[tuple[int, int], ...], steps: int, device: str
) -> list[RunFolder]:
    settings = MappingProxyType({"steps": steps, "evaluate_every": steps, "device": device})
    plan = SweepPlan(name, project.name, splits, is_grid=True, recipe=_RECIPE, settings=settings)
    sweep = open_sweep(plan, project.workspace)
    check_devices(sweep)
    check_disk(forecast_sweep(sweep, project.workspace.runs), project.workspace.runs)
    folders = make_folders(sweep)
    enqueue_missing(folders, project.workspace)
    return folders


def _pilot_before(project: Project, takes: int) -> RunSpec | None:
    """Return the settings of a run of the latest pilot; None if there is none."""
    tagged = {tag: run.spec for run in list_runs(project.workspace.runs) for tag in run.notes.tags}
    tags = (pilot_tag(project, number) for number in range(takes, -1, -1))
    return next((tagged[tag] for tag in tags if tag in tagged), None)


def _steps_in(project: Project, settings: PilotSettings) -> int:
    """Return the steps that take the stated time; those of the recipe if no earlier run tells the machine's speed."""
    asked = {**run_settings(_RECIPE, {"device": settings.device}, 1, 0), "data": project.name, "full": 1, "weak": 0}
    of_recipe = RunSpec.from_json(asked)
    speeds = measured_speeds(list_runs(project.workspace.runs), [kind_of(of_recipe)])
    seconds = training_seconds(of_recipe, speeds)
    if not seconds:
        return of_recipe.steps
    fitting = int(of_recipe.steps * settings.minutes * 60 / seconds)
    return min(max(fitting // _STEP_GRAIN * _STEP_GRAIN, _LEAST_STEPS), of_recipe.steps)
