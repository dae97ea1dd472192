import copy
import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from splitlab.errors import SettingsError
from splitlab.models.contract import DetectSettings
from splitlab.models.load import load_model, weights_of
from splitlab.models.registry import MODELS, build_for_training, build_model
from splitlab.models.ultralytics_loss import CRITERION_SETTINGS, MaskGates, ultralytics_labels
from splitlab.runs.checkpoint import Card, save_checkpoint
from tests.models.batches import SIDE, make_batch, scramble_unknown, without_masks
from tests.models.test_mixed_loss import scramble

NAMES = ["yolov8n-seg", "yolo11n-seg", "yolo26n-seg"]
ROWS = ("boxes", "classes", "image_index", "object_has_mask", "masks")
READ_MASKS = {"yolov8n-seg": {"mask"}, "yolo11n-seg": {"mask"}, "yolo26n-seg": {"mask", "semantic"}}


@pytest.fixture(scope="module", params=NAMES)
def built(request):
    torch.manual_seed(0)
    model = build_model(request.param, class_count=3, image_size=SIDE)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0  # two passes see the same statistics
    return request.param, model


@pytest.fixture
def name(built):
    return built[0]


@pytest.fixture
def model(built):
    return built[1].train()


def loss_and_gradients(model, batch):
    model.zero_grad()
    parts = model.loss(batch)
    sum(parts.values()).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {name: float(part.detach()) for name, part in parts.items()}, gradients


def of_images(batch, images):
    """The batch without the other images."""
    images = torch.tensor(images)
    rows = torch.isin(batch.image_index, images)
    return replace(
        batch,
        images=batch.images[images],
        boxes=batch.boxes[rows],
        classes=batch.classes[rows],
        image_index=torch.searchsorted(images, batch.image_index[rows]),
        has_mask=batch.has_mask[images],
        object_has_mask=batch.object_has_mask[rows],
        masks=batch.masks[rows],
    )


def their_loss(model, batch):
    """Ultralytics' own criterion, which knows of no box images, on our model's predictions."""
    labels = ultralytics_labels(replace(batch, object_has_mask=torch.ones_like(batch.object_has_mask)))
    parts, _ = model.network.init_criterion()(model(batch.images), labels)
    return parts.detach()


def patchwork(count):
    """Images of coloured patches: noise looks all alike to a deep layer."""
    patches = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(patches, SIDE)


def with_opinions(model, images):
    """A copy whose scores, boxes and masks differ from cell to cell of these images, as after training."""
    model = copy.deepcopy(model).train()
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.head.named_parameters():
        if ".2." in name and "semseg" not in name:  # the last layer of each branch
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = noise * 0.001 if parameter.ndim > 1 else noise + 1
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(images)
    return model.eval()


def in_their_order(parts):
    ordered = [parts["box"], parts["mask"], parts["class"], parts["distance"], parts.get("semantic", 0.0)]
    return torch.tensor([torch.as_tensor(part).item() for part in ordered])


def test_scrambled_or_blank_masks_of_box_images_change_no_bit_of_loss_or_gradient(model):
    batch = make_batch()
    parts, gradients = loss_and_gradients(model, batch)
    in_box_images = ~batch.has_mask[batch.image_index]
    blank = replace(batch, masks=batch.masks * ~in_box_images[:, None, None])
    for changed in (scramble(batch, [2, 3]), blank):
        assert not torch.equal(changed.masks, batch.masks)
        changed_parts, changed_gradients = loss_and_gradients(model, changed)
        assert changed_parts == parts
        assert changed_gradients.keys() == gradients.keys()
        assert all(torch.equal(changed_gradients[name], gradient) for name, gradient in gradients.items())


def test_scrambled_or_blank_masks_of_objects_without_one_in_a_mask_image_change_no_bit(model):
    batch = without_masks(make_batch(), [0, 3])
    parts, gradients = loss_and_gradients(model, batch)
    blank = replace(batch, masks=batch.masks * batch.object_has_mask[:, None, None])
    for changed in (scramble_unknown(batch), blank):
        assert not torch.equal(changed.masks, batch.masks)
        changed_parts, changed_gradients = loss_and_gradients(model, changed)
        assert changed_parts == parts
        assert all(torch.equal(changed_gradients[name], gradient) for name, gradient in gradients.items())
    assert parts["mask"] > 0


