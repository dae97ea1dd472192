"""Where a project stands: labels and hours so far, the plan for the rest, and forecasts against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit, ndtri

from splitlab.budget.cost import ImagePool
from splitlab.budget.fit import FittedSurface
from splitlab.budget.plan_answer import PlanAnswer, answer_for_hours
from splitlab.budget.planner import SplitForecast, forecast_split
from splitlab.budget.published import published_surface
from splitlab.budget.results import PUBLISHED, SHORT_METRICS
from splitlab.budget.surface import PRIOR_SD
from splitlab.budget.trained_splits import results_of
from splitlab.data.dataset import ImageLabels, LabelState
from splitlab.errors import BudgetError, SettingsError
from splitlab.project.project import Project, pool_of
from splitlab.project.rounds import ExpectedScore, Round, Take, Task, read_rounds, read_takes
from splitlab.project.take_back import changing
from splitlab.project.training import pilot_tag, round_tag, scores_of

if TYPE_CHECKING:
    from splitlab.budget.trained_splits import Results

LEAST_PILOT_RUNS = 4
_PAPER = ("VOC2012", "YOLOv5")
# Ends of a 90% interval of the surface's level on unknown photos, logits.
_WIDE = float(ndtri(0.95) * PRIOR_SD[0])
_LEAST_SHARE = 1e-4
# A rounding error must not cost a box that the hours pay for.
_TOLERANCE = 1e-7


@dataclass(frozen=True)
class Standing:
    """Labels and hours of a project.

    Attributes:
        pool: the photos of train and their labels.
        val_images: photos to score on.
        rounds: what was handed out, oldest first.
        takes: what came back, oldest first.
        open_tasks: photos that were handed out and do not have the labels that were asked for.
        hours_booked: for labels that came back.
        hours_left: of the budget; not below 0.
    """

    pool: ImagePool
    val_images: int
    rounds: tuple[Round, ...]
    takes: tuple[Take, ...]
    open_tasks: tuple[Task, ...]
    hours_booked: float
    hours_left: float


def standing_of(project: Project) -> Standing:
    """Read the labels and the history of a project.

    Raises:
        DataError: a file is broken.
        RunError: its folder cannot be written, or another process changes it.
    """
    with changing(project):
        data = project.data()
    rounds, takes = read_rounds(project.folder), read_takes(project.folder)
    tasks = {task.image_id: task for one in rounds for task in one.tasks}
    of_train = data.train.by_id
    waiting = tuple(
        task for task in tasks.values() if task.image_id in of_train and _waits(task, of_train[task.image_id])
    )
    booked = sum(take.hours for take in takes)
    left = max(project.settings.hours - booked, 0.0)
    return Standing(pool_of(data.train), len(data.val.images), rounds, takes, waiting, booked, left)


def _waits(task: Task, image: ImageLabels) -> bool:
    if image.state == LabelState.WHOLE and not image.targets:
        return False
    return not image.can_be_full if task.masks else image.state == LabelState.NONE


def summary_in_words(project: Project, standing: Standing) -> list[str]:
    """Say what is labelled and what is paid for."""
    pool, prices = standing.pool, project.settings.prices
    bare = pool.images - pool.full - pool.weak
    return [
        f"Of {pool.images:,} photos {pool.full:,} have masks, {pool.weak:,} have boxes or no object, and {bare:,} have "
        f"no labels. {standing.val_images:,} more photos are val.",
        f"The budget is {project.settings.hours:g} hours: {standing.hours_booked:.1f} are booked, "
        f"{standing.hours_left:.1f} left. Masks of a photo take {prices.mask_seconds:g} s, boxes "
        f"{prices.box_seconds:g} s ({prices.name}).",
    ]


@dataclass(frozen=True)
class Basis:
    """Results that a plan rests on.

    Attributes:
        fitted: the AP surface.
        results: behind it.
        source: "published" or "own".
        in_words: which results these are.
    """

    fitted: FittedSurface
    results: Results
    source: str
    in_words: str


def bases_of(project: Project) -> tuple[Basis, ...]:
    """Return what plans can rest on, the best last: the paper's results, and the pilot once it has four scores."""
    metric = project.settings.metric
    dataset, method = _PAPER
    published = published_surface(dataset, method, metric)
    told = f"the paper's {method} models on {dataset}, which are other photos than yours, with {SHORT_METRICS[metric]}"
    bases = [Basis(published, results_of(published), PUBLISHED, told)]
    runs = scores_of(project, pilot_tag(project))
    if len(runs) >= LEAST_PILOT_RUNS:
        # Imports scipy and pandas, which a plan without a pilot does not need.
        from splitlab.budget.pilot import fit_pilot

        told = f"{len(runs)} runs of your pilot, with {SHORT_METRICS[metric]} on your val photos"
        bases.append(Basis(fit_pilot(runs), runs, "own", told))
    return tuple(bases)


