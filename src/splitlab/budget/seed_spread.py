"""Several trainings of one split with other seeds as one row: their mean, and how far they lie apart.

A seed's luck is shared by its splits, so where splits are compared, they are by the seeds that all of them have: a
second seed in the middle alone would move the middle against its ends.
"""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from splitlab.budget.results import METRICS
from splitlab.budget.ways_of_training import ways_of_training

ENOUGH_SEEDS = 3
"""From so many on a standard deviation says something; of two their own scores say more."""

SERIES = ("source", "dataset", "group", "method", "way")
"""Rows that agree in these differ by split and seed alone; `way` is that of `ways_of_training`."""

KEY = ("source", "dataset", "group", "method", "full", "weak", "settings")
"""Rows that agree in all of these are trainings of one split that differ by their seed."""

COMMON_ALONE = " The score shown is over the seeds alone that all splits here have."

SPREAD_COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {metric: (f"{metric}_low", f"{metric}_high") for metric in METRICS}
)
"""For each metric the columns of the spread's two ends."""


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each split that was trained alike, with the mean over its seeds.

    A seed that was trained more than once counts once, with its own mean: equal seeds are no independent trials.

    Args:
        table: A results table of measured rows.

    Returns:
        The table's columns, each metric the mean; `seed` is missing where there are several, `run` names the first of
        them, `note` says which, after its own. Beside them `seeds` (how many), and for each metric the two ends of its
        spread (`SPREAD_COLUMNS`): one standard deviation (n - 1) each way from 3 seeds on, the smallest and the largest
        of 2, missing for 1.
    """
    key, metrics = list(KEY), list(METRICS)
    first = table.sort_values("run", kind="stable").drop_duplicates(key).set_index(key)
    by_seed = table.groupby([*key, "seed"], dropna=False, sort=False)[metrics].mean()
    groups = by_seed.groupby(level=key, sort=False)
    mean, deviation, smallest, largest = groups.mean(), groups.std(ddof=1), groups.min(), groups.max()
    scored, seeds = groups.count(), groups.size()
    merged = first.assign(**{metric: mean[metric] for metric in metrics}, seeds=seeds)
    for metric, (low, high) in SPREAD_COLUMNS.items():
        enough, two = scored[metric] >= ENOUGH_SEEDS, scored[metric] == 2
        merged[low] = (mean[metric] - deviation[metric]).where(enough, smallest[metric].where(two))
        merged[high] = (mean[metric] + deviation[metric]).where(enough, largest[metric].where(two))
    several = merged["seeds"] > 1
    merged["note"] = merged["note"].mask(several, _after(merged["note"], _notes(table, key).reindex(merged.index)))
    merged["seed"] = merged["seed"].mask(several)
    ends = [end for pair in SPREAD_COLUMNS.values() for end in pair]
    return merged.reset_index()[[*table.columns, "seeds", *ends]].astype({**table.dtypes.to_dict(), "seeds": "int64"})


def by_common_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return what `over_seeds` does, each metric the mean over the seeds that all splits of its series have.

    The spread stays that of all seeds; `note` says where the mean does not hold them all. Where no seed is common to
    the splits of a series, their means stay.

    Args:
        table: A results table of measured rows.
    """
    merged, common = over_seeds(table), _is_common(table)
    if common.all():
        return merged
    key = list(KEY)
    merged = merged.set_index(key)
    fair = over_seeds(table[common]).set_index(key).reindex(merged.index)
    fewer = fair["seeds"] < merged["seeds"]
    merged = merged.assign(**{metric: fair[metric] for metric in METRICS})
    merged["note"] = merged["note"].mask(fewer, merged["note"] + COMMON_ALONE)
    return merged.reset_index()[[*table.columns, *merged.columns.difference(table.columns, sort=False)]]


def spread_in_words(seeds: int) -> str:
    """Say what the two ends of a spread over so many seeds are; empty for one seed."""
    if seeds < 2:
        return ""
    return "standard deviation each way" if seeds >= ENOUGH_SEEDS else "smallest and largest"


def _is_common(table: pd.DataFrame) -> "pd.Series[bool]":
    """Say of each row whether all splits of its series have its seed, or share none."""
    runs = table.assign(way=ways_of_training(table))
    series = [runs[name] for name in SERIES]
    split = runs["full"].astype(str) + "/" + runs["weak"].astype(str)
    splits = split.groupby(series).transform("nunique")
    common = split.groupby([*series, runs["seed"]], dropna=False).transform("nunique") == splits
    return common | ~common.groupby(series).transform("any")


def _after(notes: "pd.Series[str]", told: "pd.Series[str]") -> "pd.Series[str]":
    first = notes.str.rstrip(".") + ". "
    return first.where(notes != "", "") + told


def _notes(table: pd.DataFrame, key: list[str]) -> "pd.Series[str]":
    def note(seeds: "pd.Series[int]") -> str:
        different = sorted(seeds.dropna().unique())
        listed = ", ".join(map(str, different))
        return f"Mean of {len(different)} seeds ({listed}); bars: {spread_in_words(len(different))}."

    return table.groupby(key, sort=False)["seed"].agg(note).astype(table["note"].dtype)
