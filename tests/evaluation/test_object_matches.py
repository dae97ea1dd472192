import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from splitlab.errors import DataError
from splitlab.evaluation.curves import _precision_of_overlaps
from splitlab.evaluation.matches import NO_MATCH, match_by_score, overlaps_of_dataset, overlaps_of_image
from splitlab.evaluation.scores import _coco_truth, coco_results, evaluate_detections
from tests.evaluation.drawn import box_only, dataset, found, image, label, random_case, rectangle


def test_overlaps_are_intersection_over_union_and_in_a_crowd_the_share_of_the_detection():
    labels = image(label((0, 0, 40, 40)), label((0, 0, 80, 80), crowd=True))
    overlaps = overlaps_of_image(labels, found(((20, 0, 60, 40), 0.9)))
    assert overlaps.iou[0].tolist() == pytest.approx([800 / 2400, 1])


def test_masks_and_boxes_overlap_apart():
    labels = image(label((0, 0, 40, 40)))
    half = replace(found(((0, 0, 40, 40), 0.9)), masks=(rectangle(0, 0, 20, 40),))
    assert overlaps_of_image(labels, half, "mask").iou[0, 0] == pytest.approx(0.5)
    assert overlaps_of_image(labels, half, "box").iou[0, 0] == pytest.approx(1)


def test_a_mask_in_the_box_of_an_object_without_a_mask_lies_in_a_region():
    labels = image(box_only((0, 0, 40, 40)))
    overlaps = overlaps_of_image(labels, found(((0, 0, 20, 20), 0.9), ((30, 0, 50, 40), 0.8)))
    assert overlaps.iou[:, 0].tolist() == [1, 0.5]
    assert overlaps.crowds.tolist() == [True]
    assert overlaps_of_image(labels, found(), "box").crowds.tolist() == [False]


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_nothing_found_or_nothing_labelled_gives_empty_overlaps(kind):
    assert overlaps_of_image(image(label((0, 0, 9, 9))), found(), kind).iou.shape == (0, 1)
    nothing_there = overlaps_of_image(image(), found(((0, 0, 9, 9), 0.5)), kind)
    assert nothing_there.iou.shape == (1, 0)
    assert match_by_score(nothing_there).tolist() == [NO_MATCH]


def test_the_better_score_takes_the_object_though_it_lies_worse():
    labels = image(label((0, 0, 40, 40)))
    detections = found(((0, 0, 40, 40), 0.6), ((0, 0, 40, 30), 0.9))
    assert match_by_score(overlaps_of_image(labels, detections)).tolist() == [NO_MATCH, 0]


@pytest.mark.parametrize("seed", range(6))
def test_matches_equal_those_of_cocoeval(seed):
    truth, detections = random_case(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = _coco_truth(truth, "mask")
        evaluation = COCOeval(coco, coco.loadRes(coco_results(truth, detections)), "segm")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.areaRng = evaluation.params.areaRng[:1]
        evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:1]
        evaluation.evaluate()
    theirs = {}
    for entry in evaluation.evalImgs:
        if entry is not None:
            theirs |= dict(zip(entry["dtIds"], entry["dtMatches"][0].astype(int).tolist(), strict=True))
    ours, first_object = [], 1
    for overlaps in overlaps_of_dataset(truth, detections):
        matched = match_by_score(overlaps)
        ours += np.where(matched == NO_MATCH, 0, matched + first_object).tolist()
        first_object += len(overlaps.truth_classes)
    assert ours == [theirs[number] for number in sorted(theirs)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["mask", "box"])
def test_ap_of_overlaps_equals_ap_of_detections(seed, kind):
    truth, detections = random_case(seed)
    scores = evaluate_detections(truth, detections)[kind]
    overlaps = overlaps_of_dataset(truth, detections, kind)
    for name, thresholds in (("ap50", [0.5]), ("ap75", [0.75]), ("ap50_95", np.linspace(0.5, 0.95, 10))):
        ap = _precision_of_overlaps(overlaps, len(truth.class_names), thresholds).mean_ap()
        assert ap == pytest.approx(scores[name], abs=0.0051)


def test_detections_left_out_do_not_move_the_others():
    overlaps = overlaps_of_image(image(), found(((0, 0, 9, 9), 0.9), ((0, 0, 9, 9), 0.2), ((0, 0, 9, 9), 0.8)))
    kept = overlaps.above(0.8)
    assert kept.places.tolist() == [0, 2]
    assert kept.scores.tolist() == [0.9, 0.8]


def test_detections_of_another_image_are_refused():
    other = replace(found(), height=50)
    with pytest.raises(DataError, match="Image 10 is 100 x 100 pixels, its detections are of 100 x 50"):
        overlaps_of_dataset(dataset([]), [other])
    with pytest.raises(DataError, match="detections of 1 images, dataset 'test' has 2"):
        overlaps_of_dataset(dataset([], []), [found()])
