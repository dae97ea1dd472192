"""DETR's two stages in one run: what each reads and changes, and that a stop at any moment changes nothing."""

import shutil
import signal
from dataclasses import replace

import pytest
import torch

from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.split import read_split
from splitlab.errors import SettingsError
from splitlab.models.detr.detr import DETR
from splitlab.models.detr.seg import DETRSeg
from splitlab.models.registry import load_model
from splitlab.models.yolov5.seg import YOLOv5Seg
from splitlab.runs.run_folder import RunFolder, State
from splitlab.training import mixed_batches as augment
from splitlab.training.experiment import carry_out, evaluate_run, prepare_run
from splitlab.training.schedule import stages_of
from splitlab.training.start import batches_of
from tests.experiments.test_experiment import start, steps_of, wait_until

BOXES, MASKS = 7, 5
MASK_PARTS = ("bbox_attention.", "mask_head.")


@pytest.fixture(scope="module")
def spec(tiny_spec):
    settings = {"model": "detr-lite0-small", "mosaic": 0.0, "learning_rate": 1e-3, "clip": 0.4}
    stages = {"steps": BOXES + MASKS, "mask_steps": MASKS, "mask_batch_size": 2, "mask_learning_rate": 2e-3}
    return tiny_spec.changed(evaluate_every=4, **settings, **stages)


@pytest.fixture(scope="module")
def done(spec, tmp_path_factory):
    root = tmp_path_factory.mktemp("stages")
    run = prepare_run(root / "run", spec, root)
    assert carry_out(run, root) == State.DONE
    return run


def objects_in_the_first_batch(spec, stages, images):
    """Count the objects of a batch that holds each of 12 images once, six of them mask images."""
    spec = spec.changed(batch_size=12, mask_batch_size=0, f_size=6, translate=0.0, scale=0.0, flip=0.0)
    return len(batches_of(stages_of(spec, stages)[0], images[:6], images[6:])[0].classes)


def test_detr_learns_difficult_objects_of_f_and_w_in_its_box_stage_and_yolo_those_of_f_alone(spec, tiny):
    hard = [replace(i, objects=tuple(replace(o, is_difficult=True) for o in i.objects)) for i in tiny.train.images]
    counts = [len(image.objects) for image in hard]
    assert objects_in_the_first_batch(spec, DETRSeg.stages, hard) == sum(counts)
    yolo = spec.changed(model="yolov5n-seg", mask_steps=0)
    assert objects_in_the_first_batch(yolo, YOLOv5Seg.stages, hard) == sum(counts[:6])


def state_of(run, stage):
    name = "state.pt" if stage == "boxes" else "state-masks.pt"
    return torch.load(run.weights / name, weights_only=True)


def assert_same_weights(one, other):
    for stage in ("boxes", "masks"):
        first, second = state_of(one, stage), state_of(other, stage)
        for part in ("model", "average"):
            assert first[part].keys() == second[part].keys()
            different = [name for name, tensor in first[part].items() if not torch.equal(second[part][name], tensor)]
            assert not different, (stage, part)


def test_steps_count_through_both_stages_and_events_name_them(done):
    assert steps_of(done) == list(range(1, BOXES + MASKS + 1))
    evaluations = [(e["step"], e["stage"]) for e in done.events() if e["kind"] == "evaluation"]
    assert evaluations == [(4, "boxes"), (7, "boxes"), (11, "masks"), (12, "masks")]
    windows = [e for e in done.events() if e["kind"] == "train"]
    assert {e["stage"]: set(e["losses"]) for e in windows} == {
        "boxes": {"class", "l1", "giou", "auxiliary"},
        "masks": {"mask_focal", "mask_dice"},
    }
    assert (done.status().step, done.status().steps) == (12, 12)


def test_mask_ap_is_left_open_until_masks_were_seen(done):
    scores = [e["scores"] for e in done.events() if e["kind"] == "evaluation"]
    assert [one["mask"]["ap50"] is None for one in scores] == [True, True, False, False]
    assert all(one["box"]["ap50"] is not None for one in scores)


def test_the_second_stage_starts_with_the_average_of_the_first_and_changes_the_mask_head_alone(done):
    boxes, masks = (state_of(done, stage)["average"] for stage in ("boxes", "masks"))
    assert boxes.keys() == masks.keys()
    for name, tensor in boxes.items():
        if name.startswith("module."):
            learns = name.removeprefix("module.").startswith(MASK_PARTS)
            assert torch.equal(masks[name], tensor) != learns, name


def test_its_checkpoint_loads_with_frozen_norms(done):
    model, card = load_model(done.weights)
    assert (card.model, card.steps) == ("detr-lite0-small", 12)
    assert model.pretrained_prefix == "detr.backbone."
    assert read_card(done.weights).scores["box"]["ap50"] is not None


def test_its_masks_are_whole_unless_it_is_evaluated_with_cut_ones_and_its_card_says_which(done, tmp_path):
    assert not load_model(done.weights)[0].cuts_masks
    assert read_card(done.weights).scores["mask"]["cut_to_box"] is False
    run = RunFolder.open(shutil.copytree(done.path, tmp_path / "copy"))
    assert evaluate_run(run, tmp_path, cut_masks=True)["mask"]["cut_to_box"] is True
    assert load_model(run.weights)[0].cuts_masks
    assert evaluate_run(run, tmp_path)["mask"]["cut_to_box"] is True
    assert evaluate_run(run, tmp_path, cut_masks=False) == read_card(done.weights).scores


