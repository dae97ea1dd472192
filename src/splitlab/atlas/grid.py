"""The grids of splits that the atlas trains, and sets of splits with equal scores."""

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
"""Width of a 95 % interval in standard errors."""

CONFUSION, MASK_IOU = "class_confusion", "mask_iou"

_METRIC = "ap70"
_METRICS = MappingProxyType({"street": "ap50"})

_SCORES = ("ap50", "ap70", "ap75", "ap50_95", "box_ap50", CONFUSION, MASK_IOU)

_ALIKE = ("model", "data_hash", "test_hash")

_Planned = Mapping[str, tuple[int, int, int]]
_Recorded = Mapping[float, SplitForecast]

_NONE_RECORDED: _Recorded = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Grid:
    """The measured runs of a plan.

    Attributes:
        rows: One row per planned run with the columns of `MeasuredRow`; one dataset, model and test part.
        extra: Runs of other splits with the same settings, such as those recommended by the planner.
        missing: (|F|, |W|, seed) of the planned runs without a row.
        metric: Column of AP that verdicts are based on.
        recorded: Recommendations for this metric recorded before their runs, by budget in hours.
    """

    rows: pd.DataFrame
    extra: pd.DataFrame
    missing: tuple[tuple[int, int, int], ...]
    metric: str
    recorded: _Recorded = field(default_factory=dict)

    @property
    def images(self) -> int:
        """Number of images that F and W are drawn from."""
        return int(self.rows["train_images"].iloc[0])

    @property
    def prices(self) -> Prices:
        """Prices of the dataset's labels."""
        return prices_for(str(self.rows["dataset"].iloc[0]))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """All runs, planned and extra."""
        return pd.concat([self.rows, self.extra], ignore_index=True)

    @cached_property
    def splits(self) -> pd.DataFrame:
        """One row per planned split, cheapest first: full, weak, runs, cost_hours, each score for the average seed."""
        runs = self.rows.groupby(["full", "weak"]).size().rename("runs")
        scores = {score: self.scores(score).values for score in _SCORES}
        table = pd.DataFrame(scores).reindex(runs.index).assign(runs=runs).reset_index()
        table["cost_hours"] = cost_hours(table["full"], table["weak"], self.prices)
        return table.sort_values("cost_hours", ignore_index=True)

    def scores(self, score: str) -> SplitScores:
        """Return one score of all splits, planned and extra, with its noise."""
        return self._fitted[score]

    def mean(self, split: Split, score: str) -> Mean:
        """Return the score of a split, planned or extra; over no runs if it was not measured."""
        ours = self.runs[(self.runs["full"] == split[0]) & (self.runs["weak"] == split[1]) & self.runs[score].notna()]
        return Mean(float(self.scores(score).values.get(split, math.nan)), len(ours), _image_error(ours, score))

    def change(self, start: Split, end: Split, score: str, comparisons: int = 1, sign: int = 1) -> Change:
        """Return how a score changes between two measured splits, as one of several `comparisons` of a claim.

        A `sign` of -1 counts a fall as a rise.
        """
        first, second = self.mean(start, score), self.mean(end, score)
        image_error = math.hypot(first.image_error, second.image_error)
        margin = self.scores(score).margin(start, end, comparisons, image_error)
        return Change(start, end, sign * (second.value - first.value), margin)

    @cached_property
    def _fitted(self) -> dict[str, SplitScores]:
        return {score: split_scores(self.runs, score) for score in _SCORES}


def verdict_metric(atlas: str) -> str:
    """Return the column of AP that an atlas's verdicts are based on, chosen before any of its runs was measured.

    This is AP70, as in the paper on VOC2012; for street it is AP50, since its AP70 stays near 2.
    """
    return _METRICS.get(atlas, _METRIC)


def named(splits: pd.DataFrame) -> list[Split]:
    """Return the splits of a table as pairs (|F|, |W|)."""
    return list(zip(splits["full"].astype(int), splits["weak"].astype(int), strict=True))


def measured_grid(
    rows: Iterable[MeasuredRow],
    planned: _Planned,
    metric: str,
    recorded: _Recorded = _NONE_RECORDED,
) -> Grid | None:
    """Select the rows of a plan; None if there are none.

    Rows with older data or an older test part than the newest row are ignored.

    Args:
        rows: Rows of one table.
        planned: Runs of its plan: |F|, |W| and seed by the hash of their settings.
        metric: A column of AP.
        recorded: Recommendations recorded before their runs.
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
    # Runs outside of the plan are matched by their settings in words.
    others = table[alike & ~is_planned & table["settings"].isin(ours["settings"])]
    missing = tuple(run for spec_hash, run in planned.items() if spec_hash not in set(ours["spec_hash"]))
    return Grid(ours.reset_index(drop=True), others.reset_index(drop=True), missing, metric, recorded)


def _image_error(rows: pd.DataFrame, score: str) -> float:
    """Return the standard error of a split's score due to the test images; 0 if the table has no interval."""
    if f"{score}_low" not in rows or rows.empty:
        return 0.0
    # The runs share their test images, so averaging over runs does not reduce this error.
    return float((rows[f"{score}_high"] - rows[f"{score}_low"]).mean()) / _INTERVAL_WIDTH


SAME_AP = 1.0
"""AP within which scores count as equal, as for the published tables."""


def equal_score_splits(splits: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Select the largest set of splits that score about the same, one for each |F|, fewest masks first.

    Each split's score is tried as the level: for each |F| the nearest split within `SAME_AP` is taken. The level that
    most |F| reach wins; ties go to the level with the smallest mean distance.

    Args:
        splits: The splits of a grid.
        metric: A column of AP.
    """
    found = [_around(splits, metric, level) for level in splits[metric].dropna()]
    return max(found, key=lambda rows: (len(rows), -float(rows["off"].mean()))).drop(columns="off")


def _around(splits: pd.DataFrame, metric: str, level: float) -> pd.DataFrame:
    near = splits.assign(off=(splits[metric] - level).abs())
    near = near[near["off"] <= SAME_AP].sort_values("off", kind="stable")
    return near.drop_duplicates("full").sort_values("full", ignore_index=True)
