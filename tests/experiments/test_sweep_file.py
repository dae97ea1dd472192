import textwrap
from pathlib import Path

import pytest

from splitlab.budget.published import method_rows, published_results
from splitlab.errors import SettingsError
from splitlab.runs.recipes import RECIPES
from splitlab.sweeps.file import plan_from, read_plan
from splitlab.sweeps.plan import PRESETS

GRID = """
name: grid
data: embedded
full: [10, 20]
weak: [0, 30, all]
seeds: [0, 1]
models: [yolov5n-seg, yolov5n-lite0-seg]
settings: {steps: 7, f_size: auto, learning_rate: 1.0e-3}
"""


def plan_of(text, folder):
    path = folder / "plan.yaml"
    path.write_text(textwrap.dedent(text))
    return read_plan(path, folder / "data")


def preset(chosen, **more):
    nowhere = Path("nowhere")
    return plan_from({"preset": chosen, "data": "VOC2012", **more}, "here", nowhere, nowhere)


def test_a_grid_is_every_split_model_and_seed_once_seed_by_seed(tmp_path):
    plan = plan_of(GRID, tmp_path)
    specs = plan.specs(200)
    assert len(specs) == plan.count == 2 * 3 * 2 * 2
    assert len({plan.folder_name(spec) for spec in specs}) == len(specs)
    assert [spec.seed for spec in specs] == [0] * 12 + [1] * 12
    assert [(spec.data.split_name, spec.model) for spec in specs[:4]] == [
        ("10/0", "yolov5n-seg"),
        ("10/0", "yolov5n-lite0-seg"),
        ("10/30", "yolov5n-seg"),
        ("10/30", "yolov5n-lite0-seg"),
    ]
    assert {spec.data.split_name for spec in specs} == {"10/0", "10/30", "10/190", "20/0", "20/30", "20/180"}
    assert {(spec.steps, spec.f_size, spec.optimizer.learning_rate) for spec in specs} == {(7, "auto", 1e-3)}
    assert plan.folder_name(specs[0]) == "grid-10-0-yolov5n-seg-seed0"


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "1.e-3", "+1e-03", "0.001", "1.0e-3"])
def test_a_number_with_an_exponent_is_a_number_with_or_without_a_point(tmp_path, written):
    plan = plan_of(f"{{name: a, data: embedded, splits: [20/5], settings: {{learning_rate: {written}}}}}", tmp_path)
    assert plan.specs(50)[0].optimizer.learning_rate == 1e-3


def test_mask_passes_without_passes_are_not_passed_over(tmp_path):
    with pytest.raises(SettingsError, match="mask_passes is 50 without passes"):
        plan_of("{name: a, data: embedded, splits: [20/5], recipe: quick-detr, mask_passes: 50}", tmp_path)


def test_passes_over_masks_are_for_models_that_learn_them_after_boxes(tmp_path):
    grid = "data: embedded, splits: [20/5, 0/9], models: [yolov5n-seg, detr-lite0-few]"
    plan = plan_of(f"{{name: a, {grid}, passes: 3, mask_passes: 2}}", tmp_path)
    runs = {(spec.model, spec.data.full): spec.mask_stage.steps for spec in plan.specs(800)}
    assert runs == {("yolov5n-seg", 20): 0, ("detr-lite0-few", 20): 4, ("yolov5n-seg", 0): 0, ("detr-lite0-few", 0): 0}
    with pytest.raises(SettingsError, match="detr-lite0-few learns masks after boxes: give mask_passes"):
        plan_of("{name: a, data: embedded, splits: [20/5], recipe: quick-detr, passes: 3}", tmp_path).specs(800)


def test_a_sweep_of_so_many_steps_keeps_the_recipes_share_for_masks(tmp_path):
    text = "{name: a, data: embedded, splits: [20/5], recipe: quick-detr, settings: {steps: 600}}"
    assert [spec.mask_stage.steps for spec in plan_of(text, tmp_path).specs(800)] == [100]


def test_a_name_that_only_begins_like_a_number_stays_a_text(tmp_path):
    plan = plan_of("{name: 1e-3-grid, data: embedded, splits: [20/5]}", tmp_path)
    assert plan.name == "1e-3-grid"


