"""The grids of splits that are trained here, and the pairs of splits with equal scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from types import MappingProxyType

import pandas as pd

from splitlab.atlas.noise import Change, Mean, Split, SplitScores, split_scores
from splitlab.atlas.rows import COLUMNS, MeasuredRow, newest
from splitlab.budget.cost import Prices, cost_hours, prices_for
from splitlab.budget.planner import SplitForecast
from splitlab.budget.results import check_metric

_INTERVAL_WIDTH = 2 * 1.96
"""A 95 % interval is so many standard errors wide."""

CONFUSION, MASK_IOU = "class_confusion", "mask_iou"

_METRIC = "ap70"
_METRICS = MappingProxyType({"street": "ap50"})

_SCORES = ("ap50", "ap70", "ap75", "ap50_95", "box_ap50", CONFUSION, MASK_IOU)

_ALIKE = ("model", "data_hash", "test_hash")

_Planned = Mapping[str, tuple[int, int, int]]
"""The runs of a plan: |F|, |W| and seed by the hash of their settings."""

_NOTHING_TOLD: Mapping[float, SplitForecast] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Grid:
    """What was measured of a plan.

    Attributes:
        rows: one row a run of the plan, with the columns of `MeasuredRow`; of one data set, model and test part.
        extra: runs of other splits with the same settings, such as those that a planner advised.
        missing: (|F|, |W|, seed) of the planned runs without a row.
        metric: the column of AP that verdicts go by.
        told: advice for this metric that was written down before its runs, by its budget in hours.
    """

    rows: pd.DataFrame
    extra: pd.DataFrame
    missing: tuple[tuple[int, int, int], ...]
    metric: str
    told: Mapping[float, SplitForecast] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """Images that F and W are drawn from."""
        return int(self.rows["train_images"].iloc[0])

    @property
    def prices(self) -> Prices:
        """What labels cost."""
        return prices_for(str(self.rows["dataset"].iloc[0]))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """All runs, planned and extra: noise rests on them, and what is said of advice."""
        return pd.concat([self.rows, self.extra], ignore_index=True)

    @cached_property
    def splits(self) -> pd.DataFrame:
        """One row a planned split, cheapest first: full, weak, runs, cost_hours, each score with the average seed."""
        runs = self.rows.groupby(["full", "weak"]).size().rename("runs")
        scores = {score: self.scores(score).values for score in _SCORES}
        table = pd.DataFrame(scores).reindex(runs.index).assign(runs=runs).reset_index()
        table["cost_hours"] = cost_hours(table["full"], table["weak"], self.prices)
        return table.sort_values("cost_hours", ignore_index=True)

    def scores(self, score: str) -> SplitScores:
        """Return one score of all splits, planned and extra, with its noise."""
        return self._fitted[score]

    def mean(self, split: Split, score: str) -> Mean:
        """Return the score of a split, planned or extra; over no runs where it was not measured."""
        ours = self.runs[(self.runs["full"] == split[0]) & (self.runs["weak"] == split[1]) & self.runs[score].notna()]
        return Mean(float(self.scores(score).values.get(split, math.nan)), len(ours), _image_error(ours, score))

    def change(self, start: Split, end: Split, score: str, comparisons: int = 1, sign: int = 1) -> Change:
        """Return how a score changes between two measured splits.

        Args:
            start: where from.
            end: where to.
            score: the column.
            comparisons: how many changes one claim looks at, this one among them.
            sign: -1 to count a fall as a rise.

        Raises:
            BudgetError: too few splits have two seeds.
        """
        first, second = self.mean(start, score), self.mean(end, score)
        image_error = math.hypot(first.image_error, second.image_error)
        margin = self.scores(score).margin(start, end, comparisons, image_error)
        return Change(start, end, sign * (second.value - first.value), margin)

    @cached_property
    def _fitted(self) -> dict[str, SplitScores]:
        return {score: split_scores(self.runs, score) for score in _SCORES}


def verdict_metric(atlas: str) -> str:
    """Return the column of AP that an atlas's verdicts go by, chosen before any of its runs was measured.

    That is AP70, as in the paper on VOC2012. On street it is AP50: its AP70 was known to stay near 2.
    """
    return _METRICS.get(atlas, _METRIC)


def named(splits: pd.DataFrame) -> list[Split]:
    """Return the splits of a table as pairs (|F|, |W|)."""
    return list(zip(splits["full"].astype(int), splits["weak"].astype(int), strict=True))


def measured_grid(
    rows: Iterable[MeasuredRow], planned: _Planned, metric: str, told: Mapping[float, SplitForecast] = _NOTHING_TOLD
) -> Grid | None:
    """Pick the rows of a plan; None where there is none.

    Rows of older data or an older test part than those of the row that was measured last are passed over.

    Args:
        rows: of one table.
        planned: the runs of its plan.
        metric: a column of AP.
        told: advice that was written down before its runs.

    Raises:
        BudgetError: the metric is none.
    """
    check_metric(metric)
    rows = list(rows)
    of_the_plan = [row for row in rows if row.spec_hash in planned]
    if not of_the_plan:
        return None
    last = newest(of_the_plan)
    table = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    alike = (table[list(_ALIKE)] == [getattr(last, name) for name in _ALIKE]).all(axis=1)
    is_planned = table["spec_hash"].isin(list(planned))
    ours = table[alike & is_planned]
    # The plan's hashes say how its own runs were trained; of other runs their settings in words do.
    others = table[alike & ~is_planned & table["settings"].isin(ours["settings"])]
    missing = tuple(run for spec_hash, run in planned.items() if spec_hash not in set(ours["spec_hash"]))
    return Grid(ours.reset_index(drop=True), others.reset_index(drop=True), missing, metric, told)


def _image_error(rows: pd.DataFrame, score: str) -> float:
    """Return the standard error that test images add to a score of one split; 0 where the table has no interval."""
    if f"{score}_low" not in rows or rows.empty:
        return 0.0
    # The runs share their test images, so more of them do not make this smaller.
    return float((rows[f"{score}_high"] - rows[f"{score}_low"]).mean()) / _INTERVAL_WIDTH


SAME_AP = 1.0
"""AP within which scores count as the same, as for the published tables."""


def equal_score_splits(splits: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Pick the largest set of splits that score about the same, one for each |F|, from few masks to many.

    Every split's score is tried as the level: of each |F| the split nearest to it is taken, if it is within `SAME_AP`.
    The level that most |F| reach is kept; of equals the one that its splits lie closest to.

    Args:
        splits: of a grid.
        metric: the column of AP.
    """
    found = [_around(splits, metric, level) for level in splits[metric].dropna()]
    return max(found, key=lambda rows: (len(rows), -float(rows["off"].mean()))).drop(columns="off")


def _around(splits: pd.DataFrame, metric: str, level: float) -> pd.DataFrame:
    near = splits.assign(off=(splits[metric] - level).abs())
    near = near[near["off"] <= SAME_AP].sort_values("off", kind="stable")
    return near.drop_duplicates("full").sort_values("full", ignore_index=True)