def interval_of(basis: Basis, forecast: SplitForecast) -> tuple[float, float]:
    """Return the 90% interval of a forecast on the project's photos, AP.

    Results on other photos tell which splits are better, but not how high the scores are: the level then has the wide
    prior of the AP surface.
    """
    if basis.source != PUBLISHED:
        return forecast.low, forecast.high
    ends = logit(np.clip(forecast.ap / 100, _LEAST_SHARE, 1 - _LEAST_SHARE)) + _WIDE * np.array([-1, 1])
    low, high = (100 * expit(ends)).tolist()
    return low, high


def plan_rest(project: Project, standing: Standing, basis: Basis) -> PlanAnswer:
    """Plan the hours that are left.

    Raises:
        BudgetError: the budget is spent, or does not pay for the masks of one photo.
    """
    if standing.hours_left <= 0:
        raise BudgetError(
            f"The budget of {project.settings.hours:g} hours is spent ({standing.hours_booked:.1f} are booked). Raise "
            f"it: splitlab project plan {project.name} --hours."
        )
    return answer_for_hours(
        basis.fitted, basis.results, basis.source, project.settings.prices, standing.hours_left, standing.pool
    )


@dataclass(frozen=True)
class BatchSize:
    """How many photos get masks next, and how many get boxes.

    Raises:
        SettingsError: a number is negative, or both are 0.
    """

    masks: int
    boxes: int

    def __post_init__(self) -> None:
        if min(self.masks, self.boxes) < 0 or self.masks + self.boxes == 0:
            raise SettingsError(
                f"A batch of {self.masks} photos with masks and {self.boxes} with boxes: give numbers of 0 or more, at "
                "least one photo in all."
            )


def batch_size(project: Project, standing: Standing, answer: PlanAnswer, hours: float) -> BatchSize:
    """Take the share of a plan that some hours pay for, at least one photo.

    Raises:
        BudgetError: the hours are not above 0, the plan needs no more labels, or they pay for no photo.
    """
    if not hours > 0:
        raise BudgetError(f"A batch of {hours:g} hours holds no photo: give a number above 0.")
    best, pool, prices = answer.plan.best, standing.pool, project.settings.prices
    masks, boxes = best.full - pool.full, max(best.weak - pool.weak, 0)
    if masks + boxes == 0:
        raise BudgetError("The plan needs no more labels for these hours. Raise the budget, or stop here.")
    masks = round(masks * min(hours / best.hours, 1.0))
    paid = (hours * 3600 - masks * prices.mask_seconds) / prices.box_seconds
    boxes = min(boxes, max(int(paid + _TOLERANCE), 0))
    if masks + boxes == 0:
        raise BudgetError(
            f"{hours:g} hours pay for no photo at {prices.mask_seconds:g} s for masks and {prices.box_seconds:g} s for "
            "boxes. Give more."
        )
    return BatchSize(masks, boxes)


def expected_after(project: Project, standing: Standing, basis: Basis, batch: BatchSize) -> ExpectedScore:
    """Forecast the score of a model on the labels there will be after a batch."""
    pool = standing.pool
    full = min(pool.full + batch.masks, pool.images)
    weak = min(pool.weak + batch.boxes, pool.images - full)
    found = forecast_split(basis.fitted, project.settings.prices, full, weak, pool)
    low, high = interval_of(basis, found)
    return ExpectedScore(found.full, found.weak, found.ap, low, high, project.settings.metric, basis.in_words)


@dataclass(frozen=True)
class RoundFact:
    """A round as it was expected and as it went.

    Attributes:
        number: of the round; 0 for the labels before the first.
        expected: the score; None if none was forecast.
        hours_planned: for its labels.
        hours_booked: for labels that came back after it and before the next one.
        scores: measured on val after it, by split.
    """

    number: int
    expected: ExpectedScore | None
    hours_planned: float
    hours_booked: float
    scores: Mapping[tuple[int, int], float]

    @property
    def measured(self) -> float | None:
        """The score of the run with most masks after this round, AP; None if there is none."""
        return self.scores[max(self.scores)] if self.scores else None


def facts_of(project: Project, standing: Standing) -> tuple[RoundFact, ...]:
    """Set what was expected of each round beside what was measured and booked."""
    starts = [one.made for one in standing.rounds]
    facts = []
    for number in range(len(standing.rounds) + 1):
        after, before = ["", *starts][number], [*starts, "~"][number]
        booked = sum(take.hours for take in standing.takes if after <= take.made < before)
        runs = scores_of(project, round_tag(project, number))
        splits = zip(runs["full"].tolist(), runs["weak"].tolist(), strict=True)
        scores = dict(zip(splits, runs["ap"].tolist(), strict=True))
        one = standing.rounds[number - 1] if number else None
        facts.append(RoundFact(number, one.expected if one else None, one.hours if one else 0.0, booked, scores))
    return tuple(facts)
