"""Scores of runs that are counted over objects, and all scores on resampled test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitlab.atlas.records import AP_IOUS, DRAWS, NONE, RunRecord
from splitlab.budget.surface import Floats
from splitlab.evaluation.resampled_ap import image_draws

MISCLASSIFIED, LOCALISED, MASK_IOU = "misclassified_odds", "localised_odds", "paired_iou"
"""Log odds that a localised object is misclassified, and that an object is localised; mask IoU of found objects.

With records, the IoU is the mean over the objects that all runs of the seed found, so that weak models are not judged
by easy objects alone.
"""

_INTERVAL_WIDTH = 2 * 1.96
"""Width of a 95 % interval in standard errors."""

_HALF = 0.5
"""Added to both counts of log odds, so that a count of 0 has finite odds."""


@dataclass(frozen=True, eq=False)
class ScoredRuns:
    """Runs with their scores.

    Attributes:
        runs: One row per run: the columns of `MeasuredRow`, `MISCLASSIFIED`, `LOCALISED` and `MASK_IOU`.
        draws: (D, R) each of these scores and AP50, AP70 and AP75 on each resample of the test images; empty if a run
            has no record.
    """

    runs: pd.DataFrame
    draws: Mapping[str, Floats]

    def image_errors(self, score: str) -> Floats:
        """Return (R,) standard errors due to the choice of test images as if each run had its own; 0 if unknown."""
        if score == MASK_IOU:
            return np.asarray(self._width("mask_iou") / _INTERVAL_WIDTH)
        if score == MISCLASSIFIED:
            share = 1 / (1 + np.exp(-self.runs[MISCLASSIFIED].to_numpy(float)))
            return np.asarray(self._width("class_confusion") / _INTERVAL_WIDTH / (share * (1 - share)))
        if score == LOCALISED:
            localised, objects = (self.runs[name].to_numpy(float) for name in ("localised", "objects"))
            return np.asarray(np.sqrt(1 / (localised + _HALF) + 1 / (objects - localised + _HALF)))
        return np.zeros(len(self.runs))

    def _width(self, share: str) -> Floats:
        return (self.runs[f"{share}_high"] - self.runs[f"{share}_low"]).to_numpy(float)


def score_runs(runs: pd.DataFrame, records: Sequence[RunRecord | None]) -> ScoredRuns:
    """Add the scores that are counted over objects.

    Args:
        runs: Rows with the columns of `MeasuredRow`, all with the same test part.
        records: The record of each row; None if it has none.
    """
    wrong = (runs["class_confusion"] * runs["localised"]).round()
    scored = runs.assign(
        **{
            MISCLASSIFIED: _log_odds(wrong, runs["localised"]),
            LOCALISED: _log_odds(runs["localised"], runs["objects"]),
            MASK_IOU: runs["mask_iou"],
        }
    )
    whole = [record for record in records if record is not None]
    if len(whole) < len(runs) or not whole:
        return ScoredRuns(scored, {})
    common = _found_by_all(scored["seed"], whole)
    scored[MASK_IOU] = [_mean(record.iou[kept]) for record, kept in zip(whole, common, strict=True)]
    return ScoredRuns(scored, _draws(whole, common))


def _log_odds(count: pd.Series, of: pd.Series) -> pd.Series:
    """Return the log odds of counts; NaN where there is nothing to count."""
    odds = (count + _HALF) / (of - count + _HALF)
    return odds.where(of > 0).map(np.log)


def _found_by_all(seeds: pd.Series, records: Sequence[RunRecord]) -> list[NDArray[np.bool_]]:
    """Return for each run which objects all runs of its seed found, (N,) bool."""
    found = [~np.isnan(record.iou) for record in records]
    of_seed = {
        seed: reduce(np.logical_and, [one for one, own in zip(found, seeds, strict=True) if own == seed])
        for seed in seeds.unique()
    }
    return [of_seed[seed] for seed in seeds]


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else np.nan


def _draws(records: Sequence[RunRecord], common: Sequence[NDArray[np.bool_]]) -> dict[str, Floats]:
    # Seeds may be tested on other images: resamples of other images are independent.
    weights = {record.seed: image_draws(record.images, DRAWS, record.seed) for record in records}
    of_runs = [_draws_of(record, kept, weights[record.seed]) for record, kept in zip(records, common, strict=True)]
    return {score: np.stack([draws[score] for draws in of_runs], axis=1) for score in of_runs[0]}


def _draws_of(record: RunRecord, common: NDArray[np.bool_], weights: NDArray[np.int64]) -> dict[str, Floats]:
    """Return the scores of one run on each resample, (D,) each."""

    def total(values: NDArray[np.bool_] | Floats) -> Floats:
        of_images = np.bincount(record.image, values, record.images)
        return np.asarray(weights @ of_images)

    localised = record.predicted_class != NONE
    wrong, seen = total(localised & (record.predicted_class != record.truth_class)), total(localised)
    objects = total(np.ones(len(record.image)))
    with np.errstate(invalid="ignore"):
        return {
            MISCLASSIFIED: np.log((wrong + _HALF) / (seen - wrong + _HALF)),
            LOCALISED: np.log((seen + _HALF) / (objects - seen + _HALF)),
            MASK_IOU: total(np.where(common, record.iou, 0.0)) / total(common),
            **{name: record.ap_draws[:, place] for place, name in enumerate(AP_IOUS)},
        }
