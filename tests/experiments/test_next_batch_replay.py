"""The replay of choosing photos: a small one from end to end, and its rules on made-up rows."""

import runpy
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from splitlab.atlas import replay as replay_module
from splitlab.atlas.replay import (
    CHOICE,
    REPLAY_SETS,
    Replay,
    ReplaySet,
    Stage,
    as_labelled,
    label_hours,
    pool_of,
    read_replay,
    replay_runs,
    report_stage,
)
from splitlab.atlas.replay_verdict import (
    Curves,
    HoursRatio,
    default_strategy,
    finalists,
    hours_ratio,
    hours_to,
    leads,
    ratios,
)
from splitlab.atlas.work import Deadline
from splitlab.data.split import draw_split, read_split
from splitlab.errors import BudgetError
from splitlab.next_batch.batch import AskedLabels
from splitlab.runs.run_folder import RunFolder
from splitlab.workspace import Workspace
from tests.conftest import write_tiny

SETTINGS = {"model": "yolov5n-seg", "image_size": 64, "steps": 2, "batch_size": 4, "f_size": 2, "evaluate_every": 2}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(tmp_path):
    """Of 24 photos 6 are the test part; 2 rounds of 2 strategies."""
    write_tiny(tmp_path / "scenes", {"train": 24, "val": 4})
    one = ReplaySet("scenes", str(tmp_path / "scenes"), "quick", AskedLabels(3, 3), AskedLabels(1, 2), SETTINGS)
    stage = Stage("report", (0,), 2, ("random", "gain-per-hour"), on_test=True)
    return Replay(stage, (one,), Workspace(tmp_path / "work", tmp_path / "none"), tmp_path / "rows.csv")


def test_a_small_replay_shares_its_start_adds_whole_batches_and_goes_on_where_it_was(small, monkeypatch):
    first_only = replace(small, stage=replace(small.stage, rounds=1))
    assert first_only.work_through()
    assert len(read_replay(small.table)) == 3
    assert not replace(small, deadline=Deadline(0)).work_through()
    assert small.work_through()
    rows = read_replay(small.table)
    assert rows[["strategy", "round", "full", "weak"]].to_numpy().tolist() == [
        ["start", 0, 3, 3],
        ["random", 1, 4, 5],
        ["gain-per-hour", 1, 4, 5],
        ["random", 2, 5, 7],
        ["gain-per-hour", 2, 5, 7],
    ]
    # Each photo shows one object: a mask of 79.2 s and two boxes of 7 s.
    assert rows["hours"].tolist() == pytest.approx([0, *[93.2 / 3600] * 2, *[186.4 / 3600] * 2], abs=1e-4)
    assert rows["test_images"].tolist() == [6] * 5
    for strategy in small.stage.strategies:
        names = [f"replay-scenes-{name}-seed0" for name in ("start-0", f"{strategy}-1", f"{strategy}-2")]
        splits = [read_split(RunFolder(small.workspace.runs / name).split_path) for name in names]
        for before, after in pairwise(splits):
            assert after.full[: len(before.full)] == before.full
            assert after.weak[: len(before.weak)] == before.weak
    monkeypatch.setattr(replay_module, "carry_out", lambda *_: pytest.fail("all runs are measured"))
    assert small.work_through()
    assert not list(small.workspace.runs.glob("*/weights/*state*"))


def test_in_the_stage_of_choice_no_run_is_scored_on_test(small, monkeypatch):
    monkeypatch.setattr(replay_module, "measure_checkpoint", lambda *_: pytest.fail("test is for the report"))
    choice = replace(small, stage=Stage("choice", (100,), 1, ("random",), on_test=False))
    assert choice.work_through()
    rows = read_replay(small.table)
    assert rows["ap50_95"].isna().all()
    assert rows["val_ap50_95"].notna().all()


def test_a_strategy_sees_no_label_that_is_not_in_the_split(tiny):
    pool = pool_of(tiny.train)
    split = draw_split(pool, 3, 4, 0)
    seen = as_labelled(pool, split)
    assert {one.image_id for one in seen.images if one.kind == "masks"} == set(split.full)
    assert {one.image_id for one in seen.images if one.kind == "boxes"} == set(split.weak)
    assert all(one.objects == () for one in seen.images if one.kind == "unlabelled")
    assert label_hours(pool, split) == pytest.approx((3 * 79.2 + 4 * 7) / 3600)


def test_the_runs_are_those_of_the_plan():
    sets = tuple(REPLAY_SETS.values())
    assert len(replay_runs(CHOICE, sets)) == 3 * 13
    planned = replay_runs(report_stage(("rarity", "diversity")), sets)
    assert len(planned) == 3 * 50
    assert [run.name for run in planned[:3]] == [
        "replay-embedded-start-0-seed0",
        "replay-embedded-random-1-seed0",
        "replay-embedded-rarity-1-seed0",
    ]
    assert [run.seed for run in planned] == sorted(run.seed for run in planned)


