"""Check the planner's recommendations against the runs that were trained to test them."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, norm

from splitlab.atlas.grid import Grid, named, verdict_metric
from splitlab.atlas.noise import DOUBT, Split
from splitlab.atlas.score_observations import change_in_words, split_name
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.cost import ImagePool
from splitlab.budget.fit import FittedSurface, fit_surface
from splitlab.budget.planner import SplitForecast, forecast_split, plan_for_hours
from splitlab.budget.results import SHORT_METRICS
from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

BUDGETS = (3.0, 6.0, 12.0)
"""Hours of labelling, chosen before anything was measured."""

_LEVEL = 0.9
"""Share of single runs that should lie inside a forecast's interval."""

HONEST = 0.8
"""Least share of runs inside a 90 % interval for its claim to hold."""


@dataclass(frozen=True)
class _Counted:
    """How many single runs lie inside the intervals of their forecasts."""

    inside: int
    runs: int

    @property
    def verdict(self) -> Verdict:
        """The verdict on "90 % lie inside"; refuted only by a count that would be rare if it were true."""
        if not self.runs:
            return "not measured yet"
        if binom.cdf(self.inside, self.runs, _LEVEL) < DOUBT:
            return "does not hold"
        return "holds" if self.inside >= HONEST * self.runs else "not enough evidence"


def _advice(grid: Grid, hours: float) -> SplitForecast:
    """Return the recommendation for a budget: as recorded before the runs, else by the current planner."""
    recorded = grid.recorded.get(hours)
    return recorded or plan_for_hours(_fitted(grid), grid.prices, hours, ImagePool(grid.images)).best


def advised_splits(grid: Grid) -> tuple[Split, ...]:
    """Return the splits to train to test the recommendations.

    There are none before all planned runs are measured, or if too few splits have two seeds to judge a result.
    """
    if grid.missing or not grid.scores(grid.metric).knows_noise:
        return ()
    forecasts = [_advice(grid, hours) for hours in BUDGETS]
    return tuple(dict.fromkeys((forecast.full, forecast.weak) for forecast in forecasts))


def advice_was_good(hours: float, grid: Grid) -> Claim:
    """Check the recommendation for a budget against its interval, other splits, and half of the hours on each label."""
    advised = _advice(grid, hours)
    when = "before the runs, by an earlier planner" if hours in grid.recorded else "by the current planner"
    forecast = (
        f"Recommended for {hours:g} hours {when}: {split_name(_split(advised))} ({advised.hours:.1f} h), with "
        f"{SHORT_METRICS[grid.metric]} {shown(advised.ap)} ({shown(advised.low)} to {shown(advised.high)})."
    )
    return Claim(
        key=f"advice-{hours:g}h",
        section="here",
        statement=f"The planner's recommendation for {hours:g} hours is good: its single runs lie inside their 90 % "
        "interval, no split of the plan that costs no more beats it by more than noise, and it beats half of the hours "
        "on masks and half on boxes by more than noise.",
        verdict=_verdict(grid, advised, hours),
        finding=f"{forecast} {_outcome(grid, advised, hours)}",
        rows=grid.runs,
    )


def intervals_hold(grid: Grid) -> Claim:
    """Check the intervals of the recommendations by the single runs of all budgets together."""
    forecasts = {_split(advised): advised for advised in (_advice(grid, hours) for hours in BUDGETS)}
    counts = [_count(grid, advised) for advised in forecasts.values()]
    counted = _Counted(sum(one.inside for one in counts), sum(one.runs for one in counts))
    width = float(np.mean([advised.high - advised.low for advised in forecasts.values()]))
    naive = 2 * float(norm.ppf(0.5 + _LEVEL / 2) * grid.rows[grid.metric].std())
    sharper = width < naive
    return Claim(
        key="advice-intervals",
        section="here",
        statement="90 % of the single runs of recommended splits lie inside the 90 % interval for one run. "
        f"(Here: at least {HONEST:.0%} do, and the intervals are narrower than the spread of all planned runs.)",
        verdict="does not hold" if counted.runs and not sharper else counted.verdict,
        finding=f"{counted.inside} of {counted.runs} single runs lie inside. The intervals are {shown(width)} "
        f"{SHORT_METRICS[grid.metric]} wide on average; one from the mean and the spread of all planned runs would be "
        f"{shown(naive)} wide.",
        rows=grid.runs,
    )