def test_objects_without_a_mask_are_assigned_by_their_boxes_alone(model, name):
    """Box, class and distance are those of box images where no object has a mask, whatever the images are."""
    batch = make_batch(objects_per_image=3)
    none_known = without_masks(batch, slice(None))
    parts, of_boxes = model.loss(none_known), model.loss(replace(none_known, has_mask=torch.zeros(4, dtype=torch.bool)))
    torch.testing.assert_close(in_their_order(parts), in_their_order(of_boxes), rtol=0, atol=0)
    assert all(parts[part] == 0 for part in READ_MASKS[name])


def test_gates_are_by_object_and_an_image_that_lacks_one_mask_is_not_whole():
    batch = without_masks(make_batch(has_mask=(True, True, False), objects_per_image=2), [1])
    order = torch.tensor([5, 1, 3, 0, 2, 4])
    rows = {part: getattr(batch, part)[order] for part in ROWS}
    gates = MaskGates.of(replace(batch, **rows))
    # Of image 0 object 1 comes before object 0 now.
    assert gates.objects.tolist() == [[False, True], [True, True], [False, False]]
    assert gates.images.tolist() == [False, True, False]


def test_scrambled_masks_of_a_mask_image_change_the_parts_that_read_masks(model, name):
    batch = make_batch()
    parts, gradients = loss_and_gradients(model, batch)
    scrambled_parts, scrambled_gradients = loss_and_gradients(model, scramble(batch, [1]))
    changed = {part for part in parts if parts[part] != scrambled_parts[part]}
    assert changed >= READ_MASKS[name]
    if name != "yolo26n-seg":  # whose assigner moves the other parts, too
        assert changed == {"mask"}
    proto = next(name for name in gradients if name.endswith("proto.cv3.conv.weight"))
    assert not torch.equal(scrambled_gradients[proto], gradients[proto])


