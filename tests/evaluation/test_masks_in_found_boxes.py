from dataclasses import replace

import pytest

from splitlab.atlas.few_shot import _masks_in_found_boxes
from tests.evaluation.drawn import box_only, dataset, found, label, rectangle


def with_masks(detections, *masks):
    return replace(detections, masks=tuple(rectangle(*mask) for mask in masks))


def test_a_mask_that_fails_counts_where_its_box_was_found():
    """Half the mask is missing: at mask IoU 0.5 it would barely be found, at a quarter not at all."""
    truth = dataset([label((0, 0, 20, 20)), label((50, 50, 70, 70))], [label((0, 0, 40, 10))])
    seen = [
        with_masks(found(((0, 0, 20, 20), 0.9), ((50, 50, 70, 70), 0.8)), (0, 0, 5, 20), (50, 50, 70, 70)),
        with_masks(found(((0, 0, 40, 10), 0.7)), (60, 60, 90, 90)),
    ]
    of_cats, of_dogs = _masks_in_found_boxes(truth, seen, 0.25).values()
    assert of_cats.mask_iou == pytest.approx((0.25 + 1 + 0) / 3)
    assert (of_cats.found, of_cats.objects) == (3, 3)
    assert (of_dogs.mask_iou, of_dogs.found, of_dogs.objects) == (None, 0, 0)


def test_low_scores_other_classes_and_boxes_that_miss_find_nothing():
    truth = dataset([label((0, 0, 20, 20)), label((50, 50, 70, 70)), label((0, 60, 20, 80))])
    seen = [found(((0, 0, 20, 20), 0.2), ((50, 50, 70, 70), 0.9, 1), ((0, 70, 20, 99), 0.9))]
    of_cats = _masks_in_found_boxes(truth, seen, 0.25)["cat"]
    assert (of_cats.mask_iou, of_cats.found, of_cats.objects) == (None, 0, 3)


def test_a_crowd_is_no_object():
    truth = dataset([label((0, 0, 40, 40), crowd=True), label((50, 50, 70, 70))])
    seen = [found(((0, 0, 40, 40), 0.9), ((50, 50, 70, 70), 0.8))]
    of_cats = _masks_in_found_boxes(truth, seen, 0.25)["cat"]
    assert (of_cats.mask_iou, of_cats.found, of_cats.objects) == (1.0, 1, 1)


def test_an_object_without_a_mask_counts_neither_as_found_nor_as_an_object():
    truth = dataset([box_only((0, 0, 40, 40)), label((50, 50, 70, 70))])
    seen = [found(((0, 0, 40, 40), 0.9), ((50, 50, 70, 70), 0.8))]
    of_cats = _masks_in_found_boxes(truth, seen, 0.25)["cat"]
    assert (of_cats.mask_iou, of_cats.found, of_cats.objects) == (1.0, 1, 1)


def test_the_mask_is_that_of_the_detection_that_has_the_box():
    """The lower detection's good mask must not be lent to the better scored one."""
    truth = dataset([label((0, 0, 20, 20))])
    seen = [with_masks(found(((0, 0, 20, 20), 0.5), ((0, 0, 20, 20), 0.9)), (0, 0, 20, 20), (0, 0, 10, 20))]
    assert _masks_in_found_boxes(truth, seen, 0.25)["cat"].mask_iou == pytest.approx(0.5)
