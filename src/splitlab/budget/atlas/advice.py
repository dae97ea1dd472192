"""The planner's advice, followed: what it says before the runs, and what the runs then reached."""

from __future__ import annotations

from splitlab.budget.atlas.grid import Grid, named, verdict_metric
from splitlab.budget.atlas.in_words import split_name
from splitlab.budget.atlas.noise import Split
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.image_pool import ImagePool
from splitlab.budget.planner import SplitForecast, plan_for_hours
from splitlab.budget.results import SHORT_METRICS
from splitlab.budget.surface_fit import fit_surface

BUDGETS = (3.0, 6.0, 12.0)
"""Hours of labelling, chosen before anything was measured."""


def advice(grid: Grid, hours: float) -> SplitForecast:
    """Return what the planner advises for a budget, by the planned runs alone: those it advised itself are not in it.

    Raises:
        BudgetError: the budget pays for no mask, or nothing was measured.
    """
    known = grid.rows[grid.rows[grid.metric].notna()]
    fitted = fit_surface(known["full"], known["weak"], known[grid.metric])
    return plan_for_hours(fitted, grid.prices, hours, ImagePool(grid.images)).best


def advised_splits(grid: Grid) -> tuple[Split, ...]:
    """Return the splits to train to see whether the advice was good.

    None before all planned runs are measured, or where too few splits have two seeds to judge an outcome.
    """
    if grid.missing or not grid.scores(grid.metric).knows_noise:
        return ()
    forecasts = [advice(grid, hours) for hours in BUDGETS]
    return tuple(dict.fromkeys((forecast.full, forecast.weak) for forecast in forecasts))


def advice_was_good(hours: float, grid: Grid) -> Claim:
    """Check the advice for a budget: its run lies in the forecast's interval, and nothing cheaper beats it."""
    advised = advice(grid, hours)
    split = (advised.full, advised.weak)
    told = (
        f"With {hours:g} hours the planner advises {split_name(split)} ({advised.hours:.1f} h) and expects "
        f"{SHORT_METRICS[grid.metric]} {advised.ap:.1f} ({advised.low:.1f} to {advised.high:.1f})."
    )
    return Claim(
        key=f"advice-{hours:g}h",
        section="here",
        statement=f"The planner's advice for {hours:g} hours is worth following: its run lies inside the interval that "
        "was told before, and no split of the plan that costs no more beats it by more than noise.",
        verdict=_verdict(grid, advised, hours),
        finding=f"{told} {_outcome(grid, split, hours)}",
        rows=grid.runs,
    )


def _verdict(grid: Grid, advised: SplitForecast, hours: float) -> Verdict:
    split = (advised.full, advised.weak)
    reached = grid.mean(split, grid.metric)
    if not reached.runs:
        return "not measured yet"
    others = _for_the_same_money(grid, split, hours)
    # "Nothing beats it" needs no sharing out of doubt: it fails if one does.
    beaten = any(grid.change(split, other, grid.metric).rises for other in others)
    return "holds" if advised.low <= reached.value <= advised.high and not beaten else "does not hold"


def _outcome(grid: Grid, split: Split, hours: float) -> str:
    reached, others = grid.mean(split, grid.metric), _for_the_same_money(grid, split, hours)
    if not reached.runs:
        by = verdict_metric(str(grid.rows["dataset"].iloc[0]))
        followed = "" if grid.metric == by else f" Advice is followed for {SHORT_METRICS[by]} alone."
        return f"That split is not trained.{followed}"
    told = f"It reached {reached.value:.1f}, over {reached.runs} runs."
    if not others:
        return told
    best = max(others, key=lambda other: grid.mean(other, grid.metric).value)
    return f"{told} The best other split for that money: {split_name(best)}, {grid.mean(best, grid.metric).value:.1f}."


def _for_the_same_money(grid: Grid, split: Split, hours: float) -> list[Split]:
    return [other for other in named(grid.splits[grid.splits["cost_hours"] <= hours]) if other != split]