def test_hours_to_an_ap_lie_on_straight_lines():
    hours, ap = np.array([0.0, 1, 3, 4]), np.array([10.0, 20, 20, 24])
    assert hours_to(hours, ap, 15) == 0.5
    assert hours_to(hours, ap, 20) == 1
    assert hours_to(hours, ap, 22) == 3.5
    assert hours_to(hours, ap, 5) == 0
    assert hours_to(hours, ap, 25) == np.inf


def chains(*ap, hours=(0, 1, 2, 3)):
    return Curves(np.tile(np.array(hours, float), (len(ap), 1)), np.array(ap, float))


def test_the_ratio_of_hours_by_hand():
    random = chains([10, 14, 18, 22], [10, 16, 20, 22])
    # Mean of the faster one: 10, 18, 22, 26: random's 22 at 2 of 3 hours. In seed 0 alone at 1.5, in seed 1 at 2.5.
    faster = chains([10, 20, 24, 28], [10, 16, 20, 24])
    found = hours_ratio(random, faster)
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx((1.5 / 3, 2.5 / 3))
    assert found.meets_bar
    never = hours_ratio(random, chains([10, 11, 12, 13], [10, 11, 12, 30]))
    # Seed 1 alone gets there; together they do not.
    assert (never.value, never.high) == (np.inf, np.inf)
    assert not never.meets_bar
    assert hours_ratio(chains([5, 4, 3, 2]), chains([5, 6, 7, 8])).value == np.inf


def test_curves_are_made_non_decreasing_by_least_squares():
    _, ap = chains([10, 16, 12, 20]).mean(np.array([0]))
    assert ap.tolist() == [10, 14, 14, 20]


def made_rows(stage, gains, seeds, rounds, column, dataset="pets"):
    """Rows whose AP grows by a strategy's gain each round."""
    rows = [
        {"stage": stage, "dataset": dataset, "strategy": name, "round": number, "seed": seed, "hours": float(number)}
        | {column: 20 + seed % 3 + gain * number}
        for name, gain in gains.items()
        for number in range(1, rounds + 1)
        for seed in seeds
    ]
    start = [
        {**row, "strategy": "start", "round": 0, "hours": 0, column: 20 + row["seed"] % 3} for row in rows[: len(seeds)]
    ]
    return pd.DataFrame([*start, *rows])


def test_the_two_largest_leads_on_val_go_on():
    gains = {"random": 4, "disagreement": 5, "mask-quality": 3, "rarity": 6, "diversity": 4, "gain-per-hour": 1}
    rows = made_rows("choice", gains, (100,), 2, "val_ap50_95")
    found = leads(rows, ("pets",))
    # Ahead by 2 and 4 of random's gain of 8 after rounds 1 and 2.
    assert found["rarity"] == pytest.approx(3 / 8)
    assert finalists(rows, ("pets",)) == ("rarity", "disagreement")
    with pytest.raises(BudgetError, match="not whole on street"):
        leads(rows, ("pets", "street"))
    # More hours for the same AP: random's last line goes on beyond its last round.
    rows.loc[rows["strategy"] == "rarity", "hours"] *= 1.5
    assert leads(rows, ("pets",))["rarity"] == pytest.approx(0)


def test_only_sets_with_five_whole_seeds_have_a_verdict():
    rows = made_rows("report", {"random": 4, "rarity": 6}, range(5), 3, "ap50_95")
    assert ratios(rows, ("pets", "everyday"), ("rarity",))["pets"]["rarity"].value == pytest.approx(2 / 3)
    assert list(ratios(rows, ("pets", "everyday"), ("rarity",))) == ["pets"]
    assert ratios(rows[:-1], ("pets",), ("rarity",)) == {}


def test_a_strategy_is_the_default_only_if_it_meets_the_bar_on_two_sets():
    good, wide, slow = HoursRatio(0.7, 0.6, 0.9), HoursRatio(0.7, 0.5, 1.1), HoursRatio(0.86, 0.8, 0.9)
    best = HoursRatio(0.5, 0.4, 0.6)
    assert default_strategy({"a": {"x": good}, "b": {"x": wide}, "c": {"x": slow}}) == "random"
    assert default_strategy({"a": {"x": good}, "b": {"x": good}, "c": {"x": slow}}) == "x"
    both = {name: {"x": good, "y": best} for name in "ab"}
    assert default_strategy(both) == "y"


def test_a_table_that_is_none_is_named(tmp_path):
    (tmp_path / "rows.csv").write_text("stage,strategy\n")
    with pytest.raises(BudgetError, match=r"rows.csv lacks the column round"):
        read_replay(tmp_path / "rows.csv")


def test_the_script_says_which_stage_comes_first(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["replay_next_batch.py", "report"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "replay_next_batch.py"), run_name="__main__")
    assert ended.value.code == 2
    assert "not whole on embedded" in " ".join(capsys.readouterr().err.split())
