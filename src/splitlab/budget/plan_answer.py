"""The answer to a budget question, as the Plan page and `splitlab plan` give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from splitlab.budget.cost import ImagePool, Prices
from splitlab.budget.fit import FittedSurface
from splitlab.budget.plan_in_words import (
    PlanLimit,
    best_trained_in_words,
    caveats,
    cheapest_trained_in_words,
    falls_in_words,
    limit_in_words,
    other_ways,
    plan_limit,
    score_in_words,
    unspent_in_words,
)
from splitlab.budget.planner import Plan, plan_for_hours, plan_for_score
from splitlab.budget.trained_splits import Fall, TrainedSplit, best_for_hours, cheapest_for_score, falls

if TYPE_CHECKING:
    from splitlab.budget.trained_splits import Results


@dataclass(frozen=True)
class PlanAnswer:
    """A plan and what a reader must know beside it.

    Attributes:
        plan: The plan.
        hours: Its budget; for a score, the hours it takes.
        limit: What limits the plan for these hours.
        limited_by: The same in a word or two, with the score among the limits where one was asked for.
        trained: The best trained split for the same hours, or the cheapest that reached the score; None if there is
            none.
        trained_is_ahead: Whether `trained` scored more than is expected of the plan, or took fewer hours to the score.
        falls: Where more boxes lowered the score in the results the forecast rests on.
        limit_told: A sentence or more on what limits the plan, and which splits leave hours unspent.
        ways_told: A sentence or more on the flat region and the extremes; empty if the hours buy one split alone.
        trained_told: A sentence on `trained`; empty if it is None, or the plan for a budget labels nothing.
        caveats: What keeps the forecast from being a promise, a sentence each.
    """

    plan: Plan
    hours: float
    limit: PlanLimit
    limited_by: str
    trained: TrainedSplit | None
    trained_is_ahead: bool
    falls: tuple[Fall, ...]
    limit_told: str
    ways_told: str
    trained_told: str
    caveats: tuple[str, ...]


def answer_for_hours(
    fitted: FittedSurface, results: Results, of: str, prices: Prices, hours: float, pool: ImagePool
) -> PlanAnswer:
    """Plan for a budget in hours.

    Args:
        fitted: The surface to go by.
        results: The results it rests on, as `trained_splits` takes them.
        of: Whose results they are, "published", "measured" or "own".
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: Images there are and labels already paid for.

    Raises:
        BudgetError: As `plan_for_hours`.
    """
    plan = plan_for_hours(fitted, prices, hours, pool)
    limit = plan_limit(fitted, prices, hours, pool, plan.best)
    trained, fallen = best_for_hours(results, prices, hours, pool), falls(results)
    return PlanAnswer(
        plan=plan,
        hours=hours,
        limit=limit,
        limited_by=limit.by,
        trained=trained,
        trained_is_ahead=trained is not None and trained.ap > plan.best.ap,
        falls=fallen,
        limit_told=_joined(limit_in_words(limit, pool), unspent_in_words(limit, pool)),
        ways_told=other_ways(plan, hours),
        trained_told=best_trained_in_words(trained, plan.best, of) if trained and plan.best.hours else "",
        caveats=(*caveats(fitted, plan.best), *falls_in_words(fallen)),
    )


def answer_for_score(
    fitted: FittedSurface, results: Results, of: str, prices: Prices, ap: float, pool: ImagePool
) -> PlanAnswer:
    """Plan for a score; see `answer_for_hours`.

    Raises:
        BudgetError: As `plan_for_score`.
    """
    plan = plan_for_score(fitted, prices, ap, pool)
    hours = plan.best.hours
    limit = plan_limit(fitted, prices, hours, pool, plan.best)
    trained, fallen = cheapest_for_score(results, prices, ap, pool), falls(results)
    return PlanAnswer(
        plan=plan,
        hours=hours,
        limit=limit,
        limited_by="score" if limit.by == "hours" else "score and images",
        trained=trained,
        trained_is_ahead=trained is not None and trained.hours < hours,
        falls=fallen,
        limit_told=_joined(score_in_words(limit, plan.best, pool), unspent_in_words(limit, pool)),
        ways_told=other_ways(plan, hours) if hours else "",
        trained_told=cheapest_trained_in_words(trained, plan.best, of) if trained else "",
        caveats=(*caveats(fitted, plan.best), *falls_in_words(fallen)),
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
