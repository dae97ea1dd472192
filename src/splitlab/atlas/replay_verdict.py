"""What a replay says: the hours in which a strategy reaches the AP that random reaches (docs/decisions/0308)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from splitlab.atlas.replay import CHOICE, START, report_stage
from splitlab.errors import BudgetError
from splitlab.next_batch.strategies import STRATEGY_NAMES, Random

MOST_RATIO, SETS_TO_WIN, FINALISTS = 0.85, 2, 2
CONFIDENCE = 0.975
"""Of each interval: two strategies are looked at on each set."""

_LEAST_GAIN = 1.0
_VAL, _TEST = "val_ap50_95", "ap50_95"

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """The rounds of one strategy on one set, the start first.

    Attributes:
        hours: (S, R) added hours of labelling of each seed.
        ap: (S, R) AP of each seed.
    """

    hours: _Floats
    ap: _Floats

    def mean(self, seeds: NDArray[np.int64]) -> tuple[_Floats, _Floats]:
        """Return mean hours and AP, (R,), over some rows, the AP made non-decreasing by least squares."""
        hours, ap = self.hours[seeds].mean(axis=0), self.ap[seeds].mean(axis=0)
        return hours, np.asarray(isotonic_regression(ap).x)


@dataclass(frozen=True)
class HoursRatio:
    """A strategy's hours to the AP that random reaches, over random's own hours.

    Attributes:
        value: infinite where the strategy does not reach it.
        low, high: ends of the interval over seeds.
    """

    value: float
    low: float
    high: float

    @property
    def meets_bar(self) -> bool:
        """Whether the ratio is low enough, and surely below 1."""
        return self.value <= MOST_RATIO and self.high < 1


def hours_to(hours: _Floats, ap: _Floats, target: float) -> float:
    """Return the first hours at which a curve of (R,) points reaches an AP, on straight lines; infinite if it does not.

    Args:
        hours: increasing.
        ap: non-decreasing.
        target: the AP.
    """
    place = int(np.searchsorted(ap, target))
    if place == len(ap):
        return float("inf")
    if place == 0:
        return float(hours[0])
    share = (target - ap[place - 1]) / (ap[place] - ap[place - 1])
    return float(hours[place - 1] + share * (hours[place] - hours[place - 1]))


def hours_ratio(random: Curves, strategy: Curves) -> HoursRatio:
    """Compare a strategy with random by the same seeds; the interval is of all resamples of the seeds in pairs."""
    count = len(random.ap)
    resamples = itertools.product(range(count), repeat=count)
    drawn = [_ratio(random, strategy, np.array(seeds)) for seeds in resamples]
    # No interpolation: between two infinite ratios there is no number.
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return HoursRatio(_ratio(random, strategy, np.arange(count)), float(low), float(high))


def _ratio(random: Curves, strategy: Curves, seeds: NDArray[np.int64]) -> float:
    hours, ap = random.mean(seeds)
    own = hours_to(hours, ap, ap[-1])
    if own == 0 or float(np.mean(random.ap[seeds, -1] - random.ap[seeds, 0])) <= 0:
        return float("inf")  # random gained nothing, so there is nothing to reach sooner
    return hours_to(*strategy.mean(seeds), ap[-1]) / own


def curves(rows: pd.DataFrame, stage: str, dataset: str, strategy: str, score: str) -> Curves | None:
    """Return the curves of a strategy on a set from the rows of a replay; None unless every chain is whole.

    A stage's seeds and rounds are those of the plan.
    """
    plan = CHOICE if stage == CHOICE.name else report_stage(())
    ours = rows[(rows["stage"] == stage) & (rows["dataset"] == dataset)]
    ours = ours[ours["strategy"].isin([START, strategy])]
    hours, ap = (
        ours.pivot_table(index="seed", columns="round", values=column).reindex(
            plan.seeds, columns=range(plan.rounds + 1)
        )
        for column in ("hours", score)
    )
    if ap.isna().to_numpy().any():
        return None
    return Curves(hours.to_numpy(float), ap.to_numpy(float))


def leads(rows: pd.DataFrame, datasets: tuple[str, ...]) -> dict[str, float]:
    """Return the lead of each strategy over random in the stage of choice, by name, largest first.

    Raises:
        BudgetError: the stage is not whole on one of the sets.
    """
    found = {
        name: [_lead(rows, dataset, name) for dataset in datasets] for name in STRATEGY_NAMES if name != Random.name
    }
    return dict(sorted(((name, float(np.mean(each))) for name, each in found.items()), key=lambda one: -one[1]))


def finalists(rows: pd.DataFrame, datasets: tuple[str, ...]) -> tuple[str, ...]:
    """Return the strategies that go on to the report. Raise BudgetError if the stage of choice is not whole."""
    return tuple(leads(rows, datasets))[:FINALISTS]


def _lead(rows: pd.DataFrame, dataset: str, name: str) -> float:
    random, ours = (curves(rows, CHOICE.name, dataset, one, _VAL) for one in (Random.name, name))
    if random is None or ours is None:
        raise BudgetError(f"The stage of choice is not whole on {dataset}: train its open runs first.")
    (hours,), (ap,) = random.hours, random.ap
    # A fall at the end is noise, and would count more hours as an advantage.
    slope = max((ap[-1] - ap[-2]) / (hours[-1] - hours[-2]), 0.0)
    beyond = np.maximum(ours.hours[0] - hours[-1], 0) * slope
    ahead = ours.ap[0] - np.interp(ours.hours[0], hours, ap) - beyond
    return float(ahead[1:].mean() / max(ap[-1] - ap[0], _LEAST_GAIN))


def ratios(
    rows: pd.DataFrame, datasets: tuple[str, ...], strategies: tuple[str, ...]
) -> dict[str, dict[str, HoursRatio]]:
    """Return the ratio of each strategy by set and name; sets whose chains are not all whole are left out."""
    found = {}
    for dataset in datasets:
        every = {name: curves(rows, "report", dataset, name, _TEST) for name in (Random.name, *strategies)}
        whole = {name: one for name, one in every.items() if one is not None}
        if len(whole) == len(every):
            found[dataset] = {name: hours_ratio(whole[Random.name], whole[name]) for name in strategies}
    return found


def default_strategy(found: Mapping[str, Mapping[str, HoursRatio]]) -> str:
    """Return the strategy that meets the bar on two sets; of several, the one with the smaller mean ratio there.

    Random if none does.
    """
    names = dict.fromkeys(name for of_set in found.values() for name in of_set)
    met = {name: [one[name].value for one in found.values() if one[name].meets_bar] for name in names}
    won = {name: float(np.mean(values)) for name, values in met.items() if len(values) >= SETS_TO_WIN}
    return min(won, key=won.__getitem__) if won else Random.name
