"""Scores counted over objects, paired between runs by their records."""

import numpy as np
import pandas as pd
import pytest

from splitlab.atlas.grid import measured_grid
from splitlab.atlas.mask_observations import more_masks_draw_better
from splitlab.atlas.object_scores import LOCALISED, MASK_IOU, MISCLASSIFIED, _adjusted, score_runs
from splitlab.atlas.records import DRAWS, NONE, RunRecord
from splitlab.errors import BudgetError
from splitlab.evaluation.resampled_ap import image_draws
from tests.budget.synthetic_grid import PLANNED, RUNS, better_masks, made_row

LOST = np.nan


def record(iou, predicted=None, images=3):
    """A record of objects of class 0, two in the first image and one in each other."""
    image = np.array([0, 0, 1, 2])[: len(iou)]
    predicted = [0] * len(iou) if predicted is None else predicted
    return RunRecord(
        images=images,
        images_seed=5,
        image=image,
        truth_class=np.zeros(len(iou), np.int64),
        predicted_class=np.array(predicted),
        iou=np.array(iou, float),
        score=np.array(iou, float),
        ap_draws=np.zeros((DRAWS, 3)),
    )


def runs_of(*records, seeds):
    rows = [
        {"seed": seed, "class_confusion": 0.25, "localised": 4, "objects": 5, "found": 20, "mask_iou": 0.5,
         "mask_iou_low": 0.4, "mask_iou_high": 0.6}
        for seed in seeds
    ]  # fmt: skip
    return score_runs(pd.DataFrame(rows), records)


def test_the_iou_is_what_a_run_would_have_over_all_objects_that_any_found():
    # Each run adds 0.1 or nothing to the objects' 0.9, 0.5, 0.7 and 0.3; the weak one found the easy ones alone.
    weak, strong = record([0.8, LOST, 0.6, LOST]), record([0.9, 0.5, 0.7, 0.3])
    other_seed = record([0.4, LOST, 0.6, LOST])
    scored = runs_of(weak, strong, other_seed, seeds=(0, 0, 1))
    assert scored.runs[MASK_IOU].tolist() == pytest.approx([0.5, 0.6, 0.5])


def test_the_adjusted_iou_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    iou = rng.uniform(0.5, 1, (3, 30))
    iou[rng.random((3, 30)) < 0.4] = np.nan
    times = rng.integers(0, 3, 30)
    run, thing = np.nonzero(~np.isnan(iou))
    design = np.hstack([np.eye(3)[run], np.eye(30)[thing]]) * np.sqrt(times[thing])[:, None]
    fitted = np.linalg.lstsq(design, iou[run, thing] * np.sqrt(times[thing]), rcond=None)[0]
    found = (~np.isnan(iou)).any(axis=0)
    expected = fitted[:3] + np.average(fitted[3:][found], weights=times[found])
    assert _adjusted(iou, times) == pytest.approx(expected)


def test_a_run_that_found_too_few_objects_has_no_iou_and_takes_none_from_others():
    rows = {"seed": [0, 0], "class_confusion": 0.25, "localised": 4, "objects": 5, "found": [19, 20], "mask_iou": 0.5,
            "mask_iou_low": 0.4, "mask_iou_high": 0.6}  # fmt: skip
    scored = score_runs(pd.DataFrame(rows), [record([LOST] * 4), record([0.9, 0.5, 0.7, 0.3])])
    assert np.isnan(scored.runs[MASK_IOU][0])
    assert scored.runs[MASK_IOU][1] == pytest.approx(0.6)


def test_without_records_the_iou_is_that_of_the_row_and_some_records_are_refused():
    scored = runs_of(None, None, seeds=(0, 0))
    assert scored.runs[MASK_IOU].tolist() == [0.5, 0.5]
    assert not scored.draws
    assert scored.image_errors(MASK_IOU) == pytest.approx(0.2 / 3.92)
    with pytest.raises(BudgetError, match="1 of 2 runs have no record"):
        runs_of(record([0.9, 0.9, 0.9, 0.9]), None, seeds=(0, 0))


def test_runs_of_one_seed_on_other_images_are_refused():
    with pytest.raises(BudgetError, match="different images"):
        runs_of(record([0.9, 0.9, 0.9, 0.9]), record([0.9, 0.9, 0.9]), seeds=(0, 0))


