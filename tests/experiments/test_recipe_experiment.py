"""The recipe experiment: its plans, its two tables, and what made-up rows with known effects say by its rules."""

import runpy
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from splitlab.atlas import parts, plans
from splitlab.atlas.parts import _DrawnScenes
from splitlab.atlas.plans import atlas_names, open_atlas, read_atlas
from splitlab.atlas.recipe import (
    ARMS,
    Schedule,
    box_gains,
    default_arm,
    paired_differences,
    recipe_runs,
    what_the_fall_was,
)
from splitlab.atlas.rows import add_rows, read_rows
from splitlab.atlas.tables import _atlas_results
from splitlab.atlas.work import AtlasWork
from splitlab.cli import main as cli
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.errors import BudgetError, SettingsError
from splitlab.workspace import _MEASURED, Workspace
from tests.experiments.atlas_tools import row

ATLAS = read_atlas("recipe", _MEASURED, Path("nowhere"))
SPECS = ATLAS.specs(800)
ROOT = Path(__file__).parents[2]
LUCK = {0: 3.0, 1: -2.0, 2: 0.5}

SHORT, LONG = (480, 16), (1280, 16)
AS_NOW, LENGTHENED, HALF_MASKS = (480, 6), (1280, 6), (960, 8)


def made(scores, noise=0.01, seeds=(0, 1, 2)):
    """Rows of the planned runs: `scores` by schedule, or by |F| and schedule, plus the seed's luck and little noise."""
    strays = np.random.default_rng(5).normal(0, noise, len(SPECS))
    found = []
    for (digits, spec), stray in zip(SPECS.items(), strays, strict=True):
        schedule = (spec.steps, spec.images_of_f)
        score = scores.get((spec.data.full, *schedule), scores.get(schedule, 50.0)) + LUCK[spec.seed] + stray
        split = {"full": spec.data.full, "weak": spec.data.weak, "seed": spec.seed}
        if spec.seed in seeds:
            found.append(row(**split, spec_hash=digits, train_images=800, ap70=score, ap75=score))
    return recipe_runs(found, ATLAS)


def test_the_plans_are_the_arms_and_show_each_mask_equally_often_where_they_say_so():
    kinds = {(spec.data.full, spec.data.weak, spec.steps, spec.images_of_f) for spec in SPECS.values()}
    cells = ((25, 775), (100, 700), (400, 400))
    armed = {arm.without.kind(full, 0) for arm in ARMS for full, _ in cells}
    assert kinds == armed | {arm.mixed.kind(*cell) for arm in ARMS for cell in cells}
    assert len(SPECS) == 3 * len(kinds) == 45
    views = {arm.name[0]: (arm.without.steps * 16, arm.mixed.steps * arm.mixed.images_of_f) for arm in ARMS}
    assert views == {"a": (7680, 2880), "b": (7680, 7680), "c": (20480, 7680), "d": (7680, 7680)}


def test_no_settings_but_length_and_f_size_differ_from_the_atlas():
    old = next(iter(read_atlas("embedded", _MEASURED, Path("nowhere")).specs(800).values()))
    for spec in SPECS.values():
        changes = {"full": old.data.full, "weak": old.data.weak, "seed": old.seed, "steps": 480, "f_size": 6}
        assert spec.changed(**changes) == old


def test_the_rows_that_ship_are_of_planned_runs_and_stand_in_both_tables():
    tests, choices = (read_rows(table) for table in (ATLAS.table, ATLAS.choice_table))
    assert {one.spec_hash for one in tests} <= {one.spec_hash for one in choices} <= set(SPECS)
    assert {one.test_images for one in tests} == {3000}
    assert {one.test_images for one in choices} == {1000}


def test_differences_are_taken_seed_by_seed():
    found = paired_differences(made({(400, *LENGTHENED): 47.0}, noise=0), "ap75")
    assert list(found.columns) == ["arm", "full", "seed", "without", "mixed", "difference"]
    ours = found[(found["arm"] == "b: equal mask views") & (found["full"] == 400)]
    assert ours["without"].tolist() == [53.0, 48.0, 50.5]
    assert ours["mixed"].tolist() == [50.0, 45.0, 47.5]
    assert ours["difference"].tolist() == [-3.0, -3.0, -3.0]
    assert len(found) == 4 * 3 * 3


def test_a_run_without_its_partner_is_listed_without_a_difference():
    runs = made({}).query("seed == 0 and full == 400 and steps == 480 and weak == 0")
    assert paired_differences(runs, "ap75").empty  # no mixed run says yet which |W| is meant
    runs = made({}).query("seed == 0 and full == 400 and (weak == 400 or steps == 480)")
    found = paired_differences(runs, "ap75").set_index("arm")["difference"]
    assert found.notna().to_dict() == {arm.name: arm.name[0] != "c" for arm in ARMS}


