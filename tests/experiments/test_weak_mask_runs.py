"""Runs whose box images teach masks: the setting, and the whole way from labels to weights."""

import json
from dataclasses import replace

import numpy as np
import pytest

from splitlab.atlas.plans import _spec_hash
from splitlab.atlas.tables import settings_of
from splitlab.checkpoints.checkpoint import Card, read_weights
from splitlab.checkpoints.scores import read_scores
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.split import draw_split
from splitlab.errors import SettingsError
from splitlab.geometry import mask_to_rle
from splitlab.runs.run_folder import State
from splitlab.runs.spec import RunSpec
from splitlab.training.experiment import carry_out, prepare_run
from tests.conftest import write_tiny

WAYS = ("projection", "teacher")
# Too few steps for YOLOv5's objectness to matter; enough for a teacher in the last three quarters.
SETTINGS = {"model": "yolov5n-seg", "image_size": 64, "steps": 4, "batch_size": 4, "f_size": 2, "evaluate_every": 4}


def learn(spec, folder):
    run = prepare_run(folder, spec, folder.parent)
    assert carry_out(run, folder.parent) == State.DONE
    return run


def train_losses(run):
    return [event["losses"] for event in run.events() if event["kind"] == "train"]


def test_a_spec_of_an_older_version_ignores_weak_masks_and_keeps_its_hashes(tiny_spec):
    older = {name: value for name, value in tiny_spec.to_json().items() if name != "weak_masks"}
    assert RunSpec.from_json(older) == tiny_spec
    assert tiny_spec.weak_masks == "ignore"
    assert _spec_hash(tiny_spec.changed(weak_masks="projection")) != _spec_hash(tiny_spec)
    card = Card("a", "yolov5n-seg", 64, ["x"], "d", "", "", 4, 6, 0, "", 6, trained_by=older)
    now = replace(card, trained_by=tiny_spec.to_json())
    assert settings_of(now) == settings_of(card)
    assert settings_of(replace(card, trained_by={**older, "weak_masks": "teacher"})) != settings_of(card)


@pytest.mark.parametrize("model", ["detr-lite0-few", "yolo11n-seg"])
@pytest.mark.parametrize("way", WAYS)
def test_a_family_that_cannot_learn_masks_from_boxes_is_refused(tiny_spec, model, way):
    with pytest.raises(SettingsError, match=f"weak_masks is '{way}', but {model} cannot .* choose a model of YOLOv5"):
        tiny_spec.changed(model=model, weak_masks=way)
    assert tiny_spec.changed(model=model).weak_masks == "ignore"


def test_another_word_is_refused_with_the_choices(tiny_spec):
    with pytest.raises(SettingsError, match="weak_masks is 'boxes'; choose one of ignore, projection, teacher"):
        tiny_spec.changed(weak_masks="boxes")


@pytest.mark.parametrize("way", WAYS)
def test_masks_of_w_in_the_labels_change_no_bit_of_what_is_learnt(way, tmp_path):
    learnt = {}
    for name in ("true", "scrambled"):
        folder = tmp_path / name
        write_tiny(folder, {"train": 8, "val": 2})
        spec = RunSpec.of(str(folder), 4, 4, weak_masks=way, **SETTINGS)
        if name == "scrambled":
            _scramble(folder, draw_split(read_coco_folder(folder).train, 4, 4, spec.seed).weak)
        learnt[name] = (learn(spec, tmp_path / f"{name}-run").weights / "model.safetensors").read_bytes()
    assert learnt["true"] == learnt["scrambled"]


def _scramble(folder, images):
    path = folder / "instances_train.json"
    labels = json.loads(path.read_text())
    rng = np.random.default_rng(0)
    rows = [label for label in labels["annotations"] if label["image_id"] in images]
    assert len(rows) == 4
    for label in rows:
        label["segmentation"] = mask_to_rle(rng.random((64, 64)) > 0.5)
    path.write_text(json.dumps(labels))


@pytest.mark.parametrize("way", WAYS)
def test_without_masks_a_run_learns_masks_from_boxes_and_is_scored_on_them(way, tiny_spec, tmp_path):
    spec = tiny_spec.changed(full=0, weak=8, weak_masks=way, steps=4, evaluate_every=2)
    run = learn(spec, tmp_path / "run")
    assert all(losses["mask"] == 0 < losses["weak_mask"] for losses in train_losses(run))
    evaluated = [event for event in run.events() if event["kind"] == "evaluation"]
    assert all(isinstance(event["scores"]["mask"]["ap50"], float) for event in evaluated)
    assert isinstance(read_scores(run.scores_path)["mask"]["ap50"], float)


def test_a_run_with_masks_alone_is_the_same_bits_whatever_weak_masks_says(tiny_spec, tmp_path):
    spec = tiny_spec.changed(weak=0, steps=4, evaluate_every=4)
    learnt = [
        (learn(spec.changed(weak_masks=way), tmp_path / way).weights / "model.safetensors").read_bytes()
        for way in ("ignore", "teacher")
    ]
    assert learnt[0] == learnt[1]


def test_a_teachers_run_stopped_in_the_middle_ends_as_if_it_had_not_been(tiny_spec, tmp_path):
    spec = tiny_spec.changed(weak_masks="teacher")
    whole, stopped = (prepare_run(tmp_path / name, spec, tmp_path) for name in ("whole", "stopped"))

    def ask_after_four(what, step, _):
        if (what, step) == ("train", 4):
            stopped.ask_to_cancel()

    assert carry_out(whole, tmp_path) == State.DONE
    assert carry_out(stopped, tmp_path, ask_after_four) == State.CANCELLED
    assert carry_out(stopped, tmp_path) == State.DONE
    ours, expected = read_weights(stopped.weights), read_weights(whole.weights)
    assert all(np.array_equal(tensor, ours[name]) for name, tensor in expected.items())
