"""Predicted IoU: what it reads from a mask, and how it is judged."""

import numpy as np
import pytest

from splitlab.assist.maker import MadeMask
from splitlab.assist.predicted_iou import IouModel, Reliability, Third, calibrate, clues, judge, mask_iou
from splitlab.errors import DataError

RNG = np.random.default_rng(3)


def test_the_iou_of_masks_is_intersection_over_union():
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    first[:2], second[1:3] = True, True
    assert mask_iou(first, second) == 4 / 12
    assert mask_iou(first & False, second & False) == 0


def test_a_mask_that_leaves_the_sides_of_its_box_free_shows_it():
    """In the 40 px box the mask begins 10 px from the left and ends 20 px above the bottom: a gap of 30 in 80."""
    probability = np.zeros((40, 40), np.float32)
    probability[:20, 10:] = 0.9
    seen = clues(np.zeros((60, 60, 3), np.uint8), MadeMask((5, 5, 45, 45), probability, 0.7))
    sure, unsure, full, gap, edges, main, agreement, size = seen
    assert sure == pytest.approx(0.8, abs=0.01)
    assert (unsure, full, gap) == (0, 0.375, 0.375)
    assert (edges, main, agreement) == (0, 1, 0.7)
    assert size == pytest.approx(np.log2(40))


def test_an_outline_on_an_edge_of_the_photo_agrees_more_than_one_beside_it():
    photo = np.zeros((50, 50, 3), np.uint8)
    photo[:, 25:] = 255
    on, beside = np.zeros((50, 50), np.float32), np.zeros((50, 50), np.float32)
    on[:, 25:], beside[:, 40:] = 1, 1
    on_edge, off_edge = (clues(photo, MadeMask((0, 0, 50, 50), mask))[4] for mask in (on, beside))
    assert on_edge > 0.9
    assert off_edge < 0


@pytest.mark.parametrize("region", [(3, 3, 3, 9), (0, 0, 5, 5)])
def test_an_empty_mask_has_clues_too(region):
    left, top, right, bottom = region
    made = MadeMask(region, np.zeros((bottom - top, right - left), np.float32))
    assert np.isfinite(clues(np.zeros((9, 9, 3), np.uint8), made)).all()


def test_thirds_are_compared_by_their_means():
    predicted, real = np.array([0.9, 0.1, 0.5, 0.7, 0.2, 0.6]), np.array([0.8, 0.3, 0.5, 0.6, 0.2, 0.6])
    found = judge(predicted, real)
    assert [(third.objects, round(third.predicted, 3), round(third.real, 3)) for third in found.thirds] == [
        (2, 0.15, 0.25),
        (2, 0.55, 0.55),
        (2, 0.8, 0.7),
    ]
    assert found.mean_error == pytest.approx(0.4 / 6)
    assert found.largest_gap == pytest.approx(0.1)


def test_what_depends_on_a_clue_is_predicted_and_what_does_not_gets_the_mean():
    seen = RNG.normal(size=(200, 8))
    ious = np.clip(0.7 + 0.1 * seen[:, 2], 0, 1)
    model, found = calibrate(seen, ious)
    assert found.mean_error < 0.02
    assert found.largest_gap < 0.02
    noise = RNG.uniform(0.4, 0.9, 200)
    flat, _ = calibrate(seen, noise)
    assert np.ptp(flat.predict(seen)) < np.ptp(model.predict(seen)) / 2


def test_the_judgement_leaves_each_object_out_of_its_own_prediction():
    """Random IoUs of few objects can be fitted, but not predicted."""
    seen, ious = RNG.normal(size=(16, 8)), RNG.uniform(size=16)
    _, found = calibrate(seen, ious)
    fitted = np.abs(IouModel.fit(seen, ious).predict(seen) - ious).mean()
    assert found.mean_error > fitted


def test_predictions_stay_within_0_and_1_even_for_odd_masks():
    model, _ = calibrate(RNG.normal(size=(30, 8)), RNG.uniform(0.5, 1, 30))
    odd = np.concatenate([RNG.normal(size=(50, 8)) * 1e6, np.full((1, 8), 1e9)])
    assert model.predict(odd).min() >= 0
    assert model.predict(odd).max() <= 1


def test_few_masks_calibrate_nothing():
    with pytest.raises(DataError, match="at least 12"):
        calibrate(np.zeros((11, 8)), np.zeros(11))


def test_reliability_survives_its_file():
    found = Reliability(3, (Third(1, 0.5, 0.4), Third(1, 0.6, 0.6), Third(1, 0.7, 0.9)), 0.1)
    assert Reliability.from_json(found.to_json()) == found
