"""Tables of results: one row per trained model, how it was trained, and the spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from splitlab.errors import BudgetError

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "published"
MEASURED = "measured"

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "ap50": "mask AP at IoU 0.50",
        "ap70": "mask AP at IoU 0.70",
        "ap75": "mask AP at IoU 0.75",
        "ap50_95": "mask AP, mean over IoU 0.50 to 0.95",
    }
)
"""Columns with scores, 0..100, and their axis titles."""

SHORT_METRICS: Mapping[str, str] = MappingProxyType(
    {"ap50": "AP50", "ap70": "AP70", "ap75": "AP75", "ap50_95": "AP50:95"}
)
"""The same columns with short names for table headers."""

COLUMN_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "source": "str",
        "dataset": "str",
        "group": "str",
        "method": "str",
        "full": "int64",
        "weak": "int64",
        "cost_hours": "float64",
        "cost_hours_printed": "float64",
        **dict.fromkeys(METRICS, "float64"),
        "seed": "Int64",
        "run": "str",
        "settings": "str",
        "scored_on": "str",
        "note": "str",
    }
)
"""The columns of a results table with their pandas types."""

ENOUGH_SEEDS = 3
"""From this many seeds on a standard deviation is shown; below, the scores themselves."""

SPREAD_COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {metric: (f"{metric}_low", f"{metric}_high") for metric in METRICS}
)
"""For each metric the columns of the two ends of its spread."""

_SERIES = ("source", "dataset", "group", "method", "way")
"""Rows with equal values here differ by split and seed alone; `way` comes from `ways_of_training`."""

_KEY = ("source", "dataset", "group", "method", "full", "weak", "settings")
"""Rows with equal values here are training runs of one split that differ by their seed."""

_BY_SPLIT = "steps by split"
"""Way of training if the settings follow from the split, such as steps counted in epochs."""

_COMMON_ALONE = " The score shown is the mean over the seeds that all splits share."


@dataclass(frozen=True)
class ResultRow:
    """One model of the results table.

    Attributes:
        source: `PUBLISHED` or `MEASURED`.
        dataset: Dataset, such as "VOC2012"; only rows of one dataset may be compared.
        method: The model, such as "YOLOv5".
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        cost_hours: Annotation cost computed from the prices, not rounded.
        group: Kind of supervision; "split" for models trained on an F/W split.
        cost_hours_printed: The cost as printed in the paper; NaN if none is.
        ap50: Mask AP at IoU 0.50, 0..100; NaN if not reported.
        ap70: Mask AP at IoU 0.70.
        ap75: Mask AP at IoU 0.75.
        ap50_95: Mask AP, mean over IoU 0.50 to 0.95.
        seed: Seed of a measured run.
        run: Folder name of a measured run.
        settings: How it was trained; equal for runs that differ by their seed alone; empty if unknown.
        scored_on: The images the scores were measured on, such as "val of pets, 119 images"; empty if unknown.
        note: A remark on the row; may be empty.

    Raises:
        BudgetError: If a count or a cost is negative, or an AP lies outside 0..100.
    """

    source: str
    dataset: str
    method: str
    full: int
    weak: int
    cost_hours: float
    group: str = "split"
    cost_hours_printed: float = math.nan
    ap50: float = math.nan
    ap70: float = math.nan
    ap75: float = math.nan
    ap50_95: float = math.nan
    seed: int | None = None
    run: str = ""
    settings: str = ""
    scored_on: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.source not in (PUBLISHED, MEASURED):
            raise BudgetError(f"source is {self.source!r}: a result is either {PUBLISHED!r} or {MEASURED!r}.")
        for name in ("full", "weak", "cost_hours"):
            if not getattr(self, name) >= 0:
                raise BudgetError(f"{name} of {self.method} is {getattr(self, name)}: it must be 0 or more.")
        for metric in METRICS:
            score = getattr(self, metric)
            if not (math.isnan(score) or 0 <= score <= 100):
                raise BudgetError(
                    f"{metric} of {self.method} is {score}: AP must be between 0 and 100; leave it out if unknown."
                )


def results_table(rows: Iterable[ResultRow]) -> pd.DataFrame:
    """Return rows as one table with the columns and types of `COLUMN_TYPES`."""
    import pandas as pd

    records = [{name: getattr(row, name) for name in COLUMN_TYPES} for row in rows]
    return pd.DataFrame(records, columns=list(COLUMN_TYPES)).astype(dict(COLUMN_TYPES))


def reported_metrics(table: pd.DataFrame, dataset: str) -> list[str]:
    """Return the metrics that at least one row of the dataset reports, in the order of `METRICS`.

    Raises:
        BudgetError: If the table has no row of that dataset.
    """
    rows = table[table["dataset"] == dataset]
    if rows.empty:
        known = ", ".join(sorted(table["dataset"].unique())) or "none"
        raise BudgetError(f"no results for dataset {dataset!r}: the table has {known}.")
    return [metric for metric in METRICS if rows[metric].notna().any()]


def cheaper_and_better(table: pd.DataFrame, cost_hours: float, ap: float, metric: str) -> pd.DataFrame:
    """Return the rows that cost no more and score no less than a point, and are better in at least one of the two.

    Args:
        table: Rows of one dataset; costs and scores of different datasets are not comparable.
        cost_hours: Cost of the point in hours, not rounded: with a rounded cost a row could beat itself.
        ap: Score of the point, 0..100.
        metric: Column of the score, one of `METRICS`.

    Returns:
        The rows, best score first, then cheapest first.
    """
    check_metric(metric)
    cost, score = table["cost_hours"], table[metric]
    beats = (cost <= cost_hours) & (score >= ap) & ((cost < cost_hours) | (score > ap))
    return table[beats].sort_values([metric, "cost_hours"], ascending=[False, True], kind="stable")


def check_metric(metric: str) -> None:
    """Raise a `BudgetError` that lists the choices if `metric` is not one of `METRICS`."""
    if metric not in METRICS:
        raise BudgetError(f"unknown metric {metric!r}: choose one of {', '.join(METRICS)}.")


def ways_of_training(rows: pd.DataFrame) -> pd.Series[str]:
    """Name for each row of a results table how it was trained; empty for published models.

    This is usually the settings. If each split of a model has its own settings, and splits share settings only if they
    have the same number of images, then the settings follow from the split and all splits count as trained alike.

    Args:
        rows: Table with the columns source, dataset, method, full, weak and settings.
    """
    model = ["source", "dataset", "method"]
    runs = rows.assign(labelled=rows["full"] + rows["weak"])
    several = runs.groupby(model)["settings"].transform("nunique") > 1
    one_of_split = runs.groupby([*model, "full", "weak"])["settings"].transform("nunique") == 1
    one_of_size = runs.groupby([*model, "settings"])["labelled"].transform("nunique") == 1
    runs["follows"] = one_of_split & one_of_size
    follow = several & runs.groupby(model)["follows"].transform("all")
    return rows["settings"].mask(follow, _BY_SPLIT).rename("way")


def where_it_tells_apart(ways: pd.Series[str], names: pd.Series[str]) -> pd.Series[str]:
    """Return ", " and the way of training for each row whose name stands for several ways, else an empty string."""
    return (", " + ways).where(ways.groupby(names).transform("nunique") > 1, "")


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Average measured rows over seeds: one row per split that was trained alike.

    A seed that was trained more than once counts once, with its own mean.

    Returns:
        The columns of the table with the mean of each metric. If there are several seeds, `seed` is missing, `run`
        names the first run and `note` lists the seeds. Added are `seeds` (their number) and for each metric the two
        ends of its spread (`SPREAD_COLUMNS`): one standard deviation (n - 1) each way for 3 seeds or more, smallest and
        largest for 2, missing for 1.
    """
    key, metrics = list(_KEY), list(METRICS)
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
    """Average as `over_seeds`, but each metric only over the seeds that all splits of its series share.

    The spread still covers all seeds; `note` says where the mean does not. If the splits of a series share no seed,
    their means cover all seeds.
    """
    merged, common = over_seeds(table), _is_common(table)
    if common.all():
        return merged
    key = list(_KEY)
    merged = merged.set_index(key)
    fair = over_seeds(table[common]).set_index(key).reindex(merged.index)
    fewer = fair["seeds"] < merged["seeds"]
    merged = merged.assign(**{metric: fair[metric] for metric in METRICS})
    merged["note"] = merged["note"].mask(fewer, merged["note"] + _COMMON_ALONE)
    return merged.reset_index()[[*table.columns, *merged.columns.difference(table.columns, sort=False)]]


