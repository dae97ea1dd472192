import math

import pandas as pd
import pytest

from splitlab.budget.cost import VOC2012, ImagePool
from splitlab.budget.fit import fit_surface
from splitlab.budget.pilot import _UNKNOWN_SEED, fit_pilot, read_pilot
from splitlab.budget.plan_in_words import caveats, interval_in_words
from splitlab.budget.planner import forecast_split, plan_for_hours
from splitlab.budget.published import published_surface
from splitlab.errors import BudgetError

PILOT = "full,weak,score\n30,0,41.5\n30,450,79\n"
POOL = ImagePool(5000, full=30, weak=450)


def fitted(text):
    runs = read_pilot(text)
    return fit_surface(runs["full"], runs["weak"], runs["ap"])


def test_a_pilot_is_read_whatever_else_the_file_holds():
    runs = read_pilot("﻿run, score, full, weak\r\na, 41.5, 30, 0\r\n\r\nb, 79, 30.0, 450\r\n")
    assert runs.to_dict("list") == {"full": [30, 30], "weak": [0, 450], "ap": [41.5, 79.0]}
    assert runs["full"].dtype.kind == "i"


def test_the_score_may_stand_in_a_column_of_another_name():
    runs = read_pilot("full,weak,ap50,ap70\n30,0,85.5,68.5\n", score="ap70")
    assert runs.to_dict("list") == {"full": [30], "weak": [0], "ap": [68.5]}
    with pytest.raises(BudgetError, match="--metric ap50 on the command line"):
        read_pilot("full,weak,ap50,ap70\n30,0,85.5,68.5\n")
    with pytest.raises(BudgetError, match="line 2, column ap70: 685 is not an AP"):
        read_pilot("full,weak,ap70\n30,0,685\n", score="ap70")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: column full is missing"),
        ("full,weak\n1,2\n", "line 1: column score is missing"),
        ("full;weak;score\n1;2;3\n", "separated by commas; it reads 'full;weak;score'"),
        ("full,weak,score\n", "no run"),
        ("full,weak,score\n30,0,41\n30,many,79\n", "line 3, column weak: 'many' is not a number"),
        ("full,weak,score\n30,0,41\n\n30,4.5,79\n", r"line 4, column weak: 4\.5 is not a whole number"),
        ("full,weak,score\n0,100,41\n", "line 2, column full: 0 is not a whole number of at least 1"),
        ("full,weak,score\n1e300,0,41\n", r"line 2, column full: 1e\+300 images are too many; give at most 10,000,000"),
        ("full,weak,score\n30,10000001,41\n", "line 2, column weak: 1e.07 images are too many"),
        ("full,weak,score\n30,-1,41\n", "line 2, column weak: -1"),
        ("full,weak,score\n30,,41\n", "line 2, column weak: the cell is empty"),
        ("full,weak,score,settings\n30,0,41,short\n60,0,52,short\n9,9,9,long\n", "column settings: 2 kinds of runs"),
        ("dataset,full,weak,score\npets,30,0,41\nstreet,60,0,12\n", "such as 'pets' and 'street'"),
        ("full,weak,score\n30,1\n", "line 2, column score: the cell is empty"),
        ("full,weak,score\n30,1,101\n", "line 2, column score: 101 is not an AP"),
        ("full,weak,score\n30,1,nan\n", "line 2, column score: 'nan' is not a number"),
        ('full,weak,score\n30,1,"4\n', "line 2: not a CSV"),
        ("full,weak,score\n30,0,0.41\n30,450,0.79\n", "column score: all scores are 1 or less"),
        ("full,weak,score,seed\n30,0,41,0\n30,9,42,one\n", "line 3, column seed: 'one' is not a number"),
        ("full,weak,score,seed\n30,0,41,-1\n", "line 2, column seed: -1 is not a seed"),
        ("full,weak,score,seed\n30,0,41,0.5\n", r"line 2, column seed: 0\.5 is not a seed"),
    ],
)
def test_a_pilot_with_a_wrong_cell_names_file_line_and_column(text, message):
    with pytest.raises(BudgetError, match=message) as caught:
        read_pilot(text, "runs.csv")
    assert "runs.csv" in str(caught.value)


