"""Prices by a stopwatch: Cox's interval by hand, pairs, classes, simulated annotators, and files of students."""

import math
import re

import numpy as np
import pytest

from splitlab.budget.stopwatch import BOX, OUTLINE, TimedLabel, by_annotator, ratio_of, time_of
from splitlab.budget.timed_files import (
    COLUMNS,
    MOST_ANNOTATORS,
    MOST_BYTES,
    MOST_LABELS,
    checked_annotator,
    join_files,
    labels_as_csv,
    read_labels,
)
from splitlab.errors import BudgetError

# Log-normal times: a box of 7 s and an outline of 55 s in the median, and their spreads on the log scale.
BOX_MEDIAN, OUTLINE_MEDIAN, BOX_SPREAD, OUTLINE_SPREAD = 7.0, 55.0, 0.3, 0.4
HEAD = ",".join(COLUMNS)


def labels_of(kind, seconds, annotator="you", items=None, iou=None):
    items = items or [f"object {number}" for number in range(len(seconds))]
    return [TimedLabel(annotator, kind, item, time, iou) for item, time in zip(items, seconds, strict=True)]


def simulated(rng, number, common=0.5, annotator="you", box_speed=0.0, outline_speed=0.0):
    """Times of one annotator; `common` is how much the difficulty of an object is shared by both kinds."""
    noise = rng.normal(size=(2, number))
    noise[1] = common * noise[0] + math.sqrt(1 - common**2) * noise[1]
    boxes = BOX_MEDIAN * np.exp(box_speed + BOX_SPREAD * noise[0])
    outlines = OUTLINE_MEDIAN * np.exp(outline_speed + OUTLINE_SPREAD * noise[1])
    return labels_of(BOX, boxes.tolist(), annotator) + labels_of(OUTLINE, outlines.tolist(), annotator)


TRUE_OUTLINE = OUTLINE_MEDIAN * math.exp(OUTLINE_SPREAD**2 / 2)
TRUE_RATIO = TRUE_OUTLINE / (BOX_MEDIAN * math.exp(BOX_SPREAD**2 / 2))


def test_the_price_is_the_mean_of_a_log_normal_with_cox_s_interval_worked_by_hand():
    # Logs 1, 2, 3: mean 2, variance 1. The price is exp(2.5); its log has variance 1/3 + 1/4; t(2 degrees) is 4.3027.
    found = time_of(labels_of(BOX, [math.e, math.e**2, math.e**3]), BOX)
    reach = 4.302653 * math.sqrt(1 / 3 + 1 / 4)
    assert found.seconds.value == pytest.approx(math.exp(2.5))
    assert found.seconds.low == pytest.approx(math.exp(2.5 - reach))
    assert found.seconds.high == pytest.approx(math.exp(2.5 + reach))
    assert (found.labels, found.annotators, found.iou) == (3, 1, None)


def test_two_labels_of_a_kind_give_no_price_and_no_ratio():
    labels = labels_of(BOX, [5.0, 6.0, 7.0]) + labels_of(OUTLINE, [50.0, 60.0])
    assert time_of(labels, OUTLINE) is None
    assert ratio_of(labels, OUTLINE) is None
    assert time_of(labels, BOX) is not None


def test_equal_times_give_an_interval_without_width():
    labels = labels_of(BOX, [5.0] * 4) + labels_of(OUTLINE, [40.0] * 4)
    ratio = ratio_of(labels, OUTLINE)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((8, 8, 8))


def test_a_ratio_is_narrower_if_the_same_objects_are_slow_in_both_kinds():
    boxes, outlines = [4.0, 6.0, 9.0, 13.0], [40.0, 62.0, 88.0, 135.0]
    paired = ratio_of(labels_of(BOX, boxes) + labels_of(OUTLINE, outlines), OUTLINE)
    apart = ratio_of(labels_of(BOX, boxes) + labels_of(OUTLINE, outlines, items=list("abcd")), OUTLINE)
    assert paired.value == pytest.approx(apart.value)
    assert paired.high / paired.low < 0.6 * apart.high / apart.low


def test_prices_scale_with_the_unit_of_time_and_the_ratio_does_not():
    labels = simulated(np.random.default_rng(1), 6)
    slower = [TimedLabel(each.annotator, each.kind, each.item, 3 * each.seconds) for each in labels]
    assert time_of(slower, BOX).seconds.high == pytest.approx(3 * time_of(labels, BOX).seconds.high)
    assert ratio_of(slower, OUTLINE).low == pytest.approx(ratio_of(labels, OUTLINE).low)


def test_each_student_counts_the_same_however_many_objects_they_labelled():
    labels = labels_of(BOX, [10.0] * 3, "Anna") + labels_of(BOX, [20.0] * 30, "Ben")
    found = time_of(labels, BOX)
    assert found.seconds.value == pytest.approx(15)
    assert (found.labels, found.annotators) == (33, 2)


def test_the_ratio_of_a_class_compares_each_student_with_themselves():
    labels = []
    for name, box in (("Anna", 5.0), ("Ben", 10.0), ("Cem", 20.0)):
        labels += labels_of(BOX, [box] * 3, name) + labels_of(OUTLINE, [8 * box] * 3, name)
    ratio = ratio_of(labels, OUTLINE)
    assert (ratio.low, ratio.high) == pytest.approx((8, 8))
    assert time_of(labels, BOX).seconds.high > 2 * time_of(labels, BOX).seconds.low


