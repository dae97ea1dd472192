import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from splitlab.atlas.tables import measured_results, settings_of
from splitlab.checkpoints.checkpoint import read_card, read_weights
from splitlab.errors import CheckpointError, RunError, SettingsError, SplitError, SplitLabError
from splitlab.runs.run_folder import RunFolder, State
from splitlab.training.experiment import carry_out, evaluate_checkpoint, evaluate_run, prepare_run, prepare_run_on


def steps_of(run):
    """The steps that the events tell of, window by window."""
    return [
        step
        for event in run.events()
        if event["kind"] == "train"
        for step in range(event["from_step"], event["step"] + 1)
    ]


@pytest.fixture(scope="module")
def done(tiny_spec, tmp_path_factory):
    root = tmp_path_factory.mktemp("done")
    run = prepare_run(root / "run", tiny_spec, root)
    assert carry_out(run, root) == State.DONE
    return run


def test_a_run_leaves_everything_behind_that_the_folder_promises(done):
    files = {path.relative_to(done.path).as_posix() for path in done.path.rglob("*") if path.is_file()}
    assert files == {
        "spec.json",
        "status.json",
        "split.json",
        "events.jsonl",
        "detections.json",
        "scores.json",
        "run.lock",
        "weights/state.pt",
        "weights/model.safetensors",
        "weights/card.json",
    }
    assert steps_of(done) == [1, 2, 3, 4, 5, 6]
    assert [event["step"] for event in done.events() if event["kind"] == "evaluation"] == [3, 6]


def test_its_scores_stand_in_the_file_and_on_the_card(done):
    scores = json.loads(done.scores_path.read_text())
    assert set(scores) == {"mask", "box", "scored_on"}
    assert scores["scored_on"] == {"dataset": read_card(done.weights).dataset, "part": "val", "images": 4}
    assert set(scores["mask"]) == {"ap50", "ap70", "ap75", "ap50_95", "per_class", "cut_to_box"}
    assert read_card(done.weights).scores == scores
    assert read_card(done.weights).split_name == "4/6"


def test_a_run_that_is_done_stays_done(done, tmp_path):
    before = done.state_path.stat().st_mtime_ns
    assert carry_out(done, tmp_path) == State.DONE
    assert done.state_path.stat().st_mtime_ns == before


def test_scoring_again_gives_the_same_scores_and_weights(done, tmp_path):
    before, weights = json.loads(done.scores_path.read_text()), read_weights(done.weights)
    assert evaluate_run(done, tmp_path) == before
    assert all(np.array_equal(tensor, weights[name]) for name, tensor in read_weights(done.weights).items())


def test_a_checkpoint_is_scored_only_on_its_own_classes(done, tiny):
    assert evaluate_checkpoint(done.weights, tiny.val) == json.loads(done.scores_path.read_text())
    with pytest.raises(CheckpointError, match="knows the classes"):
        evaluate_checkpoint(done.weights, replace(tiny.val, class_names=("cat", "dog")))


def test_it_becomes_one_measured_row_with_its_cost(done):
    (row,) = measured_results([done.path], done.path.parent).to_dict("records")
    assert (row["source"], row["full"], row["weak"], row["method"]) == ("measured", 4, 6, "yolov5n-seg")
    assert row["cost_hours"] == pytest.approx((4 * 239.7 + 6 * 38.1) / 3600)


def test_a_run_without_a_checkpoint_cannot_be_scored(tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "run", tiny_spec, tmp_path)
    with pytest.raises(CheckpointError, match=r"has no card\.json"):
        evaluate_run(run, tmp_path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"full": 10, "weak": 10}, SplitError),
        ({"device": "mps"}, SettingsError),
        ({"f_size": 4}, SettingsError),
        ({"data": "nowhere"}, SplitLabError),
        ({"model": "nope"}, SettingsError),
        ({"image_size": 100}, SettingsError),
    ],
    ids=["split", "device", "f_size", "data", "model", "image size"],
)
def test_a_run_that_cannot_be_leaves_no_folder(tiny_spec, tmp_path, change, error):
    with pytest.raises(error):
        prepare_run(tmp_path / "run", tiny_spec.changed(**change), tmp_path)
    assert not (tmp_path / "run").exists()


def test_box_images_alone_train(tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "run", tiny_spec.changed(full=0, steps=2), tmp_path)
    assert carry_out(run, tmp_path) == State.DONE
    (window,) = [event for event in run.events() if event["kind"] == "train"]
    assert window["losses"]["mask"] == 0


