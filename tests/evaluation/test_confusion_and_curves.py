import numpy as np
import pytest

from splitlab.evaluation.curves import _BINS, calibration, precision_recall_curves
from splitlab.evaluation.errors_by_kind import confusion_of_pairs, confusion_pairs
from splitlab.evaluation.matches import NO_MATCH, overlaps_of_dataset
from splitlab.evaluation.scores import evaluate_detections
from tests.evaluation.drawn import dataset, found, label, random_case

CAT, DOG, NOTHING = 0, 1, 2
HERE, THERE = (0, 0, 40, 40), (60, 60, 90, 90)


def test_a_confusion_matrix_worked_out_by_hand():
    truth = dataset([label(HERE, CAT), label(THERE, DOG)], [label(HERE, CAT)], [label(HERE, CAT)])
    detections = [
        found((HERE, 0.9, DOG), (HERE, 0.8, CAT)),
        found((HERE, 0.9, DOG), (THERE, 0.7, DOG), (HERE, 0.1, CAT)),
        found((HERE, 0.9, CAT)),
    ]
    shown = [image.above(0.5) for image in overlaps_of_dataset(truth, detections)]
    confusion = confusion_of_pairs(confusion_pairs(shown), 2)
    assert confusion.counts.tolist() == [[1, 2, 0], [0, 0, 1], [1, 1, 0]]
    assert confusion.images == {
        (CAT, CAT): (12,),
        (CAT, DOG): (10, 11),
        (DOG, NOTHING): (10,),
        (NOTHING, CAT): (10,),
        (NOTHING, DOG): (11,),
    }


def test_pairs_name_the_detection_by_its_place_in_the_image():
    truth = dataset([label(HERE, CAT)])
    (image,) = overlaps_of_dataset(truth, [found((THERE, 0.1, DOG), (HERE, 0.8, CAT))])
    (pair,) = confusion_pairs([image.above(0.5)]).to_dict("records")
    assert (pair["object"], pair["detection"], pair["iou"]) == (0, 1, 1)


def test_a_crowd_is_neither_confused_nor_missed():
    truth = dataset([label((0, 0, 80, 80), CAT, crowd=True)])
    assert confusion_pairs(overlaps_of_dataset(truth, [found((HERE, 0.9, DOG))])).empty
    assert confusion_of_pairs(confusion_pairs(overlaps_of_dataset(truth, [found()])), 2).counts.sum() == 0


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_the_matrix_hold_every_object_and_columns_every_detection(seed):
    truth, detections = random_case(seed)
    overlaps = overlaps_of_dataset(truth, detections)
    pairs = confusion_pairs(overlaps)
    counts = confusion_of_pairs(pairs, 3).counts
    objects = [label.class_index for image in truth.images for label in image.targets if label.mask]
    assert counts[:-1].sum(axis=1).tolist() == np.bincount(objects, minlength=3).tolist()
    kept = pairs[pairs["detection"] != NO_MATCH]
    assert counts[:, :-1].sum() == len(kept)
    assert not kept.duplicated(["image_id", "detection"]).any()


def test_a_precision_recall_curve_worked_out_by_hand():
    # Hit, miss, hit, on two cats; no dog is labelled.
    truth = dataset([label(HERE, CAT), label(THERE, CAT)])
    detections = [found((HERE, 0.9, CAT), ((0, 60, 20, 80), 0.8, CAT), (THERE, 0.7, CAT))]
    curve = precision_recall_curves(overlaps_of_dataset(truth, detections), 2, [0.5])
    assert set(curve["class_index"]) == {CAT}
    assert curve["precision"].tolist() == pytest.approx([1] * 51 + [2 / 3] * 50)
    assert curve["score"].tolist() == pytest.approx([0.9] * 51 + [0.7] * 50)


def test_a_recall_that_is_never_reached_has_no_score():
    truth = dataset([label(HERE, CAT), label(THERE, CAT)])
    curve = precision_recall_curves(overlaps_of_dataset(truth, [found((HERE, 0.9, CAT))]), 2, [0.5])
    assert curve.loc[curve["recall"] > 0.5, "score"].isna().all()
    assert curve.loc[curve["recall"] <= 0.5, "score"].notna().all()


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_of_a_curve_is_its_ap(seed):
    truth, detections = random_case(seed)
    curves = precision_recall_curves(overlaps_of_dataset(truth, detections), 3)
    scores = evaluate_detections(truth, detections)["mask"]["per_class"]
    for iou, name in ((0.5, "ap50"), (0.7, "ap70"), (0.75, "ap75")):
        for index, class_name in enumerate(truth.class_names):
            curve = curves[(curves["iou"] == iou) & (curves["class_index"] == index)]
            assert 100 * curve["precision"].mean() == pytest.approx(scores[class_name][name], abs=0.0051)


def test_curves_without_any_object_are_empty():
    assert precision_recall_curves(overlaps_of_dataset(dataset([]), [found((HERE, 0.9, CAT))]), 2).empty


def test_calibration_worked_out_by_hand():
    # Of two that score 0.8, one is right; the one that scores 1 is right.
    truth = dataset([label(HERE, CAT)], [label(HERE, CAT)])
    detections = [found((HERE, 1.0, CAT)), found((HERE, 0.82, CAT), (THERE, 0.88, CAT))]
    measured = calibration(overlaps_of_dataset(truth, detections))
    assert measured.bins["detections"].tolist() == [0] * 8 + [2, 1]
    assert measured.bins["mean_score"].tolist()[8:] == pytest.approx([0.85, 1])
    assert measured.bins["right"].tolist()[8:] == [0.5, 1]
    assert measured.error == pytest.approx((2 * 0.35 + 0) / 3)


def test_detections_in_a_crowd_are_no_matter_of_calibration():
    truth = dataset([label((0, 0, 80, 80), CAT, crowd=True)])
    measured = calibration(overlaps_of_dataset(truth, [found((HERE, 0.9, CAT))]))
    assert measured.error is None
    assert len(measured.bins) == _BINS


def test_scores_that_are_too_high_do_not_make_up_for_scores_that_are_too_low():
    right, wrong = ((0, 0, 40, 40), 0.15, 0), ((60, 60, 90, 90), 0.85, 0)
    overlaps = overlaps_of_dataset(dataset([label((0, 0, 40, 40))]), [found(right, wrong)])
    assert calibration(overlaps).error == pytest.approx(0.85)