def _spread_in_words(seeds: int) -> str:
    """Say what the two ends of a spread over `seeds` seeds are; empty for one seed."""
    if seeds < 2:
        return ""
    return "standard deviation each way" if seeds >= ENOUGH_SEEDS else "smallest and largest"


def _is_common(table: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row whether all splits of its series have its seed, or share none."""
    runs = table.assign(way=ways_of_training(table))
    series = [runs[name] for name in _SERIES]
    split = runs["full"].astype(str) + "/" + runs["weak"].astype(str)
    splits = split.groupby(series).transform("nunique")
    common = split.groupby([*series, runs["seed"]], dropna=False).transform("nunique") == splits
    return common | ~common.groupby(series).transform("any")


def _after(notes: pd.Series[str], more: pd.Series[str]) -> pd.Series[str]:
    first = notes.str.rstrip(".") + ". "
    return first.where(notes != "", "") + more


def _notes(table: pd.DataFrame, key: list[str]) -> pd.Series[str]:
    def note(seeds: pd.Series[int]) -> str:
        different = sorted(seeds.dropna().unique())
        listed = ", ".join(map(str, different))
        return f"Mean of {len(different)} seeds ({listed}); bars: {_spread_in_words(len(different))}."

    return table.groupby(key, sort=False)["seed"].agg(note).astype(table["note"].dtype)