def test_explicit_splits_keep_their_order_and_paths_are_those_of_the_file(tmp_path):
    plan = plan_of("{name: a, data: photos/mine, splits: [20/5, 10/all], settings: {start_from: runs/x}}", tmp_path)
    assert [spec.data.split_name for spec in plan.specs(50)] == ["20/5", "10/40"]
    assert plan.data == str(tmp_path / "photos" / "mine")
    assert plan.specs(50)[0].start_from == str(tmp_path / "runs" / "x")
    assert (plan.specs(50)[0].recipe, plan.specs(50)[0].seed) == ("quick", 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a plan"),
        ("[1, 2]", "is not a plan"),
        ("name: [", "is not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "is not YAML"),
        ("[" * 3000, "is not YAML"),
        ("x" * 100_001, "over 100,000 characters"),
        (GRID + "sede: [0]\n", "the key 'sede' is unknown. Choose from preset, name"),
        (GRID + "splits: [1/2]\n", "either full and weak"),
        (GRID.replace("full: [10, 20]\nweak: [0, 30, all]\n", ""), "either full and weak"),
        (GRID.replace("full: [10, 20]\n", ""), "the key full is missing"),
        (GRID.replace("name: grid\n", ""), "the key name is missing"),
        (GRID.replace("data: embedded\n", "data: 3\n"), "data holds 3; it must be a text"),
        (GRID.replace("[10, 20]", "[10, '20']"), "full holds '20'; it must be a list of whole numbers"),
        (GRID.replace("[10, 20]", "[10, true]"), "full holds True"),
        (GRID.replace("[10, 20]", "10"), "full holds 10; it must be a list"),
        (GRID.replace("[10, 20]", "[10, 10]"), "twice"),
        (GRID.replace("30, all", "30, most"), "weak holds 'most'"),
        (GRID.replace("[0, 1]", "[-1]"), "seeds holds -1"),
        (GRID.replace("[0, 1]", "[]"), "at least one entry"),
        (GRID.replace("[0, 1]", "[99999999999]"), "seeds must be from 0"),
        (GRID.replace("name: grid", "name: ../grid"), "cannot name folders"),
        (GRID.replace("[yolov5n-seg,", "[../up,"), "not a model's name"),
        (GRID.replace("steps: 7", "steps: many"), "settings, steps holds 'many'; it must be a whole number"),
        (GRID.replace("steps: 7", "steps: 7.5"), "settings, steps holds 7.5"),
        (GRID.replace("steps: 7", "stpes: 7"), "'stpes' is not a setting of a run. Choose from classes"),
        (GRID.replace("steps: 7", "seed: 7"), "seed has its own key. Use seeds"),
        (GRID + "draw: at random\n", "draw is 'at random'; choose one of random"),
        (GRID + "preset: coco\n", "one of voc-yolo"),
        ("{name: a, data: embedded, splits: [1-2]}", "splits holds '1-2'; it must be a list of"),
        ("{name: a, data: embedded, splits: [1/2], seeds: &a [*a]}", "seeds holds"),
        ("{name: a, data: embedded, splits: [1/2], seeds: [" + ",".join(map(str, range(10_001))) + "]}", "10,000"),
    ],
)
def test_what_is_no_plan_is_told_by_file_key_and_way_out(tmp_path, text, told):
    with pytest.raises(SettingsError) as refused:
        plan_of(text, tmp_path)
    assert str(tmp_path / "plan.yaml") in str(refused.value)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 1500


def test_a_plan_of_too_many_runs_is_refused_before_they_are_listed(tmp_path):
    many = ", ".join(map(str, range(9000)))
    with pytest.raises(SettingsError, match=r"over 10,000 splits"):
        plan_of(f"{{name: a, data: embedded, full: [{many}], weak: [0, 1]}}", tmp_path)
    with pytest.raises(SettingsError, match=r"18,000 runs; at most 10,000"):
        plan_of(f"{{name: a, data: embedded, splits: [1/2, 3/4], seeds: [{many}]}}", tmp_path)


def test_a_file_that_is_not_there_is_named_with_the_presets(tmp_path):
    with pytest.raises(SettingsError, match=r"plan\.yaml cannot be read .* voc-yolo"):
        read_plan(tmp_path / "plan.yaml", tmp_path)


@pytest.mark.parametrize(("name", "count"), [("voc-yolo", 20), ("voc-detr", 12), ("cityscapes-yolo", 15)])
def test_a_preset_trains_the_splits_of_the_papers_table_on_its_own_images(name, count):
    plan = preset(name)
    specs = plan.specs(10_731)
    rows = method_rows(published_results(), PRESETS[name].dataset, PRESETS[name].method)
    assert [(spec.data.full, spec.data.weak) for spec in specs] == list(zip(rows["full"], rows["weak"], strict=True))
    assert len(specs) == count
    assert {spec.data.drawn for spec in specs} == {"paper"}
    assert {spec.model for spec in specs} == {RECIPES[specs[0].recipe]["model"]}


@pytest.mark.parametrize("size", ["batch_size", "mask_batch_size"])
def test_a_batch_of_no_images_is_refused_by_its_name_where_passes_are_counted(tmp_path, size):
    path = tmp_path / "plan.yaml"
    path.write_text(GRID.replace("steps: 7", f"{size}: {0 if size == 'batch_size' else -1}") + "passes: 3\n")
    with pytest.raises(SettingsError, match=size):
        read_plan(path, tmp_path).specs(100)


def test_detr_s_length_is_counted_in_the_papers_passes():
    specs = {spec.data.split_name: spec for spec in preset("voc-detr").specs(10_731)}
    recipe = RECIPES["paper-detr-voc"]
    assert (specs["800/3000"].steps, specs["800/3000"].mask_stage.steps) == (recipe["steps"], recipe["mask_steps"])
    assert specs["400/1000"].steps == 300 * 140 + 150 * 134
    assert specs["400/1000"].mask_stage.steps == 150 * 134


def test_a_preset_takes_other_seeds_settings_and_splits():
    plan = preset(
        "voc-yolo", seeds=[3, 4], settings={"steps": 5, "evaluate_every": 5}, splits=["400/5000"], name="mine"
    )
    assert [(spec.data.split_name, spec.seed, spec.steps, spec.image_size) for spec in plan.specs(10_731)] == [
        ("400/5000", 3, 5, 512),
        ("400/5000", 4, 5, 512),
    ]
    assert plan.name == "mine"


def test_a_pass_ends_with_a_batch_that_is_not_full(tmp_path):
    plan = plan_of("{name: a, data: embedded, splits: [20/5], passes: 3, settings: {batch_size: 8}}", tmp_path)
    # 25 images are three batches of 8 and one of 1.
    assert [spec.steps for spec in plan.specs(800)] == [12]