def test_parts_that_read_masks_are_what_the_mask_images_alone_would_give(model, name):
    """Neither the absent masks of box images nor their number count; blank masks taken for truth would fail here."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()  # without batch statistics the images do not touch each other
    batch = make_batch(objects_per_image=3)
    with torch.no_grad():
        mixed = model.loss(batch)
        alone = their_loss(model, of_images(batch, [0, 1]))
    ours = in_their_order(mixed)
    for place in (1, 4):
        assert ours[place].item() / 4 == pytest.approx(alone[place].item() / 2, rel=1e-5)
    assert all(mixed[part] > 0 for part in READ_MASKS[name])


def test_where_all_images_have_masks_the_loss_is_ultralytics_own(model):
    batch = make_batch(has_mask=(True, True, True), objects_per_image=3, seed=4)
    ours = in_their_order(model.loss(batch))
    torch.testing.assert_close(ours, their_loss(model, batch), rtol=1e-6, atol=0)


def test_boxes_of_box_images_teach_as_ultralytics_does_without_masks(model, name):
    """Box, class and distance of a batch of box images are those of a detector that has never heard of masks."""
    from ultralytics.utils.loss import v8DetectionLoss

    from splitlab.models.ultralytics_import import E2ELoss

    batch = make_batch(has_mask=(False, False), objects_per_image=3, seed=2)
    is_yolo26 = name == "yolo26n-seg"
    detector = E2ELoss(model.network) if is_yolo26 else v8DetectionLoss(model.network)
    expected, _ = detector(model(batch.images), ultralytics_labels(batch))
    parts = model.loss(batch)
    ours = torch.stack([parts["box"], parts["class"], parts["distance"]])
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("has_mask", [(False, False), (True, False)])
@pytest.mark.parametrize("objects", [0, 2])
def test_batches_without_mask_images_or_without_objects_train(model, name, has_mask, objects):
    parts, gradients = loss_and_gradients(model, make_batch(has_mask=has_mask, objects_per_image=objects))
    assert all(math.isfinite(part) for part in parts.values())
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert any(gradient.abs().sum() > 0 for gradient in gradients.values())
    if not any(has_mask) or not objects:
        assert parts["mask"] == 0
    if not any(has_mask):
        assert all(parts[part] == 0 for part in READ_MASKS[name])


def test_objects_may_come_in_any_order(model):
    batch = make_batch(objects_per_image=3)
    order = torch.randperm(len(batch.boxes), generator=torch.Generator().manual_seed(3))
    rows = {part: getattr(batch, part)[order] for part in ROWS}
    torch.testing.assert_close(in_their_order(model.loss(replace(batch, **rows))), in_their_order(model.loss(batch)))


def test_the_gains_are_ultralytics_own():
    from ultralytics.utils import DEFAULT_CFG

    ours = vars(CRITERION_SETTINGS)
    assert {gain: ours[gain] for gain in ("box", "cls", "dfl")} == {
        gain: getattr(DEFAULT_CFG, gain) for gain in ("box", "cls", "dfl")
    }


def test_the_smallest_object_on_a_pixel_gives_its_class():
    masks = torch.zeros(3, 2, 3, dtype=torch.uint8)
    masks[0] = 1
    masks[1, 0, :2] = 1
    masks[2, 0, 0] = 1
    batch = replace(make_batch(has_mask=(True,), objects_per_image=3), classes=torch.tensor([2, 0, 1]), masks=masks)
    assert ultralytics_labels(batch)["sem_masks"].tolist() == [[[1, 0, 2], [2, 2, 2]]]


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


def test_detections_are_ultralytics_own(model, name):
    from ultralytics.utils.nms import non_max_suppression

    images = patchwork(2)
    model = with_opinions(model, images)
    settings = DetectSettings(min_score=1e-6, nms_iou=0.5, max_detections=20)
    with torch.no_grad():
        ours = model.detect(images, settings)
        theirs = copy.deepcopy(model.network)
        theirs.end2end = name == "yolo26n-seg"
        theirs.model[-1].training = False
        theirs.model[-1].max_det = settings.max_detections
        (decoded, prototypes), _ = theirs(images)
        expected = (
            decoded if theirs.end2end else non_max_suppression(decoded, 1e-6, 0.5, multi_label=True, max_det=20, nc=3)
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


IMPORT_WATCHED = """
import os, socket, sys, warnings
import cv2, numpy, PIL.Image, torch
import splitlab.models.registry as registry
assert "ultralytics" not in sys.modules

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        raise SystemExit(f"{event} {args}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        opened.append(str(args[0]))

def state():
    return (dict(os.environ), torch.get_num_threads(), cv2.getNumThreads(), torch.save, PIL.Image.open,
            list(warnings.filters), numpy.get_printoptions(), str(torch.rand(30).exp().mul(0).add(1 / 3)))

opened = []
torch.set_num_threads(3)
before = state()
sys.addaudithook(refuse)
with torch.device("meta"):  # as a spec is checked before its run
    registry.build_model("yolov8n-seg", 2, 64)
for family in ("yolov8", "yolo11", "yolo26"):
    registry.build_model(f"{family}n-seg", 2, 64).to("cpu", memory_format=torch.channels_last)
after = state()
for old, new in zip(before, after, strict=True):
    assert old == new, (old, new)
from ultralytics.utils import SETTINGS
assert SETTINGS["sync"] is False
left = [path for path in opened if os.path.exists(path) and not path.endswith((".pyc", "/dev/null"))]
assert not left, left
print("unchanged")
"""


def test_the_registry_is_quick_and_ultralytics_comes_without_network_files_or_changes_to_the_process(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YOLO_")}
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_WATCHED],
        cwd=tmp_path,
        env=environment | home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "unchanged\n", "")
    assert list(tmp_path.iterdir()) == []
