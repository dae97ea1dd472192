import contextlib
import io

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.scores import _coco_truth, coco_results, evaluate_detections
from tests.evaluation.drawn import SIDE, box_only, label, rectangle


def dataset(*objects_per_image, classes=("cat", "dog")):
    images = tuple(
        ImageLabels(number, None, SIDE, SIDE, tuple(objects)) for number, objects in enumerate(objects_per_image)
    )
    return Dataset("test", classes, tuple(range(1, len(classes) + 1)), images, "hash")


def found(*rows):
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    return ImageDetections(
        SIDE,
        SIDE,
        boxes,
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] if len(row) > 2 else 0 for row in rows], np.int64),
        tuple(rectangle(*row[0]) for row in rows),
    )


def test_ap_of_a_case_worked_out_by_hand():
    # Two cats. One is found with IoU 0.72, first; the other with IoU 1, second; a false one between them.
    truth = dataset([label((0, 0, 50, 50)), label((60, 60, 80, 80))])
    detections = [found(((0, 0, 36, 50), 0.9), ((85, 0, 95, 10), 0.8), ((60, 60, 80, 80), 0.7))]
    scores = evaluate_detections(truth, detections)["mask"]
    # To IoU 0.70: hit, miss, hit. Precision 1 up to recall 0.5 (51 of the 101 recalls), then 2/3.
    both = 100 * (51 * 1 + 50 * 2 / 3) / 101
    # From IoU 0.75: miss, miss, hit. Precision 1/3 up to recall 0.5, then none.
    one = 100 * (51 / 3) / 101
    assert scores["ap50"] == pytest.approx(both, abs=0.01)
    assert scores["ap70"] == pytest.approx(both, abs=0.01)
    assert scores["ap75"] == pytest.approx(one, abs=0.01)
    assert scores["ap50_95"] == pytest.approx((5 * both + 5 * one) / 10, abs=0.01)
    assert scores["per_class"]["cat"]["ap70"] == scores["ap70"]
    assert scores["per_class"]["dog"] == {"ap50": None, "ap70": None, "ap75": None, "ap50_95": None}


def test_boxes_are_scored_apart_from_masks():
    truth = dataset([label((0, 0, 50, 50))])
    detections = found(((0, 0, 50, 50), 0.9))
    half_mask = ImageDetections(
        SIDE, SIDE, detections.boxes, detections.scores, detections.classes, (rectangle(0, 0, 25, 50),)
    )
    scores = evaluate_detections(truth, [half_mask])
    assert scores["box"]["ap75"] == 100
    assert scores["mask"]["ap75"] == 0


def test_what_lies_in_a_crowd_is_no_mistake():
    plain = dataset([label((0, 0, 20, 20))])
    crowded = dataset([label((0, 0, 20, 20)), label((40, 40, 100, 100), crowd=True)])
    detections = [found(((50, 50, 70, 70), 0.9), ((0, 0, 20, 20), 0.8))]
    assert evaluate_detections(crowded, detections)["mask"]["ap50"] == 100
    assert evaluate_detections(plain, detections)["mask"]["ap50"] == pytest.approx(50, abs=0.01)


def test_a_model_without_a_mistake_scores_100_where_some_objects_have_no_mask():
    truth = dataset([label((0, 0, 20, 20)), box_only((40, 40, 80, 80))], [box_only((10, 10, 50, 50), 1)])
    scores = evaluate_detections(truth, [found(((0, 0, 20, 20), 0.8), ((42, 41, 78, 80), 0.9)), found()])
    assert scores["mask"]["ap50"] == scores["mask"]["ap50_95"] == 100
    # Its boxes are known and are scored: of class 1 it finds nothing.
    assert scores["mask"]["per_class"]["dog"]["ap50"] is None
    assert scores["box"]["per_class"]["dog"]["ap50"] == 0
    assert scores["box"]["ap50"] == 50


