"""What the lessons judge: by the library's own computation, whatever the numbers are."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.app.lessons.curves import _LEAST_POINTS, _MOST_APART, _MOST_OFF, _TOUCHES, _judge_cheapest, _judge_curve
from splitlab.app.lessons.labels import _EQUAL_AP, _LEAST_MASKS, _MOST_LEFT_HOURS, _judge_replacement, _judge_spending
from splitlab.app.lessons.mistakes import _judge_disagreement
from splitlab.app.lessons.mixing import _judge_beginning
from splitlab.app.lessons.rows import Series
from splitlab.app.lessons.splits import _judge_middle, _judge_step, _spend, _steps_of
from splitlab.budget.cost import VOC2012, ImagePool, Prices, cost_hours
from splitlab.budget.law import EquiscoreLaw, fit_law
from splitlab.budget.planner import FLAT_LOSS, cheapest_point, plan_for_hours
from splitlab.budget.published import method_rows, published_results, published_surface
from splitlab.budget.results import MEASURED, PUBLISHED
from splitlab.evaluation.detections import ImageDetections
from tests.ui.opened import verdict_in_words

FITTED = published_surface("VOC2012", "YOLOv5", "ap70")
POOL = ImagePool(10731)
STREETS = Series(PUBLISHED, "Cityscapes", "YOLOv5", "ap50_95", method_rows(published_results(), "Cityscapes", "YOLOv5"))


def in_words_of_a_fall(series, fall):
    step = pd.Series({"full": 40, "before": 0, "weak": 80, "ap_before": 50.0, "ap": 50.0 - fall, "gain": -fall})
    return verdict_in_words(4, _judge_step(step, pd.DataFrame([step]), series))


@given(full=st.integers(0, 600), weak=st.integers(0, 8000), hours=st.integers(20, 80))
def test_hours_are_spent_when_little_is_left_and_enough_masks_are_drawn(full, weak, hours):
    cost = cost_hours(float(full), float(weak), VOC2012)
    wanted = full >= _LEAST_MASKS and 0 <= hours - cost <= _MOST_LEFT_HOURS
    assert _judge_spending(full, weak, hours, VOC2012).right == wanted


@given(weak=st.integers(0, 10_000))
def test_boxes_replace_masks_when_the_surface_expects_the_same(weak):
    gap = float(FITTED.surface.ap(400, weak) - FITTED.surface.ap(1464, 0))
    verdict = _judge_replacement((400, weak), (1464, 0), FITTED, VOC2012)
    assert verdict.right == (abs(gap) <= _EQUAL_AP)
    assert (verdict.case == "too_few") == (gap < -_EQUAL_AP)
    assert (verdict.case == "too_many") == (gap > _EQUAL_AP)


@pytest.mark.parametrize("hours", [30, 60, 150])
def test_the_middle_is_right_and_both_ends_are_not(hours):
    plan = plan_for_hours(FITTED, VOC2012, hours, POOL)
    verdicts = {share: _judge_middle(_spend(hours, share / 100), plan) for share in range(5, 101, 5)}
    right = [share for share, verdict in verdicts.items() if verdict.right]
    assert right == list(range(min(right), max(right) + 5, 5))
    assert 5 < min(right) <= 50
    assert max(right) < 100
    assert verdicts[5].case == "too_many_boxes"
    assert verdicts[100].case == "too_many_masks"
    for share in right:
        assert plan.best.ap - _spend(hours, share / 100).ap <= FLAT_LOSS + 0.05


@given(hours=st.integers(20, 190), share=st.floats(0.05, 1))
def test_what_is_spent_is_within_the_hours_and_the_images(hours, share):
    split = _spend(float(hours), share)
    assert cost_hours(float(split.full), float(split.weak), VOC2012) <= hours + 1e-9
    assert split.full + split.weak <= POOL.images
    assert split.full >= 1


def test_every_step_is_judged_by_its_own_gain():
    steps = _steps_of(STREETS.rows, STREETS.metric)
    for _, step in steps.iterrows():
        assert _judge_step(step, steps, STREETS).right == (step["ap"] <= step["ap_before"])


def test_a_reader_is_told_where_no_step_falls():
    voc = Series(PUBLISHED, "VOC2012", "YOLOv5", "ap70", method_rows(published_results(), "VOC2012", "YOLOv5"))
    steps = _steps_of(voc.rows, voc.metric)
    assert _judge_step(steps.iloc[0], steps, voc).case == "rises_always"


@pytest.mark.parametrize(
    ("fall", "low", "says"),
    [
        (11.7, 50.0, "lie up to 2.0 apart. A fall of 11.7 is larger"),
        (1.9, 50.0, "lie up to 2.0 apart: a fall of 1.9 contradicts nothing"),
        (11.7, math.nan, "No split here was trained twice"),
    ],
)
def test_a_measured_fall_is_held_against_what_two_seeds_of_one_split_differ_by(fall, low, says):
    rows = pd.DataFrame({"ap70_low": [low, math.nan], "ap70_high": [low + 2, math.nan]})
    said = in_words_of_a_fall(Series(MEASURED, "pets", "yolo", "ap70", rows), fall)
    assert says in said
    assert "tenths" not in said


def test_of_the_papers_models_it_is_said_that_each_was_trained_once():
    assert "trained once" in in_words_of_a_fall(STREETS, 0.2)


def seen(*scores):
    count = len(scores)
    boxes, classes = np.zeros((count, 4), np.float32), np.zeros(count, np.int64)
    return ImageDetections(8, 8, boxes, np.array(scores, np.float64), classes, ())


@given(best=st.lists(st.one_of(st.none(), st.floats(0.05, 1)), min_size=2, max_size=4), least=st.floats(0.05, 0.95))
def test_models_disagree_when_some_see_something_and_others_nothing(best, least):
    found = {f"model {place}": seen() if score is None else seen(score) for place, score in enumerate(best)}
    seeing = sum(score is not None and score >= least for score in best)
    assert _judge_disagreement(found, least).right == (0 < seeing < len(best))


SPLITS = st.lists(
    st.tuples(st.integers(20, 1400), st.integers(1, 10_000), st.floats(30, 60).map(lambda ap: round(ap, 1))),
    min_size=1, max_size=5, unique_by=lambda split: split[0],
)  # fmt: skip


@given(splits=SPLITS)
def test_a_curve_is_right_for_enough_points_of_one_score_near_it(splits):
    taken = pd.DataFrame(splits, columns=["full", "weak", "ap"])
    fit = fit_law(taken["full"], taken["weak"], phi0=1464)
    off = (taken["weak"] / fit.law.weak(taken["full"]) - 1).abs().max()
    one_score = round(taken["ap"].max() - taken["ap"].min(), 6) <= _MOST_APART
    assert _judge_curve(taken, fit).right == (len(taken) >= _LEAST_POINTS and one_score and off <= _MOST_OFF)


@pytest.mark.parametrize(
    ("splits", "right"),
    [
        ([(200, 10531, 50.3), (400, 5000, 49.9), (800, 3000, 50.2)], True),
        ([(200, 10531, 50.3), (400, 5000, 49.9), (800, 5000, 53.5)], False),
        ([(400, 5000, 49.9), (800, 3000, 50.2)], False),
    ],
)
def test_the_papers_own_points_are_an_answer(splits, right):
    taken = pd.DataFrame(splits, columns=["full", "weak", "ap"])
    assert _judge_curve(taken, fit_law(taken["full"], taken["weak"], phi0=1464)).right == right


def test_no_points_are_no_curve():
    assert not _judge_curve(pd.DataFrame(columns=["full", "weak", "ap"]), None).right


@given(mask=st.floats(100, 1200), full=st.floats(200, 800))
def test_an_answer_is_cheap_when_it_costs_a_hundredth_more_than_the_cheapest_at_most(mask, full):
    law, prices = EquiscoreLaw(1, 1464), Prices(38.1, mask)
    point = cheapest_point(law, prices, 10731)
    cost = cost_hours(full, float(law.weak(full)), prices)
    verdict = _judge_cheapest(full, law, prices, point)
    assert verdict.right == (cost <= (1 + _TOUCHES) * point.hours)
    if not verdict.right:
        assert (verdict.case == "fewer_masks") == (full > point.full)


@pytest.mark.parametrize(("ratio", "case"), [(2.0, "too_low"), (5.8, "too_low"), (6.1, "begins"), (9.0, "too_high")])
def test_where_mixing_begins_to_pay_is_judged_by_4k(ratio, case):
    verdict = _judge_beginning(ratio, EquiscoreLaw(1.5, 1464), 10731)
    assert (verdict.case, verdict.right) == (case, case == "begins")
    assert verdict_in_words(8, verdict)
