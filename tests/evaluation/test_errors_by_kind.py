from collections import defaultdict

import numpy as np
import pytest

from splitlab.errors import SettingsError
from splitlab.evaluation.curves import _mend, _precision_of_overlaps, ap_cost_of_errors
from splitlab.evaluation.errors_by_kind import (
    ErrorLimits,
    count_errors,
    error_table,
    errors_of_dataset,
    errors_of_image,
)
from splitlab.evaluation.matches import ERRORS, NO_MATCH, ErrorKind, overlaps_of_dataset, overlaps_of_image
from tests.evaluation.drawn import dataset, found, image, label, random_case

CAT, DOG = 0, 1
WHOLE, UNSEEN = (0, 0, 40, 40), (60, 60, 90, 90)
# IoU with WHOLE: 0.75, 0.25 and 0.05.
GOOD, POOR, BARE = (0, 0, 40, 30), (0, 0, 40, 10), (0, 0, 40, 2)


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([(GOOD, 0.9, CAT)], [ErrorKind.FOUND]),
        ([(GOOD, 0.9, DOG)], [ErrorKind.MISCLASSIFIED]),
        ([(POOR, 0.9, CAT)], [ErrorKind.BAD_MASK]),
        ([(POOR, 0.9, DOG)], [ErrorKind.BOTH]),
        ([(GOOD, 0.9, CAT), (WHOLE, 0.8, CAT)], [ErrorKind.FOUND, ErrorKind.DUPLICATE]),
        ([(BARE, 0.9, CAT)], [ErrorKind.BACKGROUND]),
        ([((50, 0, 60, 10), 0.9, DOG)], [ErrorKind.BACKGROUND]),
        # A poor mask over an object that is found already is a poor mask all the same.
        ([(GOOD, 0.9, CAT), (POOR, 0.8, CAT)], [ErrorKind.FOUND, ErrorKind.BAD_MASK]),
    ],
)
def test_each_kind_is_told_apart(rows, kinds):
    errors = errors_of_image(overlaps_of_image(image(label(WHOLE, CAT)), found(*rows)))
    assert list(errors.kinds) == kinds


def test_an_object_is_missed_only_where_no_detection_came_near():
    labels = image(label(WHOLE, CAT), label(UNSEEN, CAT))
    for near in ((GOOD, 0.9, DOG), (POOR, 0.9, CAT), (GOOD, 0.9, CAT)):
        assert errors_of_image(overlaps_of_image(labels, found(near))).missed.tolist() == [False, True]
    for far in ((POOR, 0.9, DOG), (BARE, 0.9, CAT)):
        assert errors_of_image(overlaps_of_image(labels, found(far))).missed.tolist() == [True, True]
    assert errors_of_image(overlaps_of_image(labels, found())).missed.tolist() == [True, True]


def test_what_lies_in_a_crowd_of_its_class_is_no_error_and_a_crowd_is_never_missed():
    labels = image(label((0, 0, 80, 80), CAT, crowd=True))
    errors = errors_of_image(overlaps_of_image(labels, found((GOOD, 0.9, CAT), (GOOD, 0.8, DOG))))
    assert errors.kinds == (None, ErrorKind.BACKGROUND)
    assert not errors.missed.any()
    assert not errors.found.any()


def test_limits_may_be_moved_but_not_crossed():
    overlaps = overlaps_of_image(image(label(WHOLE, CAT)), found((GOOD, 0.9, CAT)))
    assert errors_of_image(overlaps, ErrorLimits(found_iou=0.8)).kinds == (ErrorKind.BAD_MASK,)
    with pytest.raises(SettingsError, match="background_iou < found_iou"):
        ErrorLimits(found_iou=0.1, background_iou=0.5)


def test_the_table_names_image_detection_object_and_classes():
    truth = dataset([label(WHOLE, CAT)], [label(WHOLE, CAT), label(UNSEEN, DOG)])
    overlaps = overlaps_of_dataset(truth, [found((BARE, 0.95, CAT), (GOOD, 0.9, DOG)), found((GOOD, 0.8, CAT))])
    # The first is left out; the second keeps its place.
    shown = [overlaps[0].keep_detections(np.array([False, True])), overlaps[1]]
    table = error_table(shown, errors_of_dataset(shown))
    rows = table.drop(columns=["score", "iou"]).to_numpy().tolist()
    assert rows == [
        [10, "misclassified", 1, 0, DOG, CAT],
        [11, "found", 0, 0, CAT, CAT],
        [11, "missed", NO_MATCH, 1, NO_MATCH, DOG],
    ]
    assert table["iou"].tolist()[:2] == pytest.approx([0.75, 0.75])
    assert count_errors(table)[ErrorKind.MISSED] == 1
    assert count_errors(table)[ErrorKind.DUPLICATE] == 0