def test_a_mask_beside_the_box_of_an_object_without_mask_is_a_mistake():
    truth = dataset([label((0, 0, 20, 20)), box_only((40, 40, 80, 80))])
    detections = [found(((0, 0, 20, 20), 0.8), ((64, 40, 104, 80), 0.9))]
    assert evaluate_detections(truth, detections)["mask"]["ap50"] == pytest.approx(50, abs=0.01)


@pytest.mark.parametrize("outside", [(-30, -30, -10, -10), (120, 10, 140, 30), (float("nan"), 0, 50, 50)])
def test_a_box_outside_of_the_image_without_a_mask_changes_nothing(outside):
    found_twice = [found(((0, 0, 20, 20), 0.8), ((40, 40, 80, 80), 0.9))]
    plain, more = dataset([label((0, 0, 20, 20))]), dataset([label((0, 0, 20, 20)), box_only(outside)])
    mask_scores = [evaluate_detections(truth, found_twice)["mask"] for truth in (plain, more)]
    assert mask_scores[0] == mask_scores[1]
    assert mask_scores[0]["ap50"] == pytest.approx(50, abs=0.01)


def test_no_detection_at_all_scores_zero():
    scores = evaluate_detections(dataset([label((0, 0, 20, 20))]), [found()])
    assert scores["mask"]["ap50"] == scores["box"]["ap50_95"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_the_summary_of_pycocotools_on_random_detections(seed):
    rng = np.random.default_rng(seed)

    def box():
        left, top = rng.integers(0, 60, 2)
        return (int(left), int(top), int(left + rng.integers(5, 40)), int(top + rng.integers(5, 40)))

    def near(old):
        return (
            tuple(int(v) for v in np.clip(np.array(old) + rng.integers(-5, 6, 4), 0, SIDE))
            if rng.random() < 0.7
            else box()
        )

    objects = [[label(box(), int(rng.integers(2)), crowd=rng.random() < 0.1) for _ in range(4)] for _ in range(12)]
    truth = dataset(*objects)
    detections = [
        found(
            *[
                (b, float(rng.random()), o.class_index)
                for o in labels
                for b in (near(o.box), near(o.box))
                if b[2] > b[0] and b[3] > b[1]
            ]
        )
        for labels in objects
    ]
    scores = evaluate_detections(truth, detections)
    for kind, name in (("segm", "mask"), ("bbox", "box")):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = _coco_truth(truth, name)
            evaluation = COCOeval(coco, coco.loadRes(coco_results(truth, detections)), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        ap50_95, ap50, ap75 = evaluation.stats[:3] * 100
        assert scores[name]["ap50"] == pytest.approx(ap50, abs=0.006)
        assert scores[name]["ap75"] == pytest.approx(ap75, abs=0.006)
        assert scores[name]["ap50_95"] == pytest.approx(ap50_95, abs=0.006)
        assert scores[name]["ap75"] <= scores[name]["ap70"] <= scores[name]["ap50"]


@pytest.mark.parametrize(("width", "ap70"), [(34, 0), (36, 100)])
def test_ap70_begins_at_an_iou_of_070_and_not_one_threshold_lower(width, ap70):
    # IoU 0.68 and 0.72 with the object, in masks and in boxes: both above 0.65 and below 0.75.
    scores = evaluate_detections(dataset([label((0, 0, 50, 50))]), [found(((0, 0, width, 50), 0.9))])
    for kind in ("mask", "box"):
        assert (scores[kind]["ap50"], scores[kind]["ap70"], scores[kind]["ap75"]) == (100, ap70, 0)


def test_a_hundred_detections_of_an_image_count_and_no_more():
    places = [(10 * column, 10 * row, 10 * column + 8, 10 * row + 8) for row in range(10) for column in range(10)]
    truth = dataset([label(place) for place in places])
    right = [(place, 0.5) for place in places]
    assert evaluate_detections(truth, [found(*right)])["mask"]["ap50"] == 100
    wrong = [((1, 1, 3, 3), 0.9)] * 100
    assert evaluate_detections(truth, [found(*wrong, *right)])["mask"]["ap50"] == 0
