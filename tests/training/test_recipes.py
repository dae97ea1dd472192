import json

import pytest
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.errors import SettingsError
from splitlab.families import family_of
from splitlab.models.contract import SegmentationModel
from splitlab.models.detr.seg import DETRSeg
from splitlab.runs.recipes import RECIPES, recipe_settings, run_settings
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import stages_of
from splitlab.workspace import Workspace


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_run_that_remembers_it(name):
    spec = RunSpec.of("data", 800, 3000, **recipe_settings(name))
    assert spec.recipe == name
    assert RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(SettingsError, match=r"no recipe 'paper'\. Choose one of quick, embedded, paper-voc"):
        recipe_settings("paper")


def test_the_settings_of_an_older_run_still_load_and_mean_the_same():
    # spec.json as it was written before there were recipes.
    old = {"data": "embedded", "full": 30, "weak": 150, "seed": 0, "model": "yolov5n-lite0-seg", "image_size": 224}
    old |= {"steps": 720, "batch_size": 16, "f_size": 4, "learning_rate": 0.0015, "backbone_factor": 0.3}
    old |= {"weight_decay": 0.01, "plain_tail": 0.15, "evaluate_every": 120, "device": "cpu"}
    assert RunSpec.from_json(old) == RunSpec.of("embedded", 30, 150)


@pytest.mark.parametrize(
    ("recipe", "changes", "full", "mask_steps"),
    [
        ("quick-detr", {}, 100, 400),
        ("quick-detr", {"steps": 400}, 100, 66),
        ("quick-detr", {"steps": 3}, 100, 1),
        ("quick-detr", {"steps": 400, "mask_steps": 300}, 100, 300),
        ("quick-detr", {}, 0, 0),
        ("quick-detr", {"model": "yolov5n-seg"}, 100, 0),
        ("quick", {"model": "detr-lite0-few"}, 100, 120),
        ("quick", {}, 100, 0),
        ("paper-detr-voc", {}, 800, 40_050),
    ],
)
def test_masks_have_the_recipes_share_of_the_steps_where_a_model_learns_them_after_boxes(
    recipe, changes, full, mask_steps
):
    spec = RunSpec.of("data", full, 100, **run_settings(recipe, changes, full, 100))
    assert spec.mask_stage.steps == mask_steps
    names = DETRSeg.stages if family_of(spec.model).two_stages else SegmentationModel.stages
    assert sum(stage.spec.steps for stage in stages_of(spec, names)) == spec.steps


# Epochs of docs/protocol.md and of the authors' notebook, each times the batches that one pass over F takes.
PUBLISHED_LENGTHS = [
    ("paper-voc", 800, 3000, 75 * 400),
    ("paper-voc", 800, 0, 400 * 50),
    ("paper-cityscapes", 1475, 1000, 136 * 369),
    ("paper-cityscapes-long", 1475, 1000, 272 * 369),
    ("paper-cityscapes", 800, 0, 500 * 100),
    ("paper-few-shot", 17, 10_408, 20_000),
    ("paper-detr-voc", 800, 3000, 300 * 380 + 150 * 267),
    ("paper-detr-voc", 400, 10_331, 300 * 1074 + 150 * 134),
    ("paper-detr-voc", 0, 1000, 300 * 100),
]


@pytest.mark.parametrize(("recipe", "full", "weak", "steps"), PUBLISHED_LENGTHS)
def test_a_recipe_is_as_long_as_the_authors_ran_it_for_the_split(recipe, full, weak, steps):
    spec = RunSpec.of("data", full, weak, **run_settings(recipe, {}, full, weak))
    assert spec.steps == steps
    if recipe != "paper-detr-voc" and steps != 20_000:
        assert steps % spec.epoch_steps == 0


def test_steps_given_by_hand_go_over_those_of_the_split():
    assert run_settings("paper-voc", {"steps": 7}, 800, 0)["steps"] == 7
    assert run_settings("paper-detr-voc", {"steps": 154_050}, 400, 1000)["mask_steps"] == 40_050
    assert run_settings("paper-detr-voc", {"mask_steps": 5}, 400, 1000)["steps"] == 154_050


def test_the_steps_of_detrs_epochs_follow_the_batch_sizes_and_the_model():
    halved = run_settings("paper-detr-voc", {"batch_size": 5}, 800, 3000)
    assert halved["steps"] - halved["mask_steps"] == 300 * 760
    assert run_settings("paper-detr-voc", {"model": "yolov5n-seg"}, 800, 3000)["steps"] == 300 * 380
    with pytest.raises(SettingsError, match="batch_size is 0"):
        RunSpec.of("data", 800, 3000, **run_settings("paper-detr-voc", {"batch_size": 0}, 800, 3000))


