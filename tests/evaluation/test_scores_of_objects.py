from dataclasses import replace

import numpy as np
import pytest

from splitlab.evaluation.matches import NO_MATCH, overlaps_of_dataset
from splitlab.evaluation.scores import (
    _boundary_iou,
    class_confusion_rate,
    mean_boundary_iou,
    mean_mask_iou,
    scores_of_objects,
)
from tests.evaluation.drawn import dataset, found, label, random_case, rectangle

CAT, DOG = 0, 1
WHOLE, GOOD, OTHER = (0, 0, 40, 40), (0, 0, 40, 30), (60, 60, 90, 90)


def measure(truth, detections, min_score=0.0):
    overlaps = [image.above(min_score) for image in overlaps_of_dataset(truth, detections)]
    return scores_of_objects(truth, detections, overlaps)


def test_an_object_knows_who_found_it_how_well_and_as_what():
    truth = dataset([label(WHOLE, CAT), label(OTHER, CAT)])
    detections = [found((GOOD, 0.9, DOG), (GOOD, 0.7, CAT))]
    first, second = measure(truth, detections).to_dict("records")
    assert (first["image_id"], first["object"], first["truth_class"]) == (10, 0, CAT)
    assert (first["found_by"], first["localised_by"], first["predicted_class"]) == (1, 0, DOG)
    assert first["score"] == pytest.approx(0.7)
    assert first["predicted_score"] == pytest.approx(0.9)
    assert first["mask_iou"] == first["box_iou"] == pytest.approx(0.75)
    assert first["boundary_iou"] == _boundary_iou(rectangle(*WHOLE), rectangle(*GOOD))
    assert (second["found_by"], second["localised_by"], second["predicted_class"]) == (NO_MATCH, NO_MATCH, NO_MATCH)
    assert np.isnan(second["mask_iou"])


def test_boxes_are_measured_apart_from_masks():
    half = replace(found((WHOLE, 0.9, CAT)), masks=(rectangle(0, 0, 40, 20),))
    (row,) = measure(dataset([label(WHOLE, CAT)]), [half]).to_dict("records")
    assert (row["mask_iou"], row["box_iou"]) == (pytest.approx(0.5), pytest.approx(1))


def test_detections_under_a_score_are_not_asked_and_the_others_keep_their_place():
    truth = dataset([label(WHOLE, CAT)])
    detections = [found((GOOD, 0.2, DOG), (WHOLE, 0.8, CAT))]
    (row,) = measure(truth, detections, min_score=0.5).to_dict("records")
    assert (row["found_by"], row["localised_by"], row["boundary_iou"]) == (1, 1, 1)


def test_crowds_and_objects_without_a_mask_are_not_measured():
    truth = dataset([label(WHOLE, CAT, crowd=True), replace(label(OTHER, CAT), mask=None)])
    assert measure(truth, [found((WHOLE, 0.9, CAT))]).empty


def test_the_confusion_rate_is_over_objects_that_were_localised():
    truth = dataset(*[[label(WHOLE, CAT)]] * 4)
    detections = [
        found((WHOLE, 0.9, DOG), (WHOLE, 0.8, CAT)),
        found((WHOLE, 0.9, CAT), (WHOLE, 0.8, DOG)),
        found((WHOLE, 0.9, CAT)),
        found((OTHER, 0.9, DOG)),
    ]
    rate = class_confusion_rate(measure(truth, detections))
    assert (rate.value, rate.objects) == (pytest.approx(1 / 3), 3)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


def test_mean_mask_iou_is_over_objects_that_were_found():
    truth = dataset([label(WHOLE, CAT)], [label(WHOLE, CAT)], [label(WHOLE, CAT)])
    detections = [found((WHOLE, 0.9, CAT)), found((GOOD, 0.9, CAT)), found((WHOLE, 0.9, DOG))]
    mean = mean_mask_iou(measure(truth, detections))
    assert (mean.value, mean.objects) == (pytest.approx(0.875), 2)
    assert 0.75 <= mean.low <= mean.value <= mean.high <= 1


def test_without_objects_there_is_no_number():
    nothing = measure(dataset([label(WHOLE, CAT)]), [found()])
    for measured in (class_confusion_rate(nothing), mean_mask_iou(nothing), mean_boundary_iou(nothing)):
        assert (measured.value, measured.low, measured.high, measured.objects) == (None, None, None, 0)


def test_the_interval_is_that_of_drawing_images_and_narrows_with_more_of_them():
    truth = dataset(*[[label(WHOLE, CAT)]] * 400)
    detections = [found((WHOLE, 0.9, DOG if place % 10 == 0 else CAT)) for place in range(400)]
    rate = class_confusion_rate(measure(truth, detections))
    # The standard error of a share of 0.1 among 400.
    error = (0.1 * 0.9 / 400) ** 0.5
    assert rate.low == pytest.approx(0.1 - 1.96 * error, abs=0.3 * error)
    assert rate.high == pytest.approx(0.1 + 1.96 * error, abs=0.3 * error)


def test_found_objects_are_those_that_cocoeval_counts():
    truth, detections = random_case(3)
    objects = measure(truth, detections)
    assert (objects.loc[objects["found_by"] != NO_MATCH, "mask_iou"] >= 0.5).all()
    assert not objects[objects["found_by"] != NO_MATCH].duplicated(["image_id", "found_by"]).any()
    assert (objects["found_by"] == NO_MATCH).sum() > 0
