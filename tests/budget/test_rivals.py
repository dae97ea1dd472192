"""The shipped table of the planner's benchmark, and the benchmark's own parts."""

import sys
from pathlib import Path

import numpy as np
import pytest

from splitlab.budget.cost import Prices
from splitlab.budget.rivals import RIVALS_COMMAND, rivals_table

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark_script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import planner_rivals

    yield planner_rivals
    for name in ("planner_rivals", "truths"):
        sys.modules.pop(name, None)


def test_the_shipped_table_has_every_strategy_of_the_benchmark_for_each_project_and_group(benchmark_script):
    table = rivals_table()
    strategies = {*benchmark_script.RIVALS, *(f"planner, {runs} runs" for runs in benchmark_script.NEW_SPLITS)}
    for _, part in table.groupby(["project", "shapes"]):
        assert set(part["strategy"]) == strategies | {"planner, runs until stop"}
    assert set(table["project"]) == set(benchmark_script.PROJECTS)
    assert (BENCHMARKS.parent / RIVALS_COMMAND.split()[1]).is_file()


def test_no_strategy_of_the_table_beats_the_best_split_and_no_share_leaves_0_to_1():
    table = rivals_table()
    assert (table["mean_regret"] >= 0).all()
    assert (table["worst_regret"] >= table["mean_regret"]).all()
    shares = table[["new_run", "mean"]].dropna()
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)


def test_every_rival_names_a_split_that_the_hours_pay_for(benchmark_script):
    for project in benchmark_script.PROJECTS.values():
        for prices, hours in benchmark_script.TASKS:
            for rival in benchmark_script.RIVALS.values():
                full, weak = rival(project.pool, prices, hours)
                masks, boxes = project.pool.affordable(hours, prices)
                assert full >= 1
                assert weak <= boxes[masks == full][0]


def test_half_and_half_spends_half_of_the_hours_on_masks(benchmark_script):
    pool = benchmark_script.PROJECTS["labelled before"].pool
    assert benchmark_script.half_and_half(pool, Prices(600, 3600), 100) == (50, 300)
    assert benchmark_script.paper_ratio(pool, Prices(600, 3600), 100) == (52, 288)
    assert benchmark_script.masks_alone(pool, Prices(600, 3600), 100) == (100, 0)


def test_the_best_score_is_that_of_a_search_over_every_split(benchmark_script):
    project, task = "first labels", 1
    pool, (prices, hours) = benchmark_script.PROJECTS[project].pool, benchmark_script.TASKS[task]
    best = -np.inf
    for full, most in zip(*pool.affordable(hours, prices), strict=True):
        weak = np.arange(most + 1.0)
        best = max(best, benchmark_script.TRUTHS["lost views"](np.float64(full), weak).max())
    assert benchmark_script.best_score("lost views", project, task) == pytest.approx(best)