def test_the_iou_is_the_mean_over_students():
    labels = labels_of(BOX, [5.0] * 3, "Anna", iou=0.9) + labels_of(BOX, [5.0] * 9, "Ben", iou=0.7)
    assert time_of(labels, BOX).iou == pytest.approx(0.8)


def test_after_ten_objects_a_kind_the_ratio_is_within_a_fifth_for_nine_of_ten_annotators():
    rng = np.random.default_rng(5)
    ratios = [ratio_of(simulated(rng, 10), OUTLINE).value for _ in range(800)]
    off = np.abs(np.array(ratios) / TRUE_RATIO - 1)
    assert np.median(off) < 0.1
    assert (off <= 0.2).mean() > 0.87


@pytest.mark.parametrize("number", [5, 10])
def test_intervals_contain_the_truth_for_nineteen_of_twenty_annotators(number):
    rng = np.random.default_rng(number)
    drawn = [simulated(rng, number) for _ in range(800)]
    prices = [time_of(labels, OUTLINE).seconds for labels in drawn]
    ratios = [ratio_of(labels, OUTLINE) for labels in drawn]
    assert np.mean([price.low <= TRUE_OUTLINE <= price.high for price in prices]) == pytest.approx(0.95, abs=0.025)
    assert np.mean([ratio.low <= TRUE_RATIO <= ratio.high for ratio in ratios]) == pytest.approx(0.96, abs=0.025)


def test_the_interval_of_a_class_contains_the_mean_student():
    rng = np.random.default_rng(3)
    spread, inside = 0.3, []
    for _ in range(150):
        labels = []
        for student in range(10):
            speeds = rng.normal(size=2) * spread
            labels += simulated(rng, 10, 0.5, str(student), *speeds)
        found = time_of(labels, OUTLINE).seconds
        inside.append(found.low <= TRUE_OUTLINE * math.exp(spread**2 / 2) <= found.high)
    assert 0.89 < np.mean(inside) < 0.99


@pytest.mark.parametrize(
    ("kind", "seconds", "iou"),
    [("circle", 5.0, None), (BOX, 0.0, None), (BOX, math.nan, None), (BOX, 1e9, None), (BOX, 5.0, 1.5)],
)
def test_an_impossible_label_is_refused(kind, seconds, iou):
    with pytest.raises(BudgetError):
        TimedLabel("you", kind, "object", seconds, iou)


def test_labels_are_the_same_after_saving_and_reading():
    labels = labels_of(BOX, [5.125, 6.5], "Zoë O'Neil", items=["1, #2", '"quoted"'], iou=0.75)
    assert read_labels(labels_as_csv(labels).encode(), "a.csv") == labels


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe\x00", "no CSV"),
        (b"", "does not begin with the columns"),
        (b"full,weak\n1,2\n", "does not begin with the columns"),
        (f"{HEAD}\n".encode(), "has no labels"),
        (f"{HEAD}\nAnna,box,1,nan,\n".encode(), "line 2: 'nan' is not a number"),
        (f"{HEAD}\nAnna,box,1,-4,\n".encode(), "line 2: a label of -4"),
        (f"{HEAD}\nAnna,box,1,1e400,\n".encode(), "line 2"),
        (f"{HEAD}\nAnna,polygon,1,5,\n".encode(), "is no kind of label"),
        (f"{HEAD}\nAnna,box,1,5,2\n".encode(), "an IoU of 2"),
        (f"{HEAD}\nAnna,box,1,5\n".encode(), "has 4 values instead of 5"),
        (f"{HEAD}\n=SUM(A1),box,1,5,\n".encode(), "cannot be the name"),
        (f"{HEAD}\n<img src=x>,box,1,5,\n".encode(), "cannot be the name"),
        (f"{HEAD}\nAnna,box,{'x' * 300},5,\n".encode(), "longer than 200"),
        (f'{HEAD}\nAnna,box,"1,5,\n'.encode(), "no CSV"),
        (f"{HEAD}\nAnna,box,\x00,5,\n".encode(), "not printed"),
        ((f"{HEAD}\n" + "A,box,1,5,\n" * (MOST_LABELS + 1)).encode(), "1,000 is the limit"),
        (b"x" * (MOST_BYTES + 1), "larger than 200 kB"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(content, told):
    with pytest.raises(BudgetError, match=f"a.csv.*{re.escape(told)}"):
        read_labels(content, "a.csv")


def test_a_class_is_joined_and_bad_files_do_not_hide_the_others():
    anna, other_anna = (labels_as_csv(labels_of(BOX, [time] * 3, "Anna")).encode() for time in (5.0, 6.0))
    labels, told = join_files({"1.csv": anna, "2.csv": anna, "3.csv": other_anna, "4.csv": b"{}"})
    assert list(by_annotator(labels)) == ["Anna", "Anna (2)"]
    assert [sentence.split()[0] for sentence in told] == ["2.csv", "4.csv"]
    # Names given here can be saved and read again.
    assert read_labels(labels_as_csv(labels).encode(), "class.csv") == labels


def test_more_students_than_fit_on_a_screen_are_left_out_and_named():
    files = {
        f"{number}.csv": labels_as_csv(labels_of(BOX, [5.0], f"student {number}")).encode()
        for number in range(MOST_ANNOTATORS + 1)
    }
    labels, told = join_files(files)
    assert len(by_annotator(labels)) == MOST_ANNOTATORS
    assert told == [f"{MOST_ANNOTATORS}.csv was left out: {MOST_ANNOTATORS} annotators are the limit of one screen."]


def test_the_name_of_an_annotator_is_trimmed():
    assert checked_annotator("  Anna-Lena ") == "Anna-Lena"
