"""Boxes moved halfway to the rectangles around their masks."""

from dataclasses import replace

import pytest
import torch

from splitlab.models.contract import Detections, DetectSettings
from splitlab.models.registry import build_model
from splitlab.models.yolov5.decode import refined


def one(box, cells):
    """A detection in a 64 x 64 image whose 16 x 16 mask is over 0 in these (row, column) cells, 4 pixels each."""
    logits = torch.full((1, 16, 16), -5.0)
    for row, column in cells:
        logits[0, row, column] = 3.0
    return Detections(torch.tensor([box]), torch.tensor([0.9]), torch.tensor([0]), logits)


def test_a_box_is_moved_halfway_to_the_rectangle_around_its_mask():
    # Rows 3 to 6 and columns 5 to 9 are y 12 to 28 and x 20 to 40.
    found = one([10.0, 8.0, 44.0, 32.0], [(3, 5), (6, 9), (4, 7)])
    assert refined(found, 64).boxes.tolist() == [[15.0, 10.0, 42.0, 30.0]]


def test_a_box_grows_to_a_mask_that_reaches_a_little_over_it_and_not_to_what_lies_farther_out():
    # The box ends at x = 40, 5 % of its width are 2 pixels: the cell with its middle at 42 counts, the one at 46 not.
    found = one([0.0, 0.0, 40.0, 40.0], [(0, 0), (9, 9), (5, 10), (5, 11), (15, 15)])
    assert refined(found, 64).boxes.tolist() == [[0.0, 0.0, 42.0, 40.0]]


def test_a_box_without_any_mask_stays_where_it_is():
    found = one([10.0, 8.0, 44.0, 32.0], [(15, 15)])
    assert refined(found, 64).boxes.tolist() == found.boxes.tolist()


def test_nothing_found_is_nothing_refined():
    empty = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 16, 16))
    assert refined(empty, 64) is empty


def test_a_box_that_fits_its_mask_stays_and_scores_classes_and_masks_never_change():
    found = one([20.0, 12.0, 40.0, 28.0], [(3, 5), (6, 9)])
    after = refined(found, 64)
    assert after.boxes.tolist() == found.boxes.tolist()
    assert replace(after, boxes=found.boxes) == found


@pytest.mark.parametrize("name", ["yolov5n-seg", "yolov5n-lite0-seg"])
def test_a_model_refines_its_boxes_only_where_it_is_told_to(name):
    torch.manual_seed(0)
    model, images = build_model(name, 2, 64).eval(), torch.rand(1, 3, 64, 64)
    settings = DetectSettings(min_score=0.0001, max_detections=20)
    with torch.inference_mode():
        plain = model.detect(images, settings)[0]
        model.refines_boxes = True
        moved = model.detect(images, settings)[0]
    assert len(plain.boxes)
    assert not torch.equal(moved.boxes, plain.boxes)
    assert torch.equal(moved.boxes, refined(plain, 64).boxes)
    assert torch.equal(moved.mask_logits, plain.mask_logits)
