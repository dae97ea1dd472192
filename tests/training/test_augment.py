import numpy as np

from splitlab.data.dataset import ObjectLabel
from splitlab.geometry import mask_to_rle
from splitlab.training.augment import place_object


def an_l(box_only=False):
    """A 40 x 40 L in a 64 px image: an upright 8 px wide, and a foot 8 px high."""
    mask = np.zeros((64, 64), bool)
    mask[10:50, 10:18] = True
    mask[42:50, 10:50] = True
    return ObjectLabel(0, (10, 10, 50, 50), None if box_only else mask_to_rle(mask))


def moved(x, y):
    return np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])


def test_an_object_that_is_not_cut_keeps_its_box():
    box, mask = place_object(an_l(), moved(2, 2), 64)
    assert box.tolist() == [12, 12, 52, 52]
    assert int(mask.sum()) * 16 == 8 * 40 + 8 * 32


def test_a_cut_object_of_f_gets_the_box_of_its_visible_mask():
    # The foot leaves below the image: only the upright is seen, 8 of the 40 px that the cut box would span.
    box, mask = place_object(an_l(), moved(0, 22), 64)
    assert box.tolist() == [10, 32, 18, 64]
    assert mask[:, 5:].sum() == 0


def test_a_cut_object_of_w_gets_the_cut_box():
    box, mask = place_object(an_l(box_only=True), moved(0, 22), 64)
    assert box.tolist() == [10, 32, 50, 64]
    assert not mask.any()


def test_an_object_whose_mask_is_outside_is_no_target_though_its_box_is_seen():
    # Right of the upright and above the foot, the box of the L holds nothing.
    assert place_object(an_l(), moved(-20, 24), 64) is None
    assert place_object(an_l(box_only=True), moved(-20, 24), 64) is not None
