import json
import os
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import pytest
from PIL import Image

from splitlab.budget.cost import VOC2012, cost_hours
from splitlab.errors import CheckpointError, RunError, SettingsError, SplitError
from splitlab.runs.notes import read_notes
from splitlab.runs.run_folder import State
from splitlab.runs.store import list_runs
from splitlab.sweeps.forecast import _expected_run_bytes, _folder_bytes, check_disk, forecast_sweep
from splitlab.sweeps.plan import SweepPlan
from splitlab.sweeps.sweep import make_folders, open_sweep
from splitlab.training.experiment import carry_out, prepare_run
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.data.trees import HEIGHT, VOC_XMLS, WIDTH, voc_tree

SETTINGS = MappingProxyType(
    {"model": "yolov5n-seg", "image_size": 64, "steps": 4, "batch_size": 4, "f_size": 2, "evaluate_every": 2}
)


@pytest.fixture
def workspace():
    return Workspace.here()


@pytest.fixture
def plan(tiny_folder):
    return SweepPlan("grid", str(tiny_folder), ((2, 4), (4, 4)), seeds=(0, 1), settings=SETTINGS)


def names(sweep):
    return [run.path.name for run in sweep.runs]


def test_each_run_has_one_folder_with_its_settings_its_split_and_the_sweeps_tag(plan, workspace):
    made = make_folders(open_sweep(plan, workspace))
    assert [run.name for run in made] == [
        f"grid-{split}-yolov5n-seg-seed{seed}" for seed in (0, 1) for split in ("2-4", "4-4")
    ]
    for run in made:
        split = json.loads(run.split_path.read_text())
        assert (len(split["full"]), len(split["weak"]), split["seed"]) == (run.spec().data.full, 4, run.spec().seed)
        assert read_notes(run.path).tags == ("grid",)
    assert sorted(run.name for run in made) == sorted(summary.name for summary in list_runs(workspace.runs))


def test_after_a_break_what_is_there_is_kept_and_the_rest_is_made(plan, workspace):
    first = make_folders(open_sweep(plan, workspace))
    first[0].write_status(State.DONE, 4, 4)
    first[1].write_status(State.CANCELLED, 2, 4)
    first[3].spec_path.unlink()
    before = {run.name: run.split_path.stat().st_mtime_ns for run in first[:3]}
    again = open_sweep(plan, workspace)
    assert [run.is_done for run in again.runs] == [True, False, False, False]
    assert [run.steps_done for run in again.runs] == [4, 2, 0, 0]
    assert [run.name for run in make_folders(again)] == names(again)[1:]
    assert {run.name: run.split_path.stat().st_mtime_ns for run in first[:3]} == before


def test_a_folder_of_other_settings_is_refused_by_what_differs(plan, workspace):
    make_folders(open_sweep(plan, workspace))
    other = replace(plan, settings=MappingProxyType({**SETTINGS, "steps": 6}))
    with pytest.raises(RunError, match=r"grid-2-4-yolov5n-seg-seed0 holds a run .* \(steps 4, not 6\)"):
        open_sweep(other, workspace)


def test_corners_that_the_dataset_cannot_give_are_left_out_of_a_grid_and_told(plan, workspace):
    grid = replace(plan, splits=((2, 4), (2, 10), (4, 4), (4, 10)), is_grid=True)
    sweep = open_sweep(grid, workspace)
    assert list(sweep.impossible) == ["4/10"]
    assert "more than the 12 images" in sweep.impossible["4/10"]
    assert {run.spec.data.split_name for run in sweep.runs} == {"2/4", "2/10", "4/4"}


def test_a_split_that_was_asked_for_by_itself_and_cannot_be_drawn_is_refused(plan, workspace):
    with pytest.raises(SplitError, match=r"1 of the 2 splits of 'grid' cannot be drawn: 4/10 \(.* 12 images"):
        open_sweep(replace(plan, splits=((2, 4), (4, 10))), workspace)
    with pytest.raises(SplitError, match="2 of the 2 splits"):
        open_sweep(replace(plan, splits=((8, 10), (4, 10)), is_grid=True), workspace)
    assert not workspace.runs.exists()


def test_the_papers_splits_are_the_authors_own_images_whatever_the_seed(workspace, tmp_path):
    data = voc_tree(tmp_path / "VOC")
    (data / "JPEGImages").mkdir()
    for image_id in VOC_XMLS:
        Image.new("RGB", (WIDTH, HEIGHT)).save(data / "JPEGImages" / f"{image_id}.jpg")
    plan = SweepPlan("voc", str(data), ((1, 2),), seeds=(0, 7), draw="paper", settings=SETTINGS)
    splits = [json.loads(run.split_path.read_text()) for run in make_folders(open_sweep(plan, workspace))]
    assert splits[0]["full"] == splits[1]["full"]
    assert (splits[0]["drawn"], splits[0]["seed"]) == ("paper", 42)
    assert [summary.spec.data.drawn for summary in list_runs(workspace.runs)] == ["paper", "paper"]


def test_a_size_that_is_said_twice_in_other_words_is_one_run(plan, workspace):
    sweep = open_sweep(replace(plan, splits=((4, "all"), (4, 8), (4, 4))), workspace)
    assert [run.spec.data.split_name for run in sweep.runs] == ["4/8", "4/4", "4/8", "4/4"]