def test_large_seeds_stay_apart():
    runs = read_pilot(f"full,weak,score,seed\n30,0,41,{2**53}\n30,0,44,{2**53 + 1}\n60,0,52,{2**63 - 1}\n")
    assert runs["seed"].tolist() == [2**53, 2**53 + 1, 2**63 - 1]
    with pytest.raises(BudgetError, match="line 2, column seed"):
        read_pilot(f"full,weak,score,seed\n30,0,41,{2**63}\n")


def test_seeds_are_read():
    runs = read_pilot("full,weak,score,seed\n30,0,41,0\n30,0,44,1.0\n60,0,52,2\n")
    assert runs["seed"].tolist() == [0, 1, 2]
    assert fit_pilot(runs).luck.seeds == 3


@pytest.mark.parametrize("unknown", [_UNKNOWN_SEED, math.nan])
def test_an_unknown_seed_beside_known_ones_does_not_count_as_a_second_seed(unknown):
    rows = [(30, 0, 41, 0), (60, 0, 52, 0), (60, 100, 55, 1), (120, 0, 58, "")]
    runs = read_pilot("full,weak,score,seed\n" + "\n".join(",".join(map(str, row)) for row in rows))
    assert set(runs["seed"]) == {_UNKNOWN_SEED}
    own_table = pd.DataFrame(rows, columns=["full", "weak", "ap", "seed"]).replace({"seed": {"": unknown}})
    one = fit_pilot(own_table.assign(seed=7))
    for pilot in (fit_pilot(runs), fit_pilot(own_table)):
        assert pilot.luck.seeds == 1
        assert pilot.forecast(90, 50) == one.forecast(90, 50)
        told = caveats(pilot, forecast_split(pilot, VOC2012, 90, 50, ImagePool(500)))
        assert any("some of them have none (column seed)" in sentence for sentence in told)


def test_runs_without_a_seed_count_as_runs_of_one_and_the_plan_says_that_luck_is_borrowed():
    nobody_knows, one = (
        fit_pilot(read_pilot(f"full,weak,score{head}\n30,0,41{seed}\n60,100,50{seed}\n"))
        for head, seed in (("", ""), (",seed", ",7"))
    )
    two = fit_pilot(read_pilot("full,weak,score,seed\n30,0,41,7\n30,0,44,8\n60,100,50,7\n"))
    for pilot, borrows in ((nobody_knows, True), (one, True), (two, False)):
        told = caveats(pilot, forecast_split(pilot, VOC2012, 40, 50, ImagePool(500)))
        assert any("comes from other datasets" in sentence for sentence in told) == borrows
    assert nobody_knows.forecast(40, 50) == one.forecast(40, 50)
    assert interval_in_words(one) == "a new training run with a new seed"


def test_the_published_interval_does_not_claim_to_be_for_a_training_of_ones_own():
    assert interval_in_words(published_surface("VOC2012", "YOLOv5", "ap70")).startswith("one more model of the same")


def test_a_pilot_of_two_runs_is_planned_with_and_says_that_its_shape_is_borrowed():
    pilot = fitted(PILOT)
    plan = plan_for_hours(pilot, VOC2012, 20, POOL)
    assert plan.best.full > 30
    assert plan.best.weak > 450
    borrowed, masks, boxes, wide = caveats(pilot, plan.best)
    assert "2 different splits" in borrowed
    assert "At least 4 splits" in borrowed
    assert f"{plan.best.full:,} mask images are outside the range of the results (30)" in masks
    assert "(0 to 450)" in boxes
    assert "A run with at least" in boxes
    assert "before you pay" in wide


def test_a_plan_within_the_published_data_needs_no_caveat():
    voc = published_surface("VOC2012", "YOLOv5", "ap70")
    assert caveats(voc, plan_for_hours(voc, VOC2012, 80, ImagePool(10731)).best) == ()


def test_below_the_published_data_the_caveat_asks_for_a_run_with_at_most_as_many_masks():
    voc = published_surface("VOC2012", "YOLOv5", "ap70")
    (sentence,) = caveats(voc, forecast_split(voc, VOC2012, 100, 1000, ImagePool(10731)))
    assert "100 mask images are outside" in sentence
    assert "A run with at most 100" in sentence
    one = caveats(voc, forecast_split(voc, VOC2012, 1, 1000, ImagePool(10731)))
    assert any(told.startswith("1 mask image is outside") for told in one)
