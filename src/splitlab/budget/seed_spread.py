"""Several trainings of one split with other seeds as one row: their mean, and how far they lie apart.

A seed's luck is shared by its splits, so splits are compared by the seeds that all of a series have: a second seed in
the middle alone would move the middle against its ends.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from types import MappingProxyType

import pandas as pd

from splitlab.budget.results import METRICS

ENOUGH_SEEDS = 3
"""From so many on a standard deviation says something; of two their own scores say more."""

SERIES = ("source", "dataset", "group", "method", "settings")
"""Rows that agree in these differ by split and seed alone."""

KEY = ("source", "dataset", "group", "method", "full", "weak", "settings")
"""Rows that agree in all of these are trainings of one split that differ by their seed."""

SPREAD_COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {metric: (f"{metric}_low", f"{metric}_high") for metric in METRICS}
)
"""For each metric the columns of the spread's two ends."""


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each split that was trained alike, with the mean over the seeds that its whole series has.

    Where no seed is common to all splits of a series, each split has the mean over its own. A seed that was trained
    more than once counts once, with its own mean: equal seeds are no independent trials.

    Args:
        table: A results table of measured rows.

    Returns:
        The table's columns, each metric the mean; `seed` is missing where there are several, `run` names the first of
        them, `note` says which seeds are in the mean and what the spread is, after the run's own. Beside them `seeds`
        (how many), and for each metric the two ends of its spread over all of them (`SPREAD_COLUMNS`): one standard
        deviation (n - 1) each way from 3 seeds on, the smallest and the largest of 2, missing for 1.
    """
    key, metrics = list(KEY), list(METRICS)
    first = table.sort_values("run", kind="stable").drop_duplicates(key).set_index(key)
    by_seed = table.groupby([*key, "seed"], dropna=False, sort=False)[metrics].mean()
    groups = by_seed.groupby(level=key, sort=False)
    deviation, smallest, largest = groups.std(ddof=1), groups.min(), groups.max()
    scored, seeds = groups.count(), groups.size()
    counted = by_seed[_in_the_mean(by_seed)]
    mean = counted.groupby(level=key, sort=False).mean()
    merged = first.assign(**{metric: mean[metric] for metric in metrics}, seeds=seeds)
    for metric, (low, high) in SPREAD_COLUMNS.items():
        enough, two = scored[metric] >= ENOUGH_SEEDS, scored[metric] == 2
        middle = groups[metric].mean()
        merged[low] = (middle - deviation[metric]).where(enough, smallest[metric].where(two))
        merged[high] = (middle + deviation[metric]).where(enough, largest[metric].where(two))
    several = merged["seeds"] > 1
    merged["note"] = merged["note"].mask(several, _notes(by_seed, counted, merged["note"]))
    merged["seed"] = merged["seed"].mask(several)
    ends = [end for pair in SPREAD_COLUMNS.values() for end in pair]
    return merged.reset_index()[[*table.columns, "seeds", *ends]].astype({**table.dtypes.to_dict(), "seeds": "int64"})


def spread_in_words(seeds: int) -> str:
    """Say what the two ends of a spread over so many seeds are; empty for one seed."""
    if seeds < 2:
        return ""
    return "standard deviation each way" if seeds >= ENOUGH_SEEDS else "smallest and largest"


def _in_the_mean(by_seed: pd.DataFrame) -> "pd.Series[bool]":
    """Say of each split and seed whether it counts: all splits of its series have the seed, or they share none.

    Args:
        by_seed: scores by `KEY` and seed.
    """
    runs = by_seed.index.to_frame(index=False)
    series = list(SERIES)
    sizes = runs.drop_duplicates(list(KEY)).groupby(series, dropna=False).size()
    splits = runs[series].merge(sizes.rename("splits").reset_index(), on=series, how="left")["splits"]
    common = runs.groupby([*series, "seed"], dropna=False)["full"].transform("size") == splits
    any_common = common.groupby([runs[name] for name in series], dropna=False).transform("any")
    return pd.Series((common | ~any_common).to_numpy(), by_seed.index)


def _notes(by_seed: pd.DataFrame, counted: pd.DataFrame, own: "pd.Series[str]") -> "pd.Series[str]":
    every_seed, in_mean = _seeds(by_seed), _seeds(counted)
    told = [_note(every_seed[split], in_mean[split]) for split in own.index]
    first = [f"{note.rstrip('.')}. " if note else "" for note in own]
    return pd.Series(map("".join, zip(first, told, strict=True)), own.index, dtype=own.dtype)


def _seeds(by_seed: pd.DataFrame) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = defaultdict(list)
    for *split, seed in by_seed.index:
        if not pd.isna(seed):
            found[tuple(split)].append(int(seed))
    return found


def _note(seeds: list[int], in_mean: list[int]) -> str:
    listed, spread = ", ".join(map(str, sorted(seeds))), spread_in_words(len(seeds))
    if len(in_mean) == len(seeds):
        return f"Mean of {len(seeds)} seeds ({listed}); bars: {spread}."
    common = ", ".join(map(str, sorted(in_mean)))
    return f"Seed {common} alone, which all splits here have; bars: {spread} of seeds {listed}."
