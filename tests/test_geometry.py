import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from splitlab.geometry import (
    mask_to_rle,
    polygons_to_rle,
    rle_area,
    rle_fits,
    rle_to_mask,
    rle_to_xyxy,
    run_lengths_to_rle,
    xywh_to_xyxy,
    xyxy_to_xywh,
)

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(masks)
def test_a_mask_survives_its_rle_and_the_rle_fits_its_image(mask):
    rle = mask_to_rle(mask)
    assert (rle_to_mask(rle) == mask).all()
    assert rle_fits(rle["counts"], *mask.shape)
    assert rle_area(rle) == mask.sum()


@given(masks, st.integers(1, 50), st.integers(1, 50))
def test_an_rle_fits_no_image_with_another_number_of_pixels(mask, height, width):
    fits = rle_fits(mask_to_rle(mask)["counts"], height, width)
    assert fits == (height * width == mask.size)


@given(st.text(max_size=30))
def test_any_text_is_either_a_whole_rle_or_refused(text):
    if rle_fits(text, 10, 10):
        decoded = coco_mask.decode({"size": [10, 10], "counts": text})
        assert set(np.unique(decoded)) <= {0, 1}


def test_counts_that_end_early_are_refused_though_pycocotools_decodes_them():
    assert not rle_fits("54;4", 10, 10)


def test_a_run_that_pycocotools_would_read_as_another_number_fits_nothing():
    assert not rle_fits("T3Xl4T3XkmoooO", 80, 100)


def test_plain_run_lengths_go_down_the_columns():
    mask = rle_to_mask(run_lengths_to_rle([1, 2, 3], 3, 2))
    assert mask.tolist() == [[False, False], [True, False], [True, False]]


def test_a_polygon_fills_the_pixels_inside_it():
    rle = polygons_to_rle([[2, 1, 6, 1, 6, 4, 2, 4]], height=6, width=8)
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:6] = True
    assert (rle_to_mask(rle) == expected).all()
    assert rle_to_xyxy(rle).tolist() == [2, 1, 6, 4]


def test_boxes_change_form_and_back():
    boxes = np.array([[1, 2, 4, 8], [0, 0, 3, 3]], np.float32)
    assert xyxy_to_xywh(boxes).tolist() == [[1, 2, 3, 6], [0, 0, 3, 3]]
    assert (xywh_to_xyxy(xyxy_to_xywh(boxes)) == boxes).all()


def test_run_lengths_below_zero_fit_nothing_though_their_sum_is_right():
    # The runs -5 and 105, as COCO writes them.
    assert not rle_fits("KY3", 10, 10)
