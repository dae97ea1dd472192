from itertools import product

import numpy as np
import pytest

from splitlab.evaluation.detections import scored_masks
from splitlab.evaluation.scores import _boundary_iou, _boundary_pixels
from splitlab.geometry import mask_to_rle, rle_to_mask
from tests.evaluation.drawn import SIDE, random_case, rectangle

# 2 % of the diagonal of 100 x 100 pixels: 2.83.
DEPTH = 3


def test_the_boundary_is_two_per_cent_of_the_diagonal_and_never_nothing():
    assert _boundary_pixels(SIDE, SIDE) == DEPTH
    assert _boundary_pixels(480, 640) == 16
    assert _boundary_pixels(5, 5) == 1


def test_a_shifted_square_worked_out_by_hand():
    # Rings 3 wide of two 20 x 20 squares, one 2 pixels to the right: 20 * 20 - 14 * 14 = 204 pixels each.
    ring = 204
    # Top and bottom edges share 18 columns of 3 rows; between them lie 14 rows: of each side 1 column.
    common = 2 * 3 * 18 + 14 * 2
    expected = common / (2 * ring - common)
    assert _boundary_iou(rectangle(20, 20, 40, 40), rectangle(22, 20, 42, 40)) == pytest.approx(expected)


def test_where_the_image_cuts_an_object_off_it_has_a_boundary():
    # The whole image against its inside: the ring of the image is 3 wide, of the inside too, and they do not meet.
    assert _boundary_iou(rectangle(0, 0, SIDE, SIDE), rectangle(3, 3, 97, 97)) == 0
    assert _boundary_iou(rectangle(0, 0, SIDE, SIDE), rectangle(0, 0, SIDE, SIDE)) == 1


def test_an_object_thinner_than_its_boundary_is_all_boundary():
    assert _boundary_iou(rectangle(0, 10, 50, 14), rectangle(0, 10, 25, 14)) == pytest.approx(0.5)


def test_masks_apart_or_empty_share_no_boundary():
    nothing = mask_to_rle(np.zeros((SIDE, SIDE), bool))
    assert _boundary_iou(rectangle(0, 0, 10, 10), rectangle(50, 50, 60, 60)) == 0
    assert _boundary_iou(nothing, rectangle(50, 50, 60, 60)) == 0
    assert _boundary_iou(nothing, nothing) == 0


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_a_boundary_found_by_walking_to_the_nearest_background(seed):
    truth, detections = random_case(seed, images=4)
    for labels, found in zip(truth.images, detections, strict=True):
        for true_mask, mask in product(scored_masks(labels), found.masks):
            rings = [ring(rle_to_mask(one)) for one in (true_mask, mask)]
            expected = (rings[0] & rings[1]).sum() / (rings[0] | rings[1]).sum()
            assert _boundary_iou(true_mask, mask) == pytest.approx(expected)


def ring(mask):
    """The pixels of a mask with background within DEPTH pixels along x, y or both."""
    padded = np.pad(mask, DEPTH)
    shifts = range(2 * DEPTH + 1)
    near = [~padded[y : y + SIDE, x : x + SIDE] for y in shifts for x in shifts]
    return mask & np.any(near, axis=0)
