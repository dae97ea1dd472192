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
    without_boxes_in_words,
)
from splitlab.budget.planner import Plan, plan_for_hours, plan_for_score
from splitlab.budget.trained_splits import Fall, TrainedSplit, best_for_hours, cheapest_for_score, falls

if TYPE_CHECKING:
    from splitlab.budget.trained_splits import Results


@dataclass(frozen=True)
class PlanAnswer:
    """A plan with everything that is shown beside it.

    Attributes:
        plan: The plan.
        hours: Its budget; for a score, the hours it takes.
        limit: What limits the plan for these hours.
        limited_by: The same in a word or two, including the score if one was asked for.
        trained: The best trained split for the same hours, or the cheapest that reached the score; None if there is
            none.
        trained_is_ahead: Whether `trained` scored more than the plan's expected score, or reached the score in fewer
            hours.
        falls: Where more boxes lowered the score in the results behind the forecast.
        limit_told: What limits the plan, and which splits leave hours unspent, in words.
        ways_told: The flat region and the extremes in words; empty if the hours buy only one split.
        trained_told: A sentence on `trained`; empty if it is None, or if the plan for a budget labels nothing.
        caveats: Reasons why the forecast may be unreliable, a sentence each.
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
        fitted: The fitted AP surface.
        results: The results it was fitted to; see `best_for_hours`.
        of: The source of the results: "published", "measured" or "own".
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: The images and their existing labels.
    """
    plan = plan_for_hours(fitted, prices, hours, pool)
    best = plan.best
    limit = plan_limit(fitted, prices, hours, pool, best)
    trained, fallen = best_for_hours(results, prices, hours, pool), falls(results)
    return PlanAnswer(
        plan=plan,
        hours=hours,
        limit=limit,
        limited_by=limit.by,
        trained=trained,
        trained_is_ahead=trained is not None and trained.ap > best.ap,
        falls=fallen,
        limit_told=_joined(
            limit_in_words(limit, pool),
            unspent_in_words(limit, pool),
            without_boxes_in_words(fitted, best, pool),
        ),
        ways_told=other_ways(plan, hours),
        trained_told=best_trained_in_words(trained, best, of) if trained and best.hours else "",
        caveats=(*caveats(fitted, best), *falls_in_words(fitted, fallen)),
    )


def answer_for_score(
    fitted: FittedSurface, results: Results, of: str, prices: Prices, ap: float, pool: ImagePool
) -> PlanAnswer:
    """Plan for a score; the other arguments are those of `answer_for_hours`."""
    plan = plan_for_score(fitted, prices, ap, pool)
    best, hours = plan.best, plan.best.hours
    limit = plan_limit(fitted, prices, hours, pool, best)
    trained, fallen = cheapest_for_score(results, prices, ap, pool), falls(results)
    return PlanAnswer(
        plan=plan,
        hours=hours,
        limit=limit,
        limited_by="score" if limit.by == "hours" else "score and images",
        trained=trained,
        trained_is_ahead=trained is not None and trained.hours < hours,
        falls=fallen,
        limit_told=_joined(
            score_in_words(limit, best, pool),
            unspent_in_words(limit, pool),
            without_boxes_in_words(fitted, best, pool),
        ),
        ways_told=other_ways(plan, hours) if hours else "",
        trained_told=cheapest_trained_in_words(trained, best, of) if trained else "",
        caveats=(*caveats(fitted, best), *falls_in_words(fitted, fallen)),
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