def test_before_a_split_is_drawn_the_steps_are_those_of_the_recipe():
    assert run_settings("paper-voc", {}, 1, None)["steps"] == 30_000
    assert run_settings("paper-detr-voc", {}, 1, None)["mask_steps"] == 40_050


@pytest.mark.parametrize(("weak", "steps"), [(0, 20_000), (6, 30_000)])
def test_train_takes_the_length_of_the_split_from_the_command_line(tiny_folder, weak, steps):
    words = ["--recipe", "paper-voc", "--full", "4", "--weak", str(weak), "--queue"]
    result = CliRunner().invoke(cli.app, ["train", str(tiny_folder), *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (folder,) = Workspace.here().runs.glob("[!.]*/")
    assert RunFolder.open(folder).spec().steps == steps


@pytest.mark.parametrize(
    ("full", "weak", "steps", "batch_size", "f_size"),
    [(800, 3000, 30_000, 16, 2), (1475, 1000, 50_184, 8, 4), (1475, 1000, 20_000, 8, 4), (17, 4000, 20_000, 16, 1)],
)
def test_f_size_auto_gives_the_papers_numbers(full, weak, steps, batch_size, f_size):
    assert RunSpec.of("data", full, weak, steps=steps, batch_size=batch_size, f_size="auto").mask_images == f_size


def test_f_size_auto_gives_that_of_our_first_mixed_checkpoint():
    assert RunSpec.of("data", 30, 450, steps=900, batch_size=16, f_size="auto").mask_images == 4


@pytest.mark.parametrize(("full", "weak", "images"), [(0, 100, 0), (100, 0, 16), (100, 100, 4)])
def test_a_batch_holds_f_size_images_of_f_only_where_both_sets_have_some(full, weak, images):
    assert RunSpec.of("data", full, weak).images_of_f == images


def test_a_model_that_learns_boxes_first_mixes_no_batches_and_so_asks_for_no_f_size():
    assert RunSpec.of("data", 10, 10, batch_size=4, f_size=4, steps=20, mask_steps=5).batch_size == 4
    with pytest.raises(SettingsError, match="f_size 4 must be below"):
        RunSpec.of("data", 10, 10, batch_size=4, f_size=4, steps=20)


def test_f_size_auto_leaves_w_half_of_the_batch():
    assert RunSpec.of("data", 5000, 10, steps=10, f_size="auto").mask_images == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"f_size": "some"}, "f_size is some"),
        ({"optimizer": "adam"}, "optimizer is 'adam'; choose one of adamw, sgd"),
        ({"momentum": float("nan")}, "momentum is nan"),
        ({"warmup_epochs": float("inf")}, "warmup_epochs is inf"),
        ({"scale": 1.0}, "scale is 1.0; it must be below 1"),
        ({"clip": float("inf")}, "clip is inf; it must be above 0; give 1e6"),
        ({"nominal_batch": 10**9}, "nominal_batch 1000000000"),
        ({"tracker": "aim"}, "tracker is 'aim'"),
        ({"compiled": True}, "compiled is for device cuda, not cpu"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_are_named(wrong, message):
    with pytest.raises(SettingsError, match=message):
        RunSpec.of("data", 4, 6, **wrong)


def train(folder, *words):
    command = ["train", str(folder), "--full", "4", "--weak", "6", "--image-size", "64", "--batch-size", "4"]
    return CliRunner().invoke(cli.app, [*command, *map(str, words)], catch_exceptions=False)


def test_options_go_over_the_recipe_and_set_reaches_all_others(tiny_folder, tmp_path):
    small = ("--model", "yolov5n-seg", "--steps", "2", "--f-size", "auto", "--set", "nominal_batch=8")
    result = train(tiny_folder, "--recipe", "paper-voc", *small, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    spec = RunFolder.open(tmp_path / "run").spec()
    assert (spec.recipe, spec.optimizer.name, spec.optimizer.momentum) == ("paper-voc", "sgd", 0.937)
    assert (spec.model, spec.steps, spec.f_size, spec.optimizer.nominal_batch) == ("yolov5n-seg", 2, "auto", 8)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--recipe", "best"), "no recipe 'best'"),
        (("--set", "momentum"), "momentum has no value"),
        (("--set", "colour=red"), "colour"),
        (("--set", "steps=many"), "steps is 'many'; it must be a whole number"),
        (("--f-size", "many"), "f_size is many"),
    ],
    ids=["recipe", "no value", "unknown", "no number", "f_size"],
)
def test_a_wrong_option_is_answered_in_a_sentence(tiny_folder, tmp_path, words, message):
    with pytest.raises(SettingsError, match=message):
        train(tiny_folder, *words, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