def test_labels_that_changed_since_the_split_are_refused(tiny_spec, tiny_folder, tmp_path):
    data = shutil.copytree(tiny_folder, tmp_path / "data")
    run = prepare_run(tmp_path / "run", tiny_spec.changed(data=str(data)), tmp_path)
    labels = (tiny_folder / "instances_train.json").read_text()
    (data / "instances_train.json").write_text(labels + "\n")
    with pytest.raises(RunError, match="labels of 'data' have changed"):
        carry_out(run, tmp_path)
    assert run.status().state == State.FAILED
    assert "have changed" in run.status().message


def start(run):
    return subprocess.Popen(
        [sys.executable, "-m", "splitlab", "train", str(run.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until(happened, process):
    deadline = time.monotonic() + 120
    while not happened():
        assert process.poll() is None, "the training ended too early"
        assert time.monotonic() < deadline, "nothing happened for two minutes"
        time.sleep(0.02)


def test_a_run_killed_in_the_middle_ends_as_if_it_had_not_been(tiny_spec, tmp_path):
    spec = tiny_spec.changed(steps=40, evaluate_every=8)
    whole = prepare_run(tmp_path / "whole", spec, tmp_path)
    carry_out(whole, tmp_path)
    killed = prepare_run(tmp_path / "killed", spec, tmp_path)
    process = start(killed)
    # Events of the second interval are there, the state that holds them is not.
    wait_until(lambda: killed.state_path.exists() and killed.events()[-1]["step"] >= 8, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert killed.status().state == State.INTERRUPTED
    assert start(killed).wait() == 0
    assert killed.status().state == State.DONE
    assert steps_of(killed) == steps_of(whole) == list(range(1, 41))
    assert [e["step"] for e in killed.events() if e["kind"] == "evaluation"] == [8, 16, 24, 32, 40]
    first, second = read_weights(whole.weights), read_weights(killed.weights)
    for name, tensor in first.items():
        assert np.allclose(second[name], tensor, rtol=1e-2, atol=1e-4), name


def state_of(run):
    return torch.load(run.state_path, weights_only=True)


@pytest.mark.parametrize(("stop_after", "gathered"), [(5, 1), (6, 2), (7, 0)])
def test_a_run_stopped_while_gradients_gather_ends_bit_for_bit_as_if_it_had_not_been(
    tiny_spec, tmp_path, stop_after, gathered
):
    course = {"optimizer": "sgd", "schedule": "linear", "learning_rate": 0.01, "nominal_batch": 12}
    spec = tiny_spec.changed(steps=11, evaluate_every=11, average_decay=0.9999, average_tau=2000.0, **course)
    whole, stopped = (prepare_run(tmp_path / name, spec, tmp_path) for name in ("whole", "stopped"))
    carry_out(whole, tmp_path)
    stop = carry_out(stopped, tmp_path, lambda what, done, _: stopped.ask_to_cancel() if done == stop_after else None)
    assert stop == State.CANCELLED
    assert state_of(stopped)["gathered"] == gathered
    assert carry_out(stopped, tmp_path) == State.DONE
    first, second = state_of(whole), state_of(stopped)
    for part in ("model", "average", "gradients"):
        assert first[part].keys() == second[part].keys()
        assert all(torch.equal(second[part][name], tensor) for name, tensor in first[part].items()), part
    assert steps_of(stopped) == list(range(1, 12))


def test_a_stopped_run_goes_on_without_the_checkpoint_it_started_from(done, tiny_spec, tmp_path):
    start = tmp_path / "start"
    shutil.copytree(done.weights, start)
    spec = tiny_spec.changed(start_from=str(start), steps=4, evaluate_every=2)
    whole, stopped = (prepare_run(tmp_path / name, spec, tmp_path) for name in ("whole", "stopped"))
    assert carry_out(whole, tmp_path) == State.DONE

    def ask_after_two(what, step, _):
        if (what, step) == ("train", 2):
            stopped.ask_to_cancel()

    assert carry_out(stopped, tmp_path, ask_after_two) == State.CANCELLED
    shutil.rmtree(start)
    assert carry_out(stopped, tmp_path) == State.DONE
    ours, expected = read_weights(stopped.weights), read_weights(whole.weights)
    assert all(np.array_equal(tensor, ours[name]) for name, tensor in expected.items())


def test_models_of_one_recipe_with_f_size_auto_are_trained_in_one_way(done):
    card = replace(read_card(done.weights), trained_by={"f_size": "auto", "images_of_f": 2, "recipe": "quick"})
    other = replace(card, trained_by=card.trained_by | {"images_of_f": 4})
    assert settings_of(card) == settings_of(other)


def test_a_run_for_a_device_that_is_not_here_fails_and_trains_on_no_other(tiny_spec, tiny, tmp_path):
    run = prepare_run_on(tmp_path / "run", tiny_spec.changed(device="mps"), tiny)
    with pytest.raises(SettingsError, match="'mps' is not available on this machine"):
        carry_out(run, tmp_path)
    assert run.status().state == State.FAILED
    assert not run.weights.joinpath("model.safetensors").exists()


def test_a_run_that_came_from_another_device_is_scored_here(done, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(done.path, copied)
    spec = json.loads((copied / "spec.json").read_text())
    (copied / "spec.json").write_text(json.dumps(spec | {"device": "mps"}))
    assert evaluate_run(RunFolder.open(copied), tmp_path) == json.loads(done.scores_path.read_text())


def test_a_run_starts_from_another_runs_weights_and_says_how_many(done, tiny_spec, tmp_path):
    spec = tiny_spec.changed(start_from=str(done.weights), steps=1, learning_rate=1e-9)
    run = prepare_run(tmp_path / "run", spec, tmp_path)
    said = []
    carry_out(run, tmp_path, tell=said.append)
    given, taken = read_weights(done.weights), read_weights(run.weights)
    kernels = [name for name in given if given[name].ndim == 4]
    assert kernels
    assert all(np.allclose(given[name], taken[name], atol=1e-4) for name in kernels)
    assert re.search(r"Starts with (\d+) of \1 tensors, from run", said[0])
    assert read_card(run.weights).trained_by["start_from"] in said[0]


def test_a_start_that_is_no_checkpoint_is_refused_before_there_is_a_run(tiny_spec, tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        prepare_run(tmp_path / "run", tiny_spec.changed(start_from=str(tmp_path)), tmp_path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ("nan", r"model\.0\.conv\.weight has numbers that are NaN"),
        ("gone", "cannot be read"),
        ("cut", "cannot be read"),
    ],
)
def test_weights_that_are_refused_leave_no_run_that_blocks_the_next_try(done, tiny_spec, tmp_path, spoilt, message):
    start = tmp_path / "start"
    shutil.copytree(done.weights, start)
    file = start / "model.safetensors"
    if spoilt == "nan":
        weights = read_weights(start)
        weights["model.0.conv.weight"][0] = np.nan
        save_file(weights, file)
    else:
        content = file.read_bytes()
        file.unlink()
        if spoilt == "cut":
            file.write_bytes(content[:5000])
    with pytest.raises(CheckpointError, match=message):
        prepare_run(tmp_path / "run", tiny_spec.changed(start_from=str(start)), tmp_path)
    assert not (tmp_path / "run").exists()
    # The file is seen to be another one, and the folder is free.
    shutil.copytree(done.weights, start, dirs_exist_ok=True)
    assert prepare_run(tmp_path / "run", tiny_spec.changed(start_from=str(start)), tmp_path).spec_path.exists()


def test_a_start_of_another_kind_of_model_is_refused_before_there_is_a_run(done, tiny_spec, tmp_path):
    spec = tiny_spec.changed(model="detr-lite0-few", start_from=str(done.weights))
    with pytest.raises(CheckpointError, match="cannot start detr-lite0-few: None of the checkpoint's tensors fits"):
        prepare_run(tmp_path / "run", spec, tmp_path)
    assert not (tmp_path / "run").exists()


def test_ctrl_c_saves_and_the_run_goes_on_from_that_step(tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "run", tiny_spec.changed(steps=60, evaluate_every=60), tmp_path)
    process = start(run)
    wait_until(lambda: run.status().step >= 10, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert run.status().state == State.CANCELLED
    stopped_at = run.status().step
    assert 10 <= stopped_at < 60
    assert carry_out(RunFolder.open(run.path), tmp_path) == State.DONE
    assert steps_of(run) == list(range(1, 61))
    assert any(event["step"] == stopped_at for event in run.events())


def test_a_run_with_a_broken_status_goes_on(tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "run", tiny_spec.changed(steps=2), tmp_path)
    (run.path / "status.json").write_text("[]")
    assert carry_out(run, tmp_path) == State.DONE


def test_a_model_of_ultralytics_says_which_weights_it_started_from(tiny_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    spec = tiny_spec.changed(model="yolo11n-seg", start_from="pretrained", steps=1)
    run = prepare_run(tmp_path / "run", spec, tmp_path)
    said = []
    carry_out(run, tmp_path, tell=said.append)
    assert "Started from random weights: yolo11n-seg.pt is not in" in said[0]
    assert read_card(run.weights).trained_by["start_from"] == said[0]


def test_weights_that_nobody_offers_are_refused(tiny_spec, tmp_path):
    with pytest.raises(SettingsError, match="no downloadable weights for yolov5n-seg"):
        prepare_run(tmp_path / "run", tiny_spec.changed(start_from="pretrained"), tmp_path)