def test_each_kind_costs_what_was_worked_out_by_hand():
    # Two cats. One is found; the other is called a dog. The one dog is found, behind the cat called a dog.
    truth = dataset([label(WHOLE, CAT), label(UNSEEN, CAT)], [label(WHOLE, DOG)])
    detections = [found((WHOLE, 0.9, CAT), (UNSEEN, 0.8, DOG)), found((WHOLE, 0.7, DOG))]
    cost = ap_cost_of_errors(overlaps_of_dataset(truth, detections), 2)
    assert cost.ap == pytest.approx((100 * 51 / 101 + 50) / 2)
    assert cost.lost[ErrorKind.MISCLASSIFIED] == pytest.approx(100 - cost.ap)
    assert all(cost.lost[kind] == 0 for kind in ERRORS if kind is not ErrorKind.MISCLASSIFIED)


def test_one_object_is_mended_once_and_by_the_best_score():
    # Both are near: the first by its class, the second by its mask.
    overlaps = overlaps_of_dataset(dataset([label(WHOLE, CAT)]), [found((POOR, 0.8, CAT), (GOOD, 0.9, DOG))])
    errors = errors_of_dataset(overlaps)
    (right_class,) = _mend(overlaps, errors, ErrorKind.MISCLASSIFIED)
    assert right_class.classes.tolist() == [CAT, CAT]
    (right_mask,) = _mend(overlaps, errors, ErrorKind.BAD_MASK)
    assert right_mask.classes.tolist() == [DOG]


@pytest.mark.parametrize("seed", range(4))
def test_with_every_kind_mended_ap_is_100(seed):
    truth, detections = random_case(seed)
    overlaps = overlaps_of_dataset(truth, detections)
    for kind in ERRORS:
        overlaps = _mend(overlaps, errors_of_dataset(overlaps), kind)
    assert _precision_of_overlaps(overlaps, 3, [0.5]).mean_ap() == pytest.approx(100)


@pytest.mark.parametrize("seed", range(6))
def test_costs_equal_those_of_an_oracle_that_counts_hits_by_itself(seed):
    truth, detections = random_case(seed)
    overlaps = overlaps_of_dataset(truth, detections)
    ap, lost = oracle(overlaps)
    cost = ap_cost_of_errors(overlaps, 3)
    assert cost.ap == pytest.approx(ap)
    assert cost.lost == {kind: pytest.approx(value, abs=1e-9) for kind, value in lost.items()}


def oracle(images):
    """TIDE as its paper tells it, without COCOeval: lists of hits and misses by class, and a sum over recalls."""
    errors = errors_of_dataset(images)
    ap = mean_ap(images, errors, None)
    return ap, {kind: mean_ap(images, errors, kind) - ap for kind in ERRORS}


def mean_ap(images, errors, mended):
    hits, objects = defaultdict(list), defaultdict(int)
    for overlaps, wrong in zip(images, errors, strict=True):
        for index, class_index in enumerate(overlaps.truth_classes):
            gone = mended is ErrorKind.MISSED and wrong.missed[index]
            objects[class_index] += not overlaps.crowds[index] and not gone
        repaired = set(np.flatnonzero(wrong.found))
        for row in np.argsort(-overlaps.scores, kind="stable"):
            kind, index = wrong.kinds[row], int(wrong.objects[row])
            hit, class_index = kind is ErrorKind.FOUND, overlaps.classes[row]
            near = kind in (ErrorKind.MISCLASSIFIED, ErrorKind.BAD_MASK) and index not in repaired
            if near:
                repaired.add(index)
            if kind is mended and near:
                hit, class_index = True, overlaps.truth_classes[index]
            if kind is not None and (kind is not mended or near):
                hits[class_index].append((overlaps.scores[row], hit))
    return float(np.mean([class_ap(hits[index], count) for index, count in objects.items() if count]))


def class_ap(hits, objects):
    right = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], float)
    recall, precision = right.cumsum() / objects, right.cumsum() / np.arange(1, len(right) + 1)
    return 100 * np.mean([precision[recall >= at].max(initial=0) for at in np.linspace(0, 1, 101)])


@pytest.mark.parametrize(
    ("objects", "rows", "kind", "about"),
    [
        # IoU 1/3 with the cat and 0.75 with the dog: a bad mask comes before a wrong class.
        ([label((0, 0, 40, 10), CAT), label(WHOLE, DOG)], [(GOOD, 0.9, CAT)], ErrorKind.BAD_MASK, 0),
        # Over a dog and over a cat that is found already: a wrong class comes before a duplicate.
        ([label(WHOLE, CAT), label(WHOLE, DOG)], [(WHOLE, 0.9, CAT), (GOOD, 0.8, CAT)], ErrorKind.MISCLASSIFIED, 1),
        # IoU 1/4 with a dog and none with the cat: more than background, less than a wrong class.
        ([label(UNSEEN, CAT), label(WHOLE, DOG)], [(POOR, 0.9, CAT)], ErrorKind.BOTH, 1),
    ],
)
def test_where_two_kinds_fit_the_first_in_tides_order_counts(objects, rows, kind, about):
    errors = errors_of_image(overlaps_of_image(image(*objects), found(*rows)))
    assert (errors.kinds[-1], errors.objects[-1]) == (kind, about)