def test_a_random_start_gets_norms_that_learn_and_its_checkpoint_loads(spec, tmp_path):
    run = prepare_run(tmp_path / "run", spec.changed(model="detr-r18-small", steps=2, mask_steps=1), tmp_path)
    assert carry_out(run, tmp_path) == State.DONE
    model, _ = load_model(run.weights)
    assert model.pretrained_prefix == ""
    assert any(name.endswith("num_batches_tracked") for name in model.state_dict())
    again = prepare_run(tmp_path / "on", run.spec().changed(start_from=str(run.weights)), tmp_path)
    assert carry_out(again, tmp_path) == State.DONE


@pytest.mark.parametrize("stop_after", [3, BOXES, BOXES + 2], ids=["boxes", "switch", "masks"])
def test_a_run_stopped_in_either_stage_ends_bit_for_bit_as_if_it_had_not_been(done, spec, tmp_path, stop_after):
    run = prepare_run(tmp_path / "run", spec, tmp_path)
    stop = carry_out(
        run, tmp_path, lambda what, step, _: run.ask_to_cancel() if (what, step) == ("train", stop_after) else None
    )
    assert stop == State.CANCELLED
    assert run.status().step == stop_after
    assert carry_out(run, tmp_path) == State.DONE
    assert_same_weights(done, run)
    assert steps_of(run) == list(range(1, BOXES + MASKS + 1))


@pytest.mark.slow
def test_a_run_killed_in_both_stages_ends_bit_for_bit_as_if_it_had_not_been(spec, tmp_path):
    spec = spec.changed(steps=48, mask_steps=24, evaluate_every=12)
    whole, killed = (prepare_run(tmp_path / name, spec, tmp_path) for name in ("whole", "killed"))
    assert start(whole).wait() == 0
    for step in (14, 26):
        process = start(killed)
        wait_until(lambda step=step: killed.events() and killed.events()[-1]["step"] >= step, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert killed.status().state == State.INTERRUPTED
    assert start(killed).wait() == 0
    assert killed.status().state == State.DONE
    assert_same_weights(whole, killed)
    assert steps_of(killed) == list(range(1, 49))


def test_masks_are_read_in_the_second_stage_alone_and_those_of_w_in_neither(spec, tiny, tmp_path, monkeypatch):
    read, step_at = [], [0]
    read_mask = augment.read_mask
    monkeypatch.setattr(augment, "read_mask", lambda mask: read.append((step_at[0], mask)) or read_mask(mask))
    run = prepare_run(tmp_path / "run", spec, tmp_path)

    def note_step(what, done, _):
        if what == "train":
            step_at[0] = done

    carry_out(run, tmp_path, note_step)
    assert read
    assert all(step >= BOXES for step, _ in read)
    split = read_split(run.split_path)
    of_f = [str(label.mask) for image in tiny.train.select(split.full) for label in image.objects]
    assert {str(mask) for _, mask in read} <= set(of_f)


def test_boxes_alone_train_one_stage(spec, tmp_path):
    run = prepare_run(tmp_path / "run", spec.changed(full=0, steps=2, mask_steps=0), tmp_path)
    assert carry_out(run, tmp_path) == State.DONE
    assert not (run.weights / "state-masks.pt").exists()


def test_masks_alone_train_on_a_start_that_knows_boxes(done, spec, tmp_path):
    settings = {"steps": 2, "mask_steps": 2, "start_from": str(done.weights)}
    run = prepare_run(tmp_path / "run", spec.changed(**settings), tmp_path)
    assert carry_out(run, tmp_path) == State.DONE
    assert {e["stage"] for e in run.events() if e["kind"] == "train"} == {"masks"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask_steps": 0}, "trains masks on F in the last mask_steps"),
        ({"full": 0}, "Set it to 0"),
        ({"model": "yolov5n-seg"}, "remove mask_steps 5"),
    ],
    ids=["none", "no F", "one stage"],
)
def test_mask_steps_that_do_not_fit_leave_no_run(spec, tmp_path, change, message):
    with pytest.raises(SettingsError, match=message):
        prepare_run(tmp_path / "run", spec.changed(**change), tmp_path)
    assert not (tmp_path / "run").exists()


STILL = dict.fromkeys(("hue", "saturation", "value", "translate", "scale", "flip"), 0.0)


@pytest.mark.parametrize(("changes", "looks"), [(STILL, 4), ({}, 10)])
def test_the_frozen_part_looks_once_at_an_image_that_comes_again_as_it_was(changes, looks, spec, tmp_path, monkeypatch):
    """F has 4 images; 5 steps of 2 show them 2.5 times."""
    seen = []
    real = DETR.forward

    def noting(self, images):
        if self.training is False and not any(p.requires_grad for p in self.parameters()):
            seen.append(len(images))
        return real(self, images)

    run = prepare_run(tmp_path / "run", spec.changed(steps=MASKS + 1, evaluate_every=6, **changes), tmp_path)
    monkeypatch.setattr(DETR, "forward", noting)
    monkeypatch.setattr("splitlab.training.experiment.evaluate_model", lambda *_: ({"mask": {}, "box": {}}, []))
    monkeypatch.setattr("splitlab.training.experiment.evaluate_run", lambda *_: None)
    carry_out(run, tmp_path)
    assert sum(seen) == looks