def test_odds_count_half_an_object_on_each_side():
    scored = runs_of(record([0.9] * 4), seeds=(0,))
    assert scored.runs[MISCLASSIFIED].tolist() == pytest.approx([np.log(1.5 / 3.5)])
    assert scored.runs[LOCALISED].tolist() == pytest.approx([np.log(4.5 / 1.5)])


def test_each_resample_counts_the_objects_of_its_images():
    scored = runs_of(record([0.9, 0.7, LOST, 0.5], predicted=[0, 1, NONE, 0]), seeds=(0,))
    draws = image_draws(3, DRAWS, 5)
    for draw, (first, second, third) in enumerate(draws):
        wrong, seen, objects = first, 2 * first + third, 2 * first + second + third
        assert scored.draws[MISCLASSIFIED][draw, 0] == pytest.approx(np.log((wrong + 0.5) / (seen - wrong + 0.5)))
        assert scored.draws[LOCALISED][draw, 0] == pytest.approx(np.log((seen + 0.5) / (objects - seen + 0.5)))
        if seen:
            assert scored.draws[MASK_IOU][draw, 0] == pytest.approx((1.6 * first + 0.5 * third) / seen)


def made_records(rng, images=60):
    """Records in which objects differ much, and runs little: each adds the same to the IoU of every object."""
    of_object = rng.uniform(0.5, 0.7, images)
    return {
        made_row(run).key: RunRecord(
            images=images,
            images_seed=5,
            image=np.arange(images),
            truth_class=np.zeros(images, np.int64),
            predicted_class=np.zeros(images, np.int64),
            iou=of_object + 0.02 * np.log10(run[0]) + rng.normal(0, 0.002, images),
            score=np.ones(images),
            ap_draws=50 + np.zeros((DRAWS, 3)),
        )
        for run in RUNS
    }


def test_what_the_test_images_do_to_all_runs_alike_hides_no_difference():
    rows = [made_row(run, iou=better_masks, width=0.05) for run in RUNS]
    unpaired = measured_grid(rows, PLANNED, "ap70")
    paired = measured_grid(rows, PLANNED, "ap70", records=made_records(np.random.default_rng(0)))
    assert (unpaired.has_records, paired.has_records) == (False, True)
    weights = {(25, 0): -1.0, (400, 0): 1.0}
    loose, tight = unpaired.contrast(weights, MASK_IOU), paired.contrast(weights, MASK_IOU)
    assert tight.value == pytest.approx(0.02 * np.log10(16), abs=0.002)
    assert tight.image_error < 0.002 < 0.02 < loose.image_error
    claim = more_masks_draw_better(paired)
    assert claim.verdict == "holds"
    assert "adjusted for which were found" in claim.statement


def test_the_error_of_images_is_what_seeds_share_of_the_difference():
    rng = np.random.default_rng(1)
    images = 400
    first, second = rng.uniform(0.5, 0.9, (2, images))
    runs = [((25, 0), 0), ((25, 0), 1), ((50, 100), 0), ((50, 100), 1), ((100, 100), 0), ((100, 100), 1)]
    rows = [made_row((*split, seed)) for split, seed in runs]
    # What each run adds on its own is part of the noise between seeds.
    ious = [(first if split == (25, 0) else second) + rng.normal(0, 0.2, images) for split, _ in runs]
    records = {
        row.key: RunRecord(
            images, 5, np.arange(images), np.zeros(images), np.zeros(images), iou, iou, np.zeros((DRAWS, 3))
        )
        for row, iou in zip(rows, ious, strict=True)
    }
    planned = {row.spec_hash: (*split, seed) for row, (split, seed) in zip(rows, runs, strict=True)}
    grid = measured_grid(rows, planned, "ap70", {}, records)
    found = grid.contrast({(25, 0): 1.0, (50, 100): -1.0}, MASK_IOU)
    assert found.value == pytest.approx((first - second).mean(), abs=0.03)
    # 200 resamples and 400 images give it to about 10 %; with the runs' own noise it would be 1.5 times as large.
    assert found.image_error == pytest.approx((first - second).std() / np.sqrt(images), rel=0.25)
