import math
from statistics import mean, stdev

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from splitlab.budget.results import (
    _COMMON_ALONE,
    MEASURED,
    ResultRow,
    _spread_in_words,
    by_common_seeds,
    over_seeds,
    results_table,
)


def row(seed, ap50, full=30, settings="quick", run=None, **more):
    more = {"cost_hours": 2.0, **more}
    name = run or f"run-{full}-{settings}-{seed}-{ap50}"
    return ResultRow(
        MEASURED, "pets", "yolo", full, 0, seed=seed, run=name, settings=settings, ap50=ap50, note="one", **more
    )


def merged(*rows):
    return over_seeds(results_table(rows)).to_dict("records")


def test_three_seeds_become_their_mean_with_a_standard_deviation_each_way():
    (one,) = merged(row(0, 50.0), row(1, 52.0), row(2, 57.0))
    assert one["seeds"] == 3
    assert one["ap50"] == pytest.approx(mean((50, 52, 57)))
    assert one["ap50_high"] - one["ap50"] == pytest.approx(stdev((50, 52, 57)))
    assert one["ap50"] - one["ap50_low"] == pytest.approx(stdev((50, 52, 57)))
    assert pd.isna(one["seed"])
    assert one["note"] == "one. Mean of 3 seeds (0, 1, 2); bars: standard deviation each way."


def test_two_seeds_show_their_own_scores_as_ends():
    (one,) = merged(row(4, 50.0), row(2, 52.0))
    assert (one["ap50"], one["ap50_low"], one["ap50_high"]) == (51.0, 50.0, 52.0)
    assert "(2, 4); bars: smallest and largest" in one["note"]


def test_one_seed_is_left_as_it_was_and_has_no_spread():
    (one,) = merged(row(3, 50.0))
    assert (one["ap50"], one["seed"], one["note"], one["seeds"]) == (50.0, 3, "one", 1)
    assert math.isnan(one["ap50_low"])
    assert math.isnan(one["ap50_high"])
    assert _spread_in_words(1) == ""


def test_a_seed_that_was_trained_twice_is_no_second_trial():
    (one,) = merged(row(0, 50.0, run="a"), row(0, 52.0, run="b"))
    assert (one["seeds"], one["ap50"], one["seed"], one["run"]) == (1, 51.0, 0, "a")
    assert math.isnan(one["ap50_low"])
    (other,) = merged(row(0, 50.0, run="a"), row(0, 52.0, run="b"), row(1, 61.0))
    assert (other["seeds"], other["ap50"]) == (2, 56.0)


def test_splits_are_compared_by_the_seeds_that_all_of_their_series_have():
    rows = [row(0, 60.0), row(0, 70.0, full=60), row(1, 50.0, full=60), row(1, 20.0, settings="long")]
    table = by_common_seeds(results_table(rows)).set_index(["full", "settings"])
    # By its mean of 60 the split with more masks would be no better.
    assert table["ap50"].to_dict() == {(30, "long"): 20.0, (30, "quick"): 60.0, (60, "quick"): 70.0}
    both = table.loc[60, "quick"]
    assert (both["ap50_low"], both["ap50_high"], both["seeds"]) == (50.0, 70.0, 2)
    assert both["note"].endswith("smallest and largest." + _COMMON_ALONE)
    assert table.loc[30, "quick"]["note"] == "one"


def test_where_all_splits_have_all_seeds_or_none_in_common_each_is_its_mean():
    for seeds in ((0, 0, 1), (0, 1, 2)):
        rows = [row(seeds[0], 60.0), row(seeds[1], 70.0, full=60), row(seeds[2], 50.0, full=60)]
        rows += [row(1, 62.0)] if seeds[0] == seeds[1] else []
        table = results_table(rows)
        assert by_common_seeds(table).equals(over_seeds(table))


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from([30, 60]), st.sampled_from([0, 1, 2])), min_size=1, max_size=12),
    st.floats(-20, 20),
)
def test_luck_of_a_seed_changes_no_comparison(runs, luck):
    splits = {full for full, _ in runs}
    common = set.intersection(*({seed for full, seed in runs if full == split} for split in splits))
    assume(len(splits) == 2 and common)

    def difference(lucky):
        rows = [
            row(seed, 50.0 + full / 10 + lucky * seed, full=full, run=str(at)) for at, (full, seed) in enumerate(runs)
        ]
        scores = by_common_seeds(results_table(rows)).set_index("full")["ap50"]
        return scores[60] - scores[30]

    assert difference(luck) == pytest.approx(difference(0))


def test_other_splits_settings_and_prices_stay_rows_of_their_own():
    rows = merged(row(0, 50.0), row(1, 51.0), row(0, 60.0, full=60), row(0, 40.0, settings="long"))
    assert [(one["full"], one["settings"], one["seeds"]) for one in rows] == [
        (30, "long", 1),
        (30, "quick", 2),
        (60, "quick", 1),
    ]


def test_a_metric_that_some_seeds_lack_is_the_mean_of_the_others():
    (one,) = merged(row(0, 50.0, ap70=20.0), row(1, 52.0), row(2, 54.0, ap70=30.0))
    assert (one["ap70"], one["ap70_low"], one["ap70_high"]) == (25.0, 20.0, 30.0)
    assert math.isnan(one["ap75"])


def test_no_rows_give_an_empty_table_with_all_columns():
    table = over_seeds(results_table([]))
    assert table.empty
    assert {"ap50_low", "ap50_high", "seeds", "settings"} <= set(table.columns)


def test_ten_thousand_runs_are_merged_at_once():
    table = results_table(row(seed, 50.0 + seed / 100, full=full) for full in range(1, 1001) for seed in range(10))
    assert set(over_seeds(table)["seeds"]) == {10}