def _fitted(grid: Grid) -> FittedSurface:
    known = grid.rows[grid.rows[grid.metric].notna()]
    return fit_surface(known["full"], known["weak"], known[grid.metric], known["seed"])


def _split(forecast: SplitForecast) -> Split:
    return forecast.full, forecast.weak


def _single_runs(grid: Grid, split: Split) -> Floats:
    runs = grid.runs.sort_values("seed")
    own = runs[(runs["full"] == split[0]) & (runs["weak"] == split[1])]
    return own[grid.metric].dropna().to_numpy(dtype=np.float64)


def _count(grid: Grid, forecast: SplitForecast) -> _Counted:
    reached = _single_runs(grid, _split(forecast))
    return _Counted(int(((reached >= forecast.low) & (reached <= forecast.high)).sum()), reached.size)


def _verdict(grid: Grid, advised: SplitForecast, hours: float) -> Verdict:
    split = _split(advised)
    by_interval = _count(grid, advised).verdict
    if by_interval == "not measured yet":
        return by_interval
    others = _for_the_same_money(grid, split, hours)
    beats = [grid.change(split, other, grid.metric, len(others)).rises for other in others]
    if by_interval == "does not hold" or any(beats):
        return "does not hold"
    rival = _half_and_half(grid, others, hours)
    if rival is None or by_interval == "not enough evidence":
        return "not enough evidence"
    gain = grid.change(rival, split, grid.metric)
    return "holds" if gain.rises else "does not hold" if gain.falls else "not enough evidence"


def _outcome(grid: Grid, advised: SplitForecast, hours: float) -> str:
    split = _split(advised)
    reached, others = _single_runs(grid, split), _for_the_same_money(grid, split, hours)
    if not reached.size:
        by = verdict_metric(str(grid.rows["dataset"].iloc[0]))
        only = "" if grid.metric == by else f" Only recommendations for {SHORT_METRICS[by]} are trained."
        return f"That split was not trained.{only}"
    text = f"It reached {' and '.join(shown(score) for score in reached)}: {_inside(_count(grid, advised))}."
    if hours in grid.recorded:
        now = forecast_split(_fitted(grid), grid.prices, *split, ImagePool(grid.images))
        text += (
            f" The current planner forecasts {shown(now.ap)} ({shown(now.low)} to {shown(now.high)}) for a new seed: "
            f"{_inside(_count(grid, now))}."
        )
    if not others:
        return text
    best = max(others, key=lambda other: grid.value(other, grid.metric))
    text += f" The best other split at that cost: {split_name(best)}, {shown(grid.value(best, grid.metric))}."
    rival = _half_and_half(grid, others, hours)
    if rival is None:
        return text
    gain = change_in_words(grid.change(rival, split, grid.metric), grid.metric)
    return f"{text} Compared with the split nearest to half of the hours on each label, {gain}."


def _inside(counted: _Counted) -> str:
    return f"{counted.inside} of {counted.runs} single runs inside"


def _for_the_same_money(grid: Grid, split: Split, hours: float) -> list[Split]:
    return [other for other in named(grid.splits[grid.splits["cost_hours"] <= hours]) if other != split]


def _half_and_half(grid: Grid, affordable: list[Split], hours: float) -> Split | None:
    """Return the measured split nearest, by ratios of images, to half of the hours on masks and half on boxes."""
    if not affordable:
        return None
    full = min(grid.prices.masks_for(hours / 2), grid.images)
    weak = min(grid.prices.boxes_for(hours / 2), grid.images - full)
    return min(
        affordable, key=lambda split: abs(math.log(split[0] / full)) + abs(math.log((split[1] + 1) / (weak + 1)))
    )


def read_advice(path: Path, metric: str) -> dict[float, SplitForecast]:
    """Read the recorded recommendations of one metric by budget in hours; empty if the file is missing.

    Their intervals are for one run by the planner of November 2026, which treated the seed effect as noise.

    Raises:
        BudgetError: If the file is not such a table.
    """
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(path)
        rows = table[table["metric"] == metric]
        return {float(row["hours"]): _forecast(row) for row in rows.to_dict("records")}
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BudgetError(f"{path} cannot be read ({error}). Restore it from the repository.") from error


def _forecast(row: dict[Hashable, Any]) -> SplitForecast:
    return SplitForecast(
        full=int(row["full"]),
        weak=int(row["weak"]),
        hours=float(row["cost_hours"]),
        ap=float(row["ap"]),
        low=float(row["low"]),
        high=float(row["high"]),
        extrapolates=False,
    )
