"""Models as the rest of the house uses them: training, detecting, checkpoints, sizes."""

import copy

import pytest
import torch

from splitlab.checkpoints.checkpoint import Card, save_checkpoint
from splitlab.errors import SettingsError
from splitlab.families import MODELS
from splitlab.models.contract import DetectSettings
from splitlab.models.registry import build_for_training, build_model, load_model, weights_of
from tests.models.batches import SIDE, make_batch
from tests.models.ultralytics.passes import in_their_order, patchwork, with_opinions


def test_a_few_steps_lower_the_loss(name):
    model = build_for_training(name, 3, SIDE, seed=0)
    batch = make_batch(has_mask=(True, False))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        total = sum(model.loss(batch).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    assert max(losses[-3:]) < 0.75 * min(losses[:3])


def test_a_step_in_bfloat16_gives_nearly_the_same_loss(model):
    batch = make_batch()
    plain = in_their_order(model.loss(batch))
    with torch.autocast("cpu", torch.bfloat16):
        parts = model.loss(batch)
    assert all(part.dtype == torch.float32 for part in parts.values())
    torch.testing.assert_close(in_their_order(parts), plain, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("best_class_only", [False, True], ids=["scored", "shown"])
def test_detections_are_ultralytics_own(model, name, best_class_only):
    from ultralytics.utils.nms import non_max_suppression

    images = patchwork(2)
    model = with_opinions(model, images)
    settings = DetectSettings(min_score=1e-6, nms_iou=0.5, max_detections=20, best_class_only=best_class_only)
    with torch.no_grad():
        ours = model.detect(images, settings)
        theirs = copy.deepcopy(model.network)
        theirs.end2end = name == "yolo26n-seg"
        theirs.model[-1].training = False
        theirs.model[-1].max_det = settings.max_detections
        (decoded, prototypes), _ = theirs(images)
        expected = (
            decoded
            if theirs.end2end
            else non_max_suppression(decoded, 1e-6, 0.5, multi_label=not best_class_only, max_det=20, nc=3)
        )
    assert len(ours) == len(expected) == 2
    for found, rows, prototype in zip(ours, expected, prototypes, strict=True):
        assert len(found.scores) == len(rows) > 3
        torch.testing.assert_close(found.boxes, rows[:, :4], rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(found.scores, rows[:, 4])
        assert found.classes.tolist() == rows[:, 5].long().tolist()
        assert found.mask_logits.shape[1:] == (SIDE // 4, SIDE // 4)
        torch.testing.assert_close(
            found.mask_logits, torch.einsum("np,phw->nhw", rows[:, 6:], prototype), rtol=1e-3, atol=1e-4
        )


def test_no_detection_is_an_answer(model):
    found = model.eval().detect(torch.zeros(1, 3, SIDE, SIDE), DetectSettings(min_score=0.99))[0]
    assert found.boxes.shape == (0, 4)
    assert found.mask_logits.shape == (0, SIDE // 4, SIDE // 4)


def test_a_checkpoint_brings_the_same_detections_back(model, name, tmp_path):
    for parameter in model.state_dict().values():
        if parameter.is_floating_point():
            parameter.copy_(parameter.half())  # as stored
    card = Card(name, name, SIDE, ["a", "b", "c"], "tiny", "0", "none", 1, 1, 0, "0", 1, {})
    save_checkpoint(tmp_path, weights_of(model), card)
    loaded, _ = load_model(tmp_path)
    images = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before, after = (each.detect(images, DetectSettings())[0] for each in (model.eval(), loaded))
    assert len(before.scores) > 0
    for part, tensor in vars(before).items():
        assert torch.equal(getattr(after, part), tensor)


def test_a_model_can_be_averaged_and_trained_on_after_it_was_evaluated(model):
    batch = make_batch()
    average = torch.optim.swa_utils.AveragedModel(model)
    with torch.inference_mode():
        average.module.eval().detect(batch.images, DetectSettings())
        model.eval().detect(batch.images, DetectSettings())
    copy.deepcopy(model)
    sum(model.train().loss(batch).values()).backward()
    average.update_parameters(model)
    assert average.module.head.training


def test_every_size_is_there_and_starts_by_its_seed():
    assert {f"{family}{size}-seg" for family in ("yolov8", "yolo11", "yolo26") for size in "nsmlx"} <= set(MODELS)
    first, same, other = (build_for_training("yolo11n-seg", 2, SIDE, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_model_can_be_asked_for_on_the_meta_device():
    with torch.device("meta"):
        assert build_model("yolo26s-seg", 2, SIDE).head.stride.tolist() == [8, 16, 32]


def test_an_image_size_that_is_no_multiple_of_the_stride_is_refused():
    with pytest.raises(SettingsError, match="multiple of 32"):
        build_model("yolo11n-seg", 2, 100)
