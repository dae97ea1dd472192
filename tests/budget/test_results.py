import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.budget.cost import VOC2012, cost_hours
from splitlab.budget.published import published_results
from splitlab.budget.results import (
    COLUMN_TYPES,
    MEASURED,
    ResultRow,
    cheaper_and_better,
    reported_metrics,
    results_table,
)
from splitlab.errors import BudgetError


def model(cost_hours, ap70, method="model"):
    return ResultRow(MEASURED, "pets", method, full=1, weak=0, cost_hours=cost_hours, ap70=ap70)


points = st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float))


def test_measured_rows_join_the_published_ones_and_stay_told_apart():
    measured = results_table([ResultRow(MEASURED, "pets", "lite0", 30, 450, 6.8, ap70=79.0, seed=3, run="runs/a")])
    joined = pd.concat([published_results(), measured], ignore_index=True)
    assert joined.dtypes.astype(str).to_dict() == dict(COLUMN_TYPES)
    assert joined["source"].value_counts().to_dict() == {"published": 99, "measured": 1}
    assert joined.loc[joined["source"] == MEASURED, "seed"].tolist() == [3]


def test_an_empty_results_table_has_the_same_columns_and_types():
    assert results_table([]).dtypes.astype(str).to_dict() == dict(COLUMN_TYPES)


def test_each_data_set_offers_the_metrics_it_reports():
    table = published_results()
    assert reported_metrics(table, "VOC2012") == ["ap50", "ap70", "ap75"]
    assert reported_metrics(table, "Cityscapes") == ["ap50", "ap50_95"]
    with pytest.raises(BudgetError, match=r"'pets'.*Cityscapes, VOC2012"):
        reported_metrics(table, "pets")


def test_what_beats_mask_r_cnn_on_voc2012_is_led_by_the_paper_s_best_model():
    voc = published_results().query("dataset == 'VOC2012'")
    beating = cheaper_and_better(voc, cost_hours(10582, 0, VOC2012), 50.7, "ap70")
    best = beating.iloc[0]
    assert (best["method"], best["full"], best["weak"], best["ap70"]) == ("YOLOv5", 1464, 9267, 58.8)
    assert "Mask R-CNN" not in set(beating["method"])


@given(st.lists(points, max_size=12), points)
def test_the_rows_returned_are_exactly_those_that_pareto_beat_the_point_best_first(rows, point):
    table = results_table([model(cost, ap, method=str(i)) for i, (cost, ap) in enumerate(rows)])
    found = cheaper_and_better(table, point[0], point[1], "ap70")
    expected = {str(i) for i, (c, a) in enumerate(rows) if c <= point[0] and a >= point[1] and (c, a) != point}
    assert set(found["method"]) == expected
    order = list(zip(-found["ap70"], found["cost_hours"], strict=True))
    assert order == sorted(order)


def test_a_row_without_the_metric_beats_nothing():
    assert cheaper_and_better(results_table([model(1.0, math.nan)]), 100.0, 0.0, "ap70").empty


def test_an_unknown_metric_is_answered_with_the_choices():
    with pytest.raises(BudgetError, match=r"'ap90'.*ap50, ap70"):
        cheaper_and_better(results_table([]), 1.0, 1.0, "ap90")


@pytest.mark.parametrize(
    ("field", "value"), [("source", "hearsay"), ("full", -1), ("cost_hours", math.nan), ("ap70", 100.1), ("ap50", -0.1)]
)
def test_a_row_that_cannot_be_is_refused_by_field(field, value):
    fields = {
        "source": MEASURED,
        "dataset": "pets",
        "method": "m",
        "full": 1,
        "weak": 0,
        "cost_hours": 1.0,
        field: value,
    }
    with pytest.raises(BudgetError, match=field):
        ResultRow(**fields)
