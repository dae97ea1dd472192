"""Scores of runs that are counted over objects, and all scores on resampled test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitlab.atlas.records import AP_IOUS, DRAWS, NONE, RunRecord
from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError
from splitlab.evaluation.resampled_ap import image_draws

MISCLASSIFIED, LOCALISED, MASK_IOU = "misclassified_odds", "localised_odds", "adjusted_iou"
"""Log odds that a localised object is misclassified, and that an object is localised; mean mask IoU of found objects.

With records, the IoU is adjusted for the objects that a run found, so that weak models are not judged by easy objects
alone: IoU = run + object, by least squares over all objects that the runs of a seed found.
"""

_LEAST_FOUND = 20
"""With fewer found objects, a run has no mask IoU."""

_INTERVAL_WIDTH = 2 * 1.96
"""Width of a 95 % interval in standard errors."""

_HALF = 0.5
"""Added to both counts of log odds, so that a count of 0 has finite odds."""


@dataclass(frozen=True, eq=False)
class ScoredRuns:
    """Runs with their scores.

    Attributes:
        runs: One row per run: the columns of `MeasuredRow`, `MISCLASSIFIED`, `LOCALISED` and `MASK_IOU`.
        draws: (D, R) each of these scores and AP50, AP70 and AP75 on each resample of the test images; empty without
            records.
    """

    runs: pd.DataFrame
    draws: Mapping[str, Floats]

    def image_errors(self, score: str) -> Floats:
        """Return (R,) standard errors due to the choice of test images as if each run had its own; 0 if unknown."""
        if score == MASK_IOU:
            return ((self.runs["mask_iou_high"] - self.runs["mask_iou_low"]) / _INTERVAL_WIDTH).to_numpy(float)
        if score == MISCLASSIFIED:
            return _error_of_odds(_wrong(self.runs), self.runs["localised"])
        if score == LOCALISED:
            return _error_of_odds(self.runs["localised"], self.runs["objects"])
        return np.zeros(len(self.runs))


def score_runs(runs: pd.DataFrame, records: Sequence[RunRecord | None]) -> ScoredRuns:
    """Add the scores that are counted over objects.

    Args:
        runs: Rows with the columns of `MeasuredRow`; runs of one seed have the same test part.
        records: The record of each row; None if it has none.

    Raises:
        BudgetError: If only some of the runs have records.
    """
    scored = runs.assign(
        **{
            MISCLASSIFIED: _log_odds(_wrong(runs), runs["localised"]),
            LOCALISED: _log_odds(runs["localised"], runs["objects"]),
            MASK_IOU: runs["mask_iou"].where(runs["found"] >= _LEAST_FOUND),
        }
    )
    whole = [record for record in records if record is not None]
    if not whole:
        return ScoredRuns(scored, {})
    if len(whole) < len(runs):
        raise BudgetError(f"{len(runs) - len(whole)} of {len(runs)} runs have no record of objects. Restore the files.")
    weights = {record.images_seed: image_draws(record.images, DRAWS, record.images_seed) for record in whole}
    draws = _draws(whole, weights)
    for seed in scored["seed"].unique():
        ours = np.flatnonzero((scored["seed"] == seed) & scored[MASK_IOU].notna())
        if ours.size:
            records_of_seed = [whole[place] for place in ours]
            iou, of_objects = _ious(records_of_seed), _of_objects(records_of_seed[0], weights)
            scored.loc[ours, MASK_IOU] = _adjusted(iou, np.ones(iou.shape[1]))
            draws[MASK_IOU][:, ours] = [_adjusted(iou, times) for times in of_objects]
    return ScoredRuns(scored, draws)


def _wrong(runs: pd.DataFrame) -> pd.Series:
    """Return the number of misclassified objects of each run."""
    return (runs["class_confusion"] * runs["localised"]).round()


def _log_odds(count: pd.Series, of: pd.Series) -> pd.Series:
    """Return the log odds of counts; NaN where there is nothing to count."""
    odds = (count + _HALF) / (of - count + _HALF)
    return odds.where(of > 0).map(np.log)


def _error_of_odds(count: pd.Series, of: pd.Series) -> Floats:
    return np.asarray(np.sqrt(1 / (count + _HALF) + 1 / (of - count + _HALF)), dtype=np.float64)


def _ious(records: Sequence[RunRecord]) -> Floats:
    """Return the IoU of each object in each run of a seed, (R, N); NaN where it was not found."""
    if len({(record.images_seed, len(record.iou)) for record in records}) > 1:
        raise BudgetError("Runs of one seed were tested on different images, so they cannot be compared.")
    return np.stack([record.iou for record in records])


def _of_objects(record: RunRecord, weights: Mapping[int, NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return how often each object is in each resample, (D, N)."""
    return weights[record.images_seed][:, record.image]


def _adjusted(iou: Floats, times: NDArray[Any]) -> Floats:
    """Return the mean IoU of each run over all objects that any run found, as if it had found them too.

    Fits IoU = run + object by least squares.

    Args:
        iou: (R, N), NaN where a run did not find an object.
        times: (N,) how often each object counts.

    Returns:
        (R,); NaN for runs that found no object.
    """
    found = ~np.isnan(iou)
    finders = np.maximum(found.sum(axis=0), 1)
    values = np.where(found, iou, 0.0)
    mean = values.sum(axis=0) / finders
    counts = found @ times.astype(np.float64)
    normal = np.diag(counts) - (found * (times / finders)) @ found.T
    effects = np.linalg.pinv(normal, hermitian=True) @ (values @ times - found @ (times * mean))
    objects = mean - found.T.astype(np.float64) @ effects / finders
    level = objects @ (times * found.any(axis=0)) / max((times * found.any(axis=0)).sum(), 1)
    return np.where(counts > 0, effects + level, np.nan)


def _draws(records: Sequence[RunRecord], weights: Mapping[int, NDArray[np.int64]]) -> dict[str, Floats]:
    """Return all scores but the adjusted IoU on each resample, (D, R) each; that IoU is NaN."""
    of_runs = [_draws_of(record, weights[record.images_seed]) for record in records]
    return {score: np.stack([draws[score] for draws in of_runs], axis=1) for score in of_runs[0]}


def _draws_of(record: RunRecord, weights: NDArray[np.int64]) -> dict[str, Floats]:
    def total(values: NDArray[np.bool_]) -> Floats:
        of_images = np.bincount(record.image, values, record.images)
        return np.asarray(weights @ of_images)

    localised = record.predicted_class != NONE
    wrong, seen = total(localised & (record.predicted_class != record.truth_class)), total(localised)
    objects = total(np.ones(len(record.image), bool))
    return {
        MISCLASSIFIED: np.log((wrong + _HALF) / (seen - wrong + _HALF)),
        LOCALISED: np.log((seen + _HALF) / (objects - seen + _HALF)),
        MASK_IOU: np.full(len(weights), np.nan),
        **{name: record.ap_draws[:, place] for place, name in enumerate(AP_IOUS)},
    }
