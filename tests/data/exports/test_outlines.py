import numpy as np
import pytest

from splitlab.data.exports.objects import row_runs, simple_outline, trace_outline
from splitlab.geometry import mask_to_rle, polygons_to_rle, rle_to_mask
from tests.data.exports.drawn import blob, iou, without_holes


def drawn(outline, side):
    return rle_to_mask(polygons_to_rle([outline.ravel().tolist()], side, side))


@pytest.mark.parametrize("seed", range(12))
def test_simple_outlines_have_fewer_points_and_cover_at_least_98_percent(seed):
    mask = without_holes(blob(np.random.default_rng(seed)))
    exact, simple = trace_outline(mask_to_rle(mask)), simple_outline(mask_to_rle(mask))
    assert iou(drawn(exact, 120), drawn(simple, 120)) >= 0.98
    assert len(simple) < len(exact) / 2


def test_the_outline_of_a_large_disc_has_points_that_a_hand_can_move():
    y, x = np.mgrid[:400, :400]
    disc = (x - 200) ** 2 + (y - 190) ** 2 <= 150**2
    assert len(trace_outline(mask_to_rle(disc))) > 500
    simple = simple_outline(mask_to_rle(disc))
    assert len(simple) < 30
    assert iou(drawn(simple, 400), disc) >= 0.98


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_tiny_masks_keep_their_outline(side):
    mask = np.zeros((20, 20), bool)
    mask[4 : 4 + side, 6 : 6 + side] = True
    assert (drawn(simple_outline(mask_to_rle(mask)), 20) == mask).all()


def test_runs_by_hand():
    mask = np.array([[0, 0, 1], [1, 0, 0]], bool)
    assert row_runs(mask) == [2, 2, 2]
    assert row_runs(~mask) == [0, 2, 2, 2]
