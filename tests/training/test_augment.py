import numpy as np
import pytest

from splitlab.data.dataset import ObjectLabel
from splitlab.geometry import mask_to_rle
from splitlab.training.mixed_batches import _place_object


def an_l(box_only=False):
    """A 40 x 40 L in a 64 px image: an upright 8 px wide, and a foot 8 px high."""
    mask = np.zeros((64, 64), bool)
    mask[10:50, 10:18] = True
    mask[42:50, 10:50] = True
    return ObjectLabel(0, (10, 10, 50, 50), None if box_only else mask_to_rle(mask))


def moved(x, y):
    return np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])


def test_an_object_that_is_not_cut_keeps_its_box():
    box, mask = _place_object(an_l(), moved(2, 2), 64)
    assert box.tolist() == [12, 12, 52, 52]
    assert int(mask.sum()) * 16 == 8 * 40 + 8 * 32


def test_a_cut_object_of_f_gets_the_box_of_its_visible_mask():
    # The foot leaves below the image: only the upright is seen, 8 of the 40 px that the cut box would span.
    box, mask = _place_object(an_l(), moved(0, 22), 64)
    assert box.tolist() == [10, 32, 18, 64]
    assert mask[:, 5:].sum() == 0


def test_a_cut_object_of_w_gets_the_cut_box():
    box, mask = _place_object(an_l(box_only=True), moved(0, 22), 64)
    assert box.tolist() == [10, 32, 50, 64]
    assert not mask.any()


def test_an_object_whose_mask_is_outside_is_no_target_though_its_box_is_seen():
    # Right of the upright and above the foot, the box of the L holds nothing.
    assert _place_object(an_l(), moved(-20, 24), 64) is None
    assert _place_object(an_l(box_only=True), moved(-20, 24), 64) is not None


SIDE = 128


def a_square(box_only, side=100):
    """An object of 100 x 100 px in the corner of a 128 px image; its mask fills its box."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:side, :side] = True
    return ObjectLabel(0, (0, 0, side, side), None if box_only else mask_to_rle(mask))


@pytest.mark.parametrize("box_only", [False, True], ids=["F", "W"])
def test_an_object_of_which_two_percent_are_seen_is_a_target_with_or_without_a_mask(box_only):
    # 10 x 20 of its 100 x 100 px stay in the image, at its right lower corner.
    box, _ = _place_object(a_square(box_only), moved(118, 108), SIDE)
    assert box.tolist() == [118, 108, 128, 128]


@pytest.mark.parametrize("box_only", [False, True], ids=["F", "W"])
@pytest.mark.parametrize(
    "visible",
    [(10, 9.9), (100, 2), (2, 100)],
    ids=["less than one percent", "two rows", "two columns"],
)
def test_an_object_of_which_too_little_is_seen_is_no_target_with_or_without_a_mask(box_only, visible):
    width, height = visible
    assert _place_object(a_square(box_only), moved(SIDE - width, SIDE - height), SIDE) is None


@pytest.mark.parametrize("box_only", [False, True], ids=["F", "W"])
@pytest.mark.parametrize(("length", "kept"), [(290, True), (310, False)])
def test_a_strip_over_a_hundred_times_as_long_as_wide_is_no_target(box_only, length, kept):
    mask = np.zeros((400, 400), bool)
    mask[:length, :3] = True
    strip = ObjectLabel(0, (0, 0, 3, length), None if box_only else mask_to_rle(mask))
    assert (_place_object(strip, moved(4, 4), 400) is not None) == kept


def by_yolov5_s_own_rule(whole, cut):
    """What YOLOv5's `box_candidates` asks of outlines, written from its description; both boxes are (N, 4) xyxy."""
    width, height = (cut[:, 2:] - cut[:, :2]).T
    area = np.prod(whole[:, 2:] - whole[:, :2], axis=1)
    longest = np.maximum(width / np.maximum(height, 1e-9), height / np.maximum(width, 1e-9))
    return (width > 2) & (height > 2) & (width * height > 0.01 * area) & (longest < 100)


def test_f_and_w_keep_the_same_objects_in_the_same_boxes_where_masks_fill_their_boxes():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, SIDE - 8, (400, 2))
    sides = np.minimum(rng.integers(2, SIDE, (400, 2)), SIDE - corners)
    zooms, shifts = rng.uniform(0.5, 1.5, 400), rng.uniform(-SIDE, SIDE, (400, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1)
    whole = boxes * zooms[:, None] + np.tile(shifts, 2)
    expected = by_yolov5_s_own_rule(whole, whole.clip(0, SIDE))
    for box, zoom, shift, kept in zip(boxes.tolist(), zooms, shifts, expected, strict=True):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[box[1] : box[3], box[0] : box[2]] = True
        seen = moved(*shift) @ np.diag([zoom, zoom, 1.0])
        of_f, of_w = (_place_object(ObjectLabel(0, tuple(box), m), seen, SIDE) for m in (mask_to_rle(mask), None))
        assert (of_f is not None, of_w is not None) == (kept, kept)
        if kept:
            assert of_f[0].tolist() == of_w[0].tolist()
    assert 0.3 < expected.mean() < 0.7