def test_the_interval_for_two_kinds_of_runs_is_that_of_the_paired_t_test():
    runs = made({AS_NOW: 47.0}, noise=1.0).query("full == 400 and steps == 480")
    found = box_gains(runs, "ap75").set_index("arm").loc["a: as now"]
    by_kind = runs.set_index(["seed", "weak"])["ap75"].unstack()
    paired = stats.ttest_rel(by_kind[400], by_kind[0])
    interval = paired.confidence_interval(0.95)
    assert found["difference"] == pytest.approx((by_kind[400] - by_kind[0]).mean())
    assert (found["low"], found["high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_one_seed_gives_differences_without_an_interval_and_no_rows_an_empty_table():
    found = box_gains(made({AS_NOW: 47.0}, noise=0, seeds=(0,)), "ap75").set_index(["arm", "full"])
    assert found.loc[("a: as now", 400), "difference"] == pytest.approx(-3.0)
    assert found[["low", "high"]].isna().all(axis=None)
    assert box_gains(recipe_runs([], ATLAS), "ap75").empty
    assert paired_differences(recipe_runs([], ATLAS), "ap75").empty


@pytest.mark.parametrize(
    ("at_400", "verdict"),
    [
        ({AS_NOW: 41.0, LENGTHENED: 49.0}, "the recipe's, with equal mask views and with equal steps"),
        ({AS_NOW: 41.0, LENGTHENED: 49.0, LONG: 56.0}, "the recipe's, with equal mask views"),
        ({AS_NOW: 41.0, LENGTHENED: 41.0, LONG: 44.0}, "the recipe's, with equal steps"),
        ({AS_NOW: 41.0, LENGTHENED: 42.0, LONG: 52.0}, "not the recipe's"),
        ({AS_NOW: 50.5, LENGTHENED: 42.0}, "no fall to explain"),
    ],
)
def test_what_the_fall_was_follows_the_rule(at_400, verdict):
    assert what_the_fall_was(made({(400, *schedule): score for schedule, score in at_400.items()})) == verdict


def test_a_fall_within_noise_is_undecided_and_without_all_seeds_nothing_is_said():
    scores = {(400, *AS_NOW): 38.0, (400, *LENGTHENED): 45.5}
    assert what_the_fall_was(made(scores, noise=2.0)) == "undecided"
    assert what_the_fall_was(made(scores, seeds=(0, 1))) == "not measured yet"
    assert default_arm(made(scores, seeds=(0, 1)), "undecided") is None
    all_but_one = made(scores).query("not (seed == 2 and full == 25 and weak == 0 and steps == 1280)")
    assert len(all_but_one) == 44
    assert what_the_fall_was(all_but_one) == "not measured yet"


def test_two_looks_at_the_fall_need_wider_intervals_than_one():
    """The lower end lies above half of the fall at 95 %, and below it at the 97.5 % of two looks."""
    scores = {(400, *AS_NOW): 30.0, (400, *LENGTHENED): 45.0}
    lows = [_low_of_b(made(scores, noise=2.0), looks) for looks in (1, 2)]
    scores[400, *LENGTHENED] += -4.65 - sum(lows) / 2
    runs = made(scores, noise=2.0)
    assert _low_of_b(runs, 1) > -4.65 > _low_of_b(runs, 2)
    assert (
        what_the_fall_was(runs.assign(ap75=runs["ap75"].mask(_is_long_without(runs), runs["ap75"] + 20))) == "undecided"
    )


def _low_of_b(runs, looks):
    return box_gains(runs, "ap75", looks).set_index(["arm", "full"]).loc[("b: equal mask views", 400), "low"]


def _is_long_without(runs):
    return (runs["steps"] == 1280) & (runs["weak"] == 0)


@pytest.mark.parametrize(
    ("scores", "fall", "chosen"),
    [
        ({}, "undecided", (SHORT, AS_NOW)),
        ({LONG: 50.1, LENGTHENED: 50.1, HALF_MASKS: 50.1}, "undecided", (SHORT, AS_NOW)),  # within noise
        ({}, "the recipe's, with equal steps", (SHORT, HALF_MASKS)),
        ({LENGTHENED: 53.0, HALF_MASKS: 53.0}, "undecided", (SHORT, HALF_MASKS)),
        ({LENGTHENED: 54.0, HALF_MASKS: 52.0}, "undecided", (SHORT, LENGTHENED)),
        ({LONG: 53.0, HALF_MASKS: 56.0}, "undecided", (LONG, LENGTHENED)),
        # Better at one |F| and worse at another is not better on average.
        ({(400, *LENGTHENED): 53.0, (25, *LENGTHENED): 46.0}, "undecided", (SHORT, AS_NOW)),
    ],
)
def test_the_default_follows_the_rule(scores, fall, chosen):
    # The noise is known and far smaller than the differences, but larger than the strays of equal schedules.
    assert default_arm(made(scores, noise=0.2), fall) == tuple(Schedule(*schedule) for schedule in chosen)


def test_rows_of_different_images_are_refused():
    rows = [row(spec_hash=digits, train_images=800) for digits in list(SPECS)[:2]]
    with pytest.raises(BudgetError, match="different images"):
        recipe_runs([rows[0], replace(rows[1], test_hash="older")], ATLAS)
    assert len(recipe_runs([rows[0], replace(rows[1], spec_hash="of no plan")], ATLAS)) == 1


PLAN = """
name: tiny-recipe
data: embedded
full: {full}
weak: {weak}
seeds: {seeds}
models: [yolov5n-seg]
settings: {{image_size: 64, steps: 1, batch_size: 2, f_size: 1, device: cpu}}
"""


@pytest.fixture
def few_scenes(monkeypatch):
    make_embedded(Workspace.here().data / "embedded", settings=EmbeddedSettings(4, 2))
    monkeypatch.setattr(parts, "_SCENES_OF", {"recipe": _DrawnScenes("embedded-recipe", 904, 3, 2, True)})


def open_experiment(full=(1, 2), weak=(0,), seeds=(0,)):
    """An experiment on four embedded scenes."""
    workspace = Workspace.here()
    folder = workspace.measured / "experiments" / "recipe"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text(PLAN.format(full=list(full), weak=list(weak), seeds=list(seeds)))
    return open_atlas(read_atlas("recipe", workspace.measured, workspace.data), workspace)


@pytest.mark.parametrize("sizes", [[1, 2], [2, 1]])
def test_an_experiment_is_worked_off_seed_by_seed_in_the_order_of_its_plan(few_scenes, sizes):
    planned = open_experiment(full=sizes, weak=[0, 1], seeds=[0, 1]).planned
    order = [(run.spec.seed, run.spec.data.full, run.spec.data.weak) for run in planned]
    assert order == [(seed, full, weak) for seed in (0, 1) for full in sizes for weak in (0, 1)]


def test_scenes_for_choices_and_for_tests_are_no_scenes_of_training(few_scenes):
    (opened,) = open_experiment().parts
    images = [image for part in (opened.train, opened.val, opened.test, opened.choice) for image in part.images]
    assert len({image.path.read_bytes() for image in images}) == len(images) == 4 + 2 + 2 + 3


def test_each_run_is_scored_on_both_parts_and_shown_as_no_atlas(few_scenes, monkeypatch):
    opened = open_experiment()
    outcome = AtlasWork(opened, Workspace.here()).work_through()
    assert (len(outcome.measured), outcome.failed) == (2, {})
    (test, other), (choice, _) = read_rows(opened.atlas.table), read_rows(opened.atlas.choice_table)
    assert (test.test_images, choice.test_images, test.dataset) == (2, 3, "embedded")
    assert (test.spec_hash, test.data_hash) == (choice.spec_hash, choice.data_hash)
    assert test.test_hash != choice.test_hash
    assert test.key == opened.planned[0].key
    monkeypatch.setattr(plans, "advised_splits", lambda _: ((1, 1),))
    assert opened.asked([test, other]) == opened.planned
    measured = Workspace.here().measured
    assert atlas_names(measured) == []
    assert _atlas_results(measured).empty
    listed = CliRunner().invoke(cli.app, ["atlas", "status", "recipe"], catch_exceptions=False).output
    assert "recipe: 2 of 2 runs measured" in listed


def test_the_script_prints_both_parts_and_says_nothing_before_all_is_measured(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "measured" / "experiments"
    shutil.copytree(_MEASURED / "experiments" / "recipe", folder / "recipe")
    few = [row(spec_hash=digits, full=spec.data.full, weak=spec.data.weak, train_images=800)
           for digits, spec in SPECS.items() if spec.data.full == 400 and spec.seed == 0]  # fmt: skip
    add_rows(folder / "recipe.csv", tuple(few))
    monkeypatch.setattr(sys, "argv", ["compare_recipes.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "compare_recipes.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "ap75 on test scenes: 5 runs" in said
    assert "ap75 on validation scenes: 0 runs" in said
    assert "d: equal mask views, half masks   400" in said
    assert said.count("not measured yet") == 2


def test_an_unknown_name_is_answered_with_atlases_and_experiments():
    known = r"pets, street, embedded-grid, pets-grid, recipe, weak-masks, weak-masks-pets\."
    with pytest.raises(SettingsError, match=known):
        read_atlas("moon", _MEASURED, Path("nowhere"))