def test_labels_that_several_splits_share_are_paid_once(plan, workspace):
    forecast = forecast_sweep(open_sweep(replace(plan, seeds=(0,)), workspace), workspace.runs)
    assert [(split.full, split.weak, split.runs) for split in forecast.splits] == [(2, 4, 1), (4, 4, 1)]
    assert forecast.splits[1].hours == cost_hours(4.0, 4.0, VOC2012)
    assert (forecast.mask_images, forecast.box_images) == (4, 4)
    assert forecast.label_hours == cost_hours(4.0, 4.0, VOC2012)


def test_hours_are_judged_by_a_run_of_the_same_kind_and_by_the_steps_that_are_left(plan, workspace):
    sweep = open_sweep(plan, workspace)
    assert forecast_sweep(sweep, workspace.runs).unjudged == 4
    runs = make_folders(sweep)
    for images_per_second in (1.0, 2.0, 30.0):
        runs[0].append_event({"kind": "train", "step": 1, "images_per_second": images_per_second})
    runs[0].write_status(State.DONE, 4, 4)
    runs[1].write_status(State.CANCELLED, 3, 4)
    forecast = forecast_sweep(open_sweep(plan, workspace), workspace.runs)
    assert (forecast.runs, forecast.done, forecast.unjudged) == (4, 1, 0)
    assert forecast.training_hours == pytest.approx((1 + 4 + 4) * 4 / 2.0 / 3600)


@pytest.mark.parametrize("speed", [10**400, -1.0, 0])
def test_a_speed_that_no_machine_has_is_no_ground_to_judge_by(plan, workspace, speed):
    run, *_ = make_folders(open_sweep(plan, workspace))
    run.append_event({"kind": "train", "step": 1, "images_per_second": speed})
    run.write_status(State.DONE, 4, 4)
    assert forecast_sweep(open_sweep(plan, workspace), workspace.runs).unjudged == 3


def test_an_unknown_model_is_told_before_any_folder_is_made(plan, workspace):
    sweep = open_sweep(replace(plan, models=("yolov5n-seg", "yolov9z")), workspace)
    with pytest.raises(SettingsError, match="no model 'yolov9z'"):
        forecast_sweep(sweep, workspace.runs)
    assert not workspace.runs.exists()


def test_a_start_that_one_model_of_a_sweep_cannot_take_is_told_before_any_folder_is_made(plan, workspace, tmp_path):
    start = str(write_checkpoint(tmp_path / "start"))
    models = ("yolov5n-seg", "detr-lite0-few")
    settings = {name: value for name, value in SETTINGS.items() if name != "model"} | {"start_from": start}
    with pytest.raises(CheckpointError, match="cannot start detr-lite0-few: None of"):
        make_folders(open_sweep(replace(plan, models=models, settings=MappingProxyType(settings)), workspace))
    assert not list_runs(workspace.runs)


def test_a_disk_that_cannot_hold_the_sweep_is_refused_by_a_sentence(plan, workspace, monkeypatch):
    free = SimpleNamespace(free=1000)
    monkeypatch.setattr("splitlab.sweeps.forecast.shutil.disk_usage", lambda _: free)
    forecast = forecast_sweep(open_sweep(plan, workspace), workspace.runs)
    assert forecast.free_bytes == 1000
    with pytest.raises(RunError, match=r"will write about 0\.\d GB, and 0\.0 GB are free"):
        check_disk(forecast, workspace.runs)
    free.free = forecast.disk_bytes
    check_disk(forecast_sweep(open_sweep(plan, workspace), workspace.runs), workspace.runs)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_bytes_judged_by_the_model_are_those_a_run_writes(tiny_spec, tiny, tmp_path, optimizer):
    spec = tiny_spec.changed(steps=2, evaluate_every=2, optimizer=optimizer)
    run = prepare_run(tmp_path / "run", spec, tmp_path)
    assert carry_out(run, tmp_path) == State.DONE
    weights = _folder_bytes(run.weights)
    assert _expected_run_bytes(spec, tiny) == pytest.approx(weights, rel=0.1)


def test_a_finished_run_of_the_same_kind_says_what_the_others_will_take(plan, workspace):
    runs = make_folders(open_sweep(plan, workspace))
    runs[0].write_status(State.DONE, 4, 4)
    (runs[0].weights / "state.pt").write_bytes(b"")
    os.truncate(runs[0].weights / "state.pt", 10**9)
    forecast = forecast_sweep(open_sweep(plan, workspace), workspace.runs)
    assert forecast.disk_bytes == pytest.approx(4e9, rel=0.01)


def test_broken_notes_keep_no_run_from_its_sweep(plan, workspace):
    run = make_folders(open_sweep(plan, workspace))[0]
    (run.path / "notes.json").write_text("{")
    assert len(make_folders(open_sweep(plan, workspace))) == 4


def test_a_broken_spec_under_a_name_of_the_sweep_is_named(plan, workspace):
    run = make_folders(open_sweep(plan, workspace))[0]
    run.spec_path.write_text("{")
    with pytest.raises(RunError, match=r"spec\.json is broken"):
        open_sweep(plan, workspace)


def test_a_broken_status_does_not_let_other_settings_pass(plan, workspace):
    run = make_folders(open_sweep(plan, workspace))[0]
    (run.path / "status.json").write_text("{")
    assert len(make_folders(open_sweep(plan, workspace))) == 4
    with pytest.raises(RunError, match="settings that differ"):
        open_sweep(replace(plan, settings=MappingProxyType({**SETTINGS, "steps": 6})), workspace)


def test_a_run_of_two_stages_is_judged_to_keep_a_state_of_each(tiny_spec, tiny):
    one = tiny_spec.changed(model="detr-lite0-few")
    judged, of_two = (_expected_run_bytes(spec, tiny) for spec in (one, one.changed(mask_steps=2)))
    assert of_two > 1.5 * judged
