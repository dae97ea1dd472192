"""Where a project stands: labels and hours so far, the plan for the rest, and forecasts against what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit, ndtri

from splitlab.budget.cost import ImagePool
from splitlab.budget.fit import FittedSurface
from splitlab.budget.plan_answer import PlanAnswer, answer_for_hours
from splitlab.budget.planner import SplitForecast, forecast_split
from splitlab.budget.published import published_surface
from splitlab.budget.results import PUBLISHED
from splitlab.budget.surface import PRIOR_SD
from splitlab.budget.trained_splits import results_of
from splitlab.data.dataset import Dataset, LabelState
from splitlab.errors import BudgetError, SettingsError
from splitlab.project.hand_over import hours_of, open_tasks
from splitlab.project.project import Project, pool_of
from splitlab.project.rounds import ExpectedScore, Round, Take, Task, read_rounds, read_takes
from splitlab.project.take_back import changing
from splitlab.project.training import labels_tag, pilot_tag

if TYPE_CHECKING:
    import pandas as pd

    from splitlab.budget.trained_splits import Results

    Scores = Mapping[str, pd.DataFrame]

_LEAST_PILOT_RUNS = 4
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
        ahead: the pool as it will be when these have their labels; plans start from it.
        hours_booked: for labels that came back.
        hours_open: that the open tasks take by the prices.
        hours_left: of the budget, without booked and open ones; not below 0.
    """

    pool: ImagePool
    val_images: int
    rounds: tuple[Round, ...]
    takes: tuple[Take, ...]
    open_tasks: tuple[Task, ...]
    ahead: ImagePool
    hours_booked: float
    hours_open: float
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
    waiting = open_tasks(data.train, rounds)
    pool, booked = pool_of(data.train), sum(take.hours for take in takes)
    to_pay = hours_of(waiting, project.settings.prices)
    return Standing(
        pool=pool,
        val_images=len(data.val.images),
        rounds=rounds,
        takes=takes,
        open_tasks=waiting,
        ahead=_ahead(pool, waiting, data.train),
        hours_booked=booked,
        hours_open=to_pay,
        hours_left=max(project.settings.hours - booked - to_pay, 0.0),
    )


def _ahead(pool: ImagePool, waiting: Sequence[Task], train: Dataset) -> ImagePool:
    masks = sum(task.masks for task in waiting)
    has_labels = sum(task.masks and train.by_id[task.image_id].state == LabelState.WHOLE for task in waiting)
    return ImagePool(pool.images, pool.full + masks, pool.weak + len(waiting) - masks - has_labels)


def summary_in_words(project: Project, standing: Standing) -> list[str]:
    """Say what is labelled and what is paid for."""
    pool, prices = standing.pool, project.settings.prices
    bare = pool.images - pool.full - pool.weak
    handed = f"{standing.hours_open:.1f} are handed out, " if standing.open_tasks else ""
    return [
        f"Of {pool.images:,} photos {pool.full:,} have masks, {pool.weak:,} have boxes or no object, and {bare:,} have "
        f"no labels. {standing.val_images:,} more photos are val.",
        f"The budget is {project.settings.hours:g} hours: {standing.hours_booked:.1f} are booked, {handed}"
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


def bases_of(project: Project, scores: Scores) -> tuple[Basis, ...]:
    """Return what plans can rest on, the best last: the paper's results, and the pilot once it has four scores.

    Args:
        project: the project.
        scores: of `scores_of`.
    """
    metric = project.settings.metric
    dataset, method = _PAPER
    published = published_surface(dataset, method, metric)
    told = f"the paper's {method} models on {dataset}, which are other photos than yours"
    bases = [Basis(published, results_of(published), PUBLISHED, told)]
    tags = (pilot_tag(project, takes) for takes in range(len(read_takes(project.folder)), -1, -1))
    pilots = (scores[tag] for tag in tags if tag in scores)
    runs = next((found for found in pilots if len(found) >= _LEAST_PILOT_RUNS), None)
    if runs is not None:
        # Imports pandas, which the project's status does without.
        from splitlab.budget.pilot import fit_pilot

        bases.append(Basis(fit_pilot(runs), runs, "own", f"{len(runs)} runs of your pilot on your val photos"))
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
            f"The budget of {project.settings.hours:g} hours is spent: {standing.hours_booked:.1f} are booked and "
            f"{standing.hours_open:.1f} handed out. Raise it: splitlab project plan {project.name} --hours."
        )
    return answer_for_hours(
        basis.fitted, basis.results, basis.source, project.settings.prices, standing.hours_left, standing.ahead
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
    """Take the share of a plan that some hours pay for.

    Raises:
        BudgetError: the hours are not above 0, the plan needs no more labels, or they pay for no photo.
    """
    if not hours > 0:
        raise BudgetError(f"A batch of {hours:g} hours holds no photo: give a number above 0.")
    best, pool, prices = answer.plan.best, standing.ahead, project.settings.prices
    masks, boxes = best.full - pool.full, max(best.weak - pool.weak, 0)
    if masks + boxes == 0:
        raise BudgetError("The plan needs no more labels for these hours. Raise the budget, or stop here.")
    masks = min(round(masks * min(hours / best.hours, 1.0)), int(prices.masks_for(hours) + _TOLERANCE))
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
    pool = standing.ahead
    full = min(pool.full + batch.masks, pool.images)
    weak = min(pool.weak + batch.boxes, pool.images - full)
    found = forecast_split(basis.fitted, project.settings.prices, full, weak, pool)
    low, high = interval_of(basis, found)
    return ExpectedScore(found.full, found.weak, found.ap, low, high, project.settings.metric, basis.in_words)


@dataclass(frozen=True)
class Measured:
    """The score of a run on all labels: its split, images, and AP on val."""

    full: int
    weak: int
    ap: float


@dataclass(frozen=True)
class RoundFact:
    """A round as it was expected and as it went.

    Attributes:
        number: of the round; 0 for the labels before the first.
        expected: the score; None if none was forecast.
        hours_planned: for its labels.
        hours_booked: for labels that came back after it and before the next one.
        measured: the score on the labels there were before the next round; None if no run has one.
    """

    number: int
    expected: ExpectedScore | None
    hours_planned: float
    hours_booked: float
    measured: Measured | None


def facts_of(project: Project, standing: Standing, scores: Scores) -> tuple[RoundFact, ...]:
    """Set what was expected of each round beside what was measured and booked.

    Args:
        project: the project.
        standing: of the project.
        scores: of `scores_of`.
    """
    starts = ["", *(one.made for one in standing.rounds), "~"]
    made, facts = [take.made for take in standing.takes], []
    for place, one in enumerate((None, *standing.rounds)):
        since, until = (sum(when < start for when in made) for start in starts[place : place + 2])
        booked = sum(take.hours for take in standing.takes[since:until])
        first = 0 if one is None else since + 1
        number, expected, hours = (0, None, 0.0) if one is None else (one.number, one.expected, one.hours)
        tags = (labels_tag(project, number_of_takes) for number_of_takes in range(until, first - 1, -1))
        facts.append(RoundFact(number, expected, hours, booked, _measured(scores, tags)))
    return tuple(facts)


def _measured(scores: Scores, tags: Iterable[str]) -> Measured | None:
    """Return the score of the first of these tags that has one."""
    for tag in tags:
        for row in scores[tag].to_dict("records") if tag in scores else ():
            return Measured(int(row["full"]), int(row["weak"]), float(row["ap"]))
    return None
