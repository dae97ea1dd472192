"""The grids of splits that the atlas trains, and sets of splits with equal scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitlab.atlas.noise import Change, Contrast, Split, SplitScores, split_scores
from splitlab.atlas.object_scores import LOCALISED, MASK_IOU, MISCLASSIFIED, ScoredRuns, score_runs
from splitlab.atlas.records import RunRecord
from splitlab.atlas.rows import COLUMNS, MeasuredRow, newest, of_newest_images
from splitlab.budget.cost import Prices, cost_hours, prices_for
from splitlab.budget.planner import SplitForecast
from splitlab.budget.results import check_metric
from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError

_METRIC = "ap70"
_METRICS = MappingProxyType({"street": "ap50"})

_OBJECT_SCORES = (MISCLASSIFIED, LOCALISED, MASK_IOU)

_LEAST_DRAWS = 100
"""Resamples without a score of some run are left out; so many must remain."""

_Ints = NDArray[np.int64]

_Planned = Mapping[str, tuple[int, int, int]]
_Recorded = Mapping[float, SplitForecast]

_NONE_RECORDED: _Recorded = MappingProxyType({})

Records = Mapping[tuple[str, str, str], RunRecord]
"""Records of runs by the keys of their rows."""

_NO_RECORDS: Records = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Grid:
    """The measured runs of a plan.

    Attributes:
        rows: One row per planned run with the columns of `MeasuredRow`; one dataset and model, one test part per seed.
        extra: Runs of other splits with the same settings, such as those recommended by the planner.
        missing: (|F|, |W|, seed) of the planned runs without a row.
        metric: Column of AP that verdicts are based on.
        recorded: Recommendations for this metric recorded before their runs, by budget in hours.
        records: What the runs did with each test object.
    """

    rows: pd.DataFrame
    extra: pd.DataFrame
    missing: tuple[tuple[int, int, int], ...]
    metric: str
    recorded: _Recorded = field(default_factory=dict)
    records: Records = field(default_factory=dict)

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
        """All runs, planned and extra, with the scores that are counted over objects."""
        return self._scored.runs

    @cached_property
    def splits(self) -> pd.DataFrame:
        """One row per planned split, cheapest first: full, weak, runs, cost_hours, scores for the average seed.

        The scores are that of verdicts and those counted over objects.
        """
        runs = self.rows.groupby(["full", "weak"]).size().rename("runs")
        scores = {score: self.scores(score).values for score in (self.metric, *_OBJECT_SCORES)}
        table = pd.DataFrame(scores).reindex(runs.index).assign(runs=runs).reset_index()
        table["cost_hours"] = cost_hours(table["full"], table["weak"], self.prices)
        return table.sort_values("cost_hours", ignore_index=True)

    def scores(self, score: str) -> SplitScores:
        """Return one score of all splits, planned and extra, with its noise."""
        if score not in self._fitted:
            self._fitted[score] = split_scores(self.runs, score, nested="full")
        return self._fitted[score]

    def value(self, split: Split, score: str) -> float:
        """Return the score of a split, planned or extra, for the average seed; NaN if it was not measured."""
        return float(self.scores(score).values.get(split, math.nan))

    def contrast(self, weights: Mapping[Split, float], score: str) -> Contrast:
        """Return a weighted sum of the scores of splits, with the errors due to seeds and to test images."""
        if score not in self._of_images:
            self._of_images[score] = self._image_covariance(score)
        return self.scores(score).contrast(weights, self._of_images[score])

    def change(self, start: Split, end: Split, score: str, comparisons: int = 1) -> Change:
        """Return how a score changes between two measured splits, as one of several `comparisons` of a claim."""
        weights = {} if start == end else {start: -1.0, end: 1.0}
        return Change(start, end, self.contrast(weights, score).among(comparisons))

    @property
    def has_records(self) -> bool:
        """Whether the runs have records, so that they are compared object by object."""
        return bool(self._scored.draws)

    @cached_property
    def _scored(self) -> ScoredRuns:
        # An empty table has no types, and would take them from the other.
        runs = self.rows if self.extra.empty else pd.concat([self.rows, self.extra], ignore_index=True)
        keys = zip(runs["spec_hash"], runs["data_hash"], runs["test_hash"], strict=True)
        return score_runs(runs, [self.records.get(key) for key in keys])

    @cached_property
    def _fitted(self) -> dict[str, SplitScores]:
        return {}

    @cached_property
    def _of_images(self) -> dict[str, Floats]:
        return {}

    def _image_covariance(self, score: str) -> Floats:
        """Return the covariance of the values of all splits due to the choice of test images, as far as seeds share it.

        What a single run makes of the test images is part of the noise between seeds.
        """
        values, known = self.scores(score).values, self.runs[self.runs[score].notna()]
        split_of = values.index.get_indexer(pd.MultiIndex.from_frame(known[["full", "weak"]]))
        if score in self._scored.draws:
            draws = self._scored.draws[score][:, known.index]
            return _shared_covariance(draws, split_of, known["seed"].to_numpy(), len(values))
        # Runs of a split share their images: averaging over them does not reduce this error.
        errors = pd.Series(self._scored.image_errors(score)[known.index]).groupby(split_of).mean()
        return np.diag(errors.to_numpy(float) ** 2)


def _shared_covariance(draws: Floats, split_of: _Ints, seed_of: _Ints, splits: int) -> Floats:
    """Return the mean covariance of two splits over the pairs of their runs with different seeds.

    Over all pairs where there are no two seeds.

    Args:
        draws: (D, R) scores of the runs on each resample.
        split_of: (R,) split of each run.
        seed_of: (R,) seed of each run.
        splits: Number of splits.
    """
    draws = draws[np.isfinite(draws).all(axis=1)]
    if len(draws) < _LEAST_DRAWS:
        raise BudgetError("Too few objects were found to say what other test images would change.")
    covariance = np.atleast_2d(np.cov(draws, rowvar=False))
    member = np.eye(splits)[split_of]
    other_seed = (seed_of[:, None] != seed_of[None, :]).astype(np.float64)
    pairs = member.T @ other_seed @ member
    of_other_seeds = member.T @ (covariance * other_seed) @ member / np.maximum(pairs, 1)
    of_all = member.T @ covariance @ member / (member.T @ np.ones_like(covariance) @ member)
    return np.where(pairs > 0, of_other_seeds, of_all)


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
    records: Records = _NO_RECORDS,
) -> Grid | None:
    """Select the rows of a plan; None if there are none.

    Rows with older data or an older test part than the newest row are ignored.

    Args:
        rows: Rows of one table.
        planned: Runs of its plan: |F|, |W| and seed by the hash of their settings.
        metric: A column of AP.
        recorded: Recommendations recorded before their runs.
        records: Records of the runs.
    """
    check_metric(metric)
    rows = list(rows)
    of_the_plan = [row for row in rows if row.spec_hash in planned]
    if not of_the_plan:
        return None
    model, current = newest(of_the_plan).model, of_newest_images(of_the_plan)
    images = {row.key[1:] for row in current}
    ours = [row for row in current if row.model == model]
    # Runs outside of the plan are matched by their settings in words.
    words = {row.settings for row in ours}
    others = [
        row
        for row in rows
        if row.key[1:] in images
        and row.spec_hash not in planned
        and (row.model, row.settings in words) == (model, True)
    ]
    missing = tuple(run for spec_hash, run in planned.items() if spec_hash not in {row.spec_hash for row in ours})
    return Grid(_table(ours), _table(others), missing, metric, recorded, records)


def _table(rows: Iterable[MeasuredRow]) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))


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
