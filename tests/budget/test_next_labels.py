import pytest

from splitlab.budget.cost import VOC2012, ImagePool
from splitlab.budget.next_step import next_labels
from splitlab.budget.published import published_surface
from splitlab.errors import BudgetError


@pytest.fixture(scope="module")
def voc():
    return published_surface("VOC2012", "YOLOv5", "ap70")


def test_masks_alone_call_for_boxes_and_boxes_in_plenty_call_for_masks(voc):
    after_masks = next_labels(voc, VOC2012, ImagePool(10731, full=1464, weak=0), hours=5)
    after_boxes = next_labels(voc, VOC2012, ImagePool(10731, full=200, weak=5000), hours=5)
    assert after_masks.boxes.ap_per_hour > 2 * after_masks.masks.ap_per_hour
    assert after_boxes.masks.ap_per_hour > 2 * after_boxes.boxes.ap_per_hour


def test_near_the_best_split_an_hour_of_either_adds_about_the_same(voc):
    both = next_labels(voc, VOC2012, ImagePool(10731, full=659, weak=3413), hours=2)
    assert both.masks.ap_per_hour == pytest.approx(both.boxes.ap_per_hour, rel=0.05)


def test_ten_hours_buy_150_masks_or_944_boxes(voc):
    both = next_labels(voc, VOC2012, ImagePool(10731, full=400, weak=1000), hours=10)
    assert (both.masks.full, both.masks.weak) == (550, 1000)
    assert (both.boxes.full, both.boxes.weak) == (400, 1944)
    assert both.masks.hours == pytest.approx(150 * 239.7 / 3600)
    assert both.masks.low < both.masks.ap < both.masks.high


def test_with_every_image_labelled_masks_replace_boxes_and_no_boxes_are_left_to_draw(voc):
    both = next_labels(voc, VOC2012, ImagePool(1000, full=200, weak=800), hours=5)
    assert (both.masks.full, both.masks.weak) == (275, 725)
    assert both.masks.ap > 0
    assert both.boxes is None


def test_three_images_without_a_label_do_not_make_boxes_win(voc):
    both = next_labels(voc, VOC2012, ImagePool(3000, full=862, weak=2135), hours=8)
    assert (both.box_images, both.box_hours) == (3, pytest.approx(3 * 38.1 / 3600))
    # Both ways take the eight hours: the boxes alone would take two minutes.
    assert both.boxes.hours == pytest.approx(both.masks.hours, abs=239.7 / 3600)
    assert (both.boxes.full, both.boxes.weak) == (981, 2019)
    assert both.masks.ap_per_hour > both.boxes.ap_per_hour


def test_hours_after_the_last_box_go_into_masks_on_images_that_have_boxes(voc):
    both = next_labels(voc, VOC2012, ImagePool(1000, full=200, weak=790), hours=5)
    masks = int((5 - 10 * 38.1 / 3600) * 3600 / 239.7)
    assert (both.boxes.full, both.boxes.weak) == (200 + masks, 800 - masks)
    assert both.boxes.hours == pytest.approx((10 * 38.1 + masks * 239.7) / 3600)


def test_masks_on_every_image_end_the_hours(voc):
    both = next_labels(voc, VOC2012, ImagePool(30, full=10, weak=10), hours=100)
    assert (both.masks.full, both.masks.weak) == (both.boxes.full, both.boxes.weak) == (30, 0)
    assert both.masks.hours == pytest.approx(20 * 239.7 / 3600)


def test_with_masks_on_every_image_nothing_is_left_to_label(voc):
    with pytest.raises(BudgetError, match="all 1,000 images have masks"):
        next_labels(voc, VOC2012, ImagePool(1000, full=1000), hours=5)


def test_hours_for_less_than_one_image_and_a_pool_without_masks_are_refused(voc):
    with pytest.raises(BudgetError, match="give more hours"):
        next_labels(voc, VOC2012, ImagePool(1000, full=200), hours=0.05)
    with pytest.raises(BudgetError, match="no image has masks yet"):
        next_labels(voc, VOC2012, ImagePool(1000, weak=200), hours=5)
