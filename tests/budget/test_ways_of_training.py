"""Models that were trained alike are told from those that were not, whatever their settings say of their split."""

import pytest

from splitlab.budget.results import _BY_SPLIT, MEASURED, ResultRow, results_table, ways_of_training


def ways(*runs):
    rows = [
        ResultRow(MEASURED, "pets", "yolo", full, weak, 1.0, seed=seed, settings=settings, run=str(number), ap50=50.0)
        for number, (full, weak, seed, settings) in enumerate(runs)
    ]
    return ways_of_training(results_table(rows)).tolist()


def test_models_of_other_settings_are_trained_in_other_ways():
    assert ways((30, 0, 0, "short"), (480, 0, 0, "short"), (30, 450, 0, "long")) == ["short", "short", "long"]
    assert ways((30, 0, 0, "short"), (30, 0, 0, "long")) == ["short", "long"]
    assert ways((30, 0, 0, "short"), (60, 0, 0, "short")) == ["short", "short"]


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_steps_that_are_counted_in_passes_make_one_way(seeds):
    runs = [(full, weak, seed, f"{full + weak} steps") for full, weak in ((30, 0), (60, 0), (30, 30)) for seed in seeds]
    assert set(ways(*runs)) == {_BY_SPLIT}


def test_published_models_have_no_way_and_no_rows_none():
    assert ways() == []
    assert ways((30, 0, 0, "")) == [""]
