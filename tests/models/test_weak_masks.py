"""Masks learnt from boxes: the two ways by hand and against plain loops, and no mask of W reaches them."""

import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from splitlab.families import LITE0
from splitlab.models.contract import Batch, BoxLesson, BoxMasks
from splitlab.models.weak_masks.lesson import BoxInstances, box_mask_losses, lesson_at
from splitlab.models.weak_masks.projection import (
    _lab,
    pairwise_losses,
    pairwise_weight,
    projection_losses,
    similar_pairs,
)
from splitlab.models.weak_masks.teacher import STARTS_AT, taught_losses
from splitlab.models.weak_masks.windows import SIDE, Windows
from tests.models.batches import make_batch, scramble, still_model

WAYS = ("projection", "teacher")
FIRST = torch.zeros(1, dtype=torch.long)


@pytest.fixture(params=["yolov5n-seg", LITE0])
def name(request):
    return request.param


def taught(name, way, batch):
    """Losses and gradients at the end of a run, with a teacher of other weights."""
    model, teacher = still_model(name), still_model(name)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.mul_(1.1)
    parts = model.train().loss_with_boxes(batch, lesson_at(way, 0.9, batch, teacher))
    sum(parts.values()).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    return {name: float(part.detach()) for name, part in parts.items()}, gradients


@pytest.mark.parametrize("way", WAYS)
def test_scrambled_masks_of_box_images_change_no_bit_of_loss_or_gradient(name, way):
    batch = make_batch()
    parts, gradients = taught(name, way, batch)
    changed_parts, changed = taught(name, way, scramble(batch, [2, 3]))
    assert changed_parts == parts
    assert parts["weak_mask"] > 0
    assert all(torch.equal(changed[name], gradient) for name, gradient in gradients.items())


@pytest.mark.parametrize("way", WAYS)
def test_the_four_parts_of_the_paper_are_the_same_bits_with_a_lesson(name, way):
    batch = make_batch()
    parts, _ = taught(name, way, batch)
    own = still_model(name).train().loss(batch)
    assert {part: value for part, value in parts.items() if part != "weak_mask"} == {
        part: value.item() for part, value in own.items()
    }


@pytest.mark.parametrize("way", WAYS)
def test_without_mask_images_prototypes_and_coefficients_still_learn(way):
    parts, gradients = taught(LITE0, way, make_batch(has_mask=(False,) * 3))
    assert parts["mask"] == 0 < parts["weak_mask"]
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    prototypes = next(gradient for name, gradient in gradients.items() if name.endswith("proto.cv3.conv.weight"))
    assert prototypes.abs().sum() > 0


def test_box_images_teach_nothing_under_ignore_or_where_there_are_none_and_a_teacher_begins_later():
    teacher = still_model(LITE0)
    assert lesson_at("ignore", 0.5, make_batch(), teacher) is None
    assert lesson_at("teacher", 0.5, make_batch(has_mask=(True, True)), teacher) is None
    assert lesson_at("teacher", STARTS_AT - 0.01, make_batch(), teacher).masks is None
    assert lesson_at("projection", 0.5, make_batch(), teacher).masks is None
    masks = lesson_at("teacher", STARTS_AT, make_batch(), teacher).masks
    assert masks.chance.shape == (4, SIDE, SIDE)
    # It looks at every second box image.
    assert masks.confidence[:2].max() > 0
    assert masks.confidence[2:].tolist() == [0, 0]
    assert not masks.chance.requires_grad


def test_images_without_objects_are_no_obstacle_to_a_lesson():
    parts, gradients = taught(LITE0, "teacher", make_batch(objects_per_image=0))
    assert parts["weak_mask"] == 0
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def windows_of(boxes, size=128, images=None):
    """A batch of one image with these boxes, and its windows."""
    batch = Batch(
        images=torch.zeros(1, 3, size, size) if images is None else images,
        boxes=torch.tensor(boxes, dtype=torch.float32),
        classes=torch.zeros(len(boxes), dtype=torch.long),
        image_index=torch.zeros(len(boxes), dtype=torch.long),
        has_mask=torch.tensor([False]),
        object_has_mask=torch.zeros(len(boxes), dtype=torch.bool),
        masks=torch.zeros(len(boxes), size // 4, size // 4, dtype=torch.uint8),
    )
    return batch, Windows.around(batch)


def test_a_window_holds_box_and_ring_in_cells_of_a_mask_pixel_or_larger():
    _, windows = windows_of([[40, 52, 60, 72], [10, 10, 200, 110], [101, 102, 103, 104]], size=256)
    # 20 px are 5 cells of 4 px; 190 px and a ring of 0.15 on both sides fill all cells.
    assert windows.inside[0].sum() == 25
    assert windows.inside[1].any(dim=0).sum() == 21
    assert windows.inside[1].any(dim=1).sum() == 11
    # A box smaller than a cell still has one, in the middle.
    assert windows.inside[2].nonzero().tolist() == [[SIDE // 2, SIDE // 2]]
    assert windows.seen[0, :, -1].all()
    # The centre of the second window is 60 px from the top, and a row of cells has 190 * 1.3 / 27 px.
    assert windows.seen[1].any(dim=1).sum() == 6 + 1 + 13


@pytest.mark.parametrize("stride", [4, 8])
def test_a_cut_map_has_its_values_at_the_centres_of_the_cells(stride):
    _, windows = windows_of([[40.0, 52.0, 61.0, 73.0], [20.0, 10.0, 120.0, 110.0]])
    centres = (torch.arange(128 // stride) + 0.5) * stride
    x = windows.cut(centres.expand(1, 1, len(centres), -1))[:, 0]
    y = windows.cut(centres[:, None].expand(1, 1, -1, len(centres)))[:, 0]
    steps = torch.arange(SIDE) - SIDE // 2
    assert torch.allclose(x[0, 5, 2:-2], 50.5 + 4.0 * steps[2:-2], atol=1e-3)
    assert torch.allclose(y[1, 5:-5, 7], 60 + 130 / SIDE * steps[5:-5], atol=1e-3)


def test_a_mask_that_fills_its_box_has_no_projection_loss_and_each_fault_has_its_own():
    _, windows = windows_of([[40, 52, 60, 72]])
    inside = windows.inside.float()
    half = inside.clone()
    half[:, :, : SIDE // 2] = 0  # the last 3 of 5 columns
    leak = inside.clone()
    leak[:, SIDE // 2, -1] = 1
    cross = torch.zeros_like(inside)
    cross[:, SIDE // 2], cross[:, :, SIDE // 2] = inside[:, SIDE // 2], inside[:, :, SIDE // 2]
    masks = torch.cat([inside, cross, half, leak, torch.zeros_like(inside)])
    losses = projection_losses((masks - 0.5) * 100, windows, torch.zeros(5, dtype=torch.long))
    expected = [0, 0, 1 - 2 * 3 / (3 + 5), 1 - 2 * 5 / (6 + 5), 2]
    assert losses.tolist() == pytest.approx(expected, abs=1e-5)


def test_what_lies_outside_the_image_is_not_held_against_a_mask():
    _, windows = windows_of([[0, 0, 20, 20]])
    everywhere = torch.where(windows.seen, -50.0, 50.0) + 100 * windows.inside
    assert projection_losses(everywhere, windows, FIRST).item() == pytest.approx(0, abs=1e-5)


def test_the_pairwise_term_is_the_published_sum_over_eight_neighbours():
    generator = torch.Generator().manual_seed(0)
    # Few colours, so that some neighbours are alike.
    images = torch.randint(0, 3, (1, 3, 128, 128), generator=generator).float() / 40
    _, windows = windows_of([[40, 52, 60, 72], [5, 80, 70, 127]], images=images)
    logits = torch.randn(3, SIDE, SIDE, generator=generator) * 3
    objects = torch.tensor([1, 0, 1])
    losses = pairwise_losses(logits, similar_pairs(images, windows), objects)
    averaged = torch.nn.functional.avg_pool2d(images, 4)[0].permute(1, 2, 0).numpy()
    lab = torch.from_numpy(rgb2lab(averaged)).permute(2, 0, 1)[None]
    colours = windows.cut(lab).double()
    shifts = [(down, right) for down in (-2, 0, 2) for right in (-2, 0, 2) if (down, right) != (0, 0)]
    for own, target, loss in zip(logits.double().sigmoid(), objects.tolist(), losses.tolist(), strict=True):
        total, count = 0.0, 0
        for row, column in windows.inside[target].nonzero().tolist():
            for down, right in shifts:
                y, x = row + down, column + right
                if not (0 <= y < SIDE and 0 <= x < SIDE and windows.seen[target, y, x]):
                    continue
                apart = (colours[target, :, row, column] - colours[target, :, y, x]).norm().item()
                if math.exp(-apart / 2) >= 0.3:
                    here, there = own[row, column].item(), own[y, x].item()
                    total -= math.log(here * there + (1 - here) * (1 - there))
                    count += 1
        assert 50 < count < 8 * int(windows.inside[target].sum())
        assert loss == pytest.approx(total / count, rel=1e-4)


def test_colours_are_those_of_scikit_image():
    images = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    ours = _lab(images).permute(0, 2, 3, 1).numpy()
    assert np.allclose(ours, rgb2lab(images.permute(0, 2, 3, 1).numpy()), atol=0.01)


def test_the_pairwise_term_is_warmed_up_in_a_ninth_of_the_run():
    assert [pairwise_weight(done) for done in (0, 1 / 18, 1 / 9, 1)] == pytest.approx([0, 0.5, 1, 1])


def test_a_disc_of_one_colour_is_the_best_mask_of_its_box_by_projection_and_colour():
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    disc = ((x - 63.5) ** 2 + (y - 63.5) ** 2 <= 36**2).float()
    images = torch.stack([disc, 0.2 + 0 * disc, 0.5 - 0.5 * disc])[None]
    _, windows = windows_of([[27.5, 27.5, 99.5, 99.5]], images=images)
    found = windows.cut(disc[None, None])[:, 0] > 0.5
    masks = torch.cat([found, windows.inside, found.roll(3, dims=2), torch.zeros_like(found)]).float()
    logits, objects = (masks - 0.5) * 20, torch.zeros(4, dtype=torch.long)
    pairwise = pairwise_losses(logits, similar_pairs(images, windows), objects)
    of_disc, *others = (projection_losses(logits, windows, objects) + pairwise).tolist()
    assert of_disc < 0.1
    assert min(others) > 0.2


def test_a_teacher_teaches_as_much_as_it_is_sure():
    _, windows = windows_of([[40, 52, 60, 72]])
    inside = windows.inside
    chance = torch.full((1, SIDE, SIDE), 0.5)
    chance[inside] = torch.tensor([0.9] * 10 + [0.2] * 5 + [0.5] * 10)
    logits = torch.full((1, SIDE, SIDE), 1.5)
    outside = torch.where(inside, logits, -9.0)
    # Trust is the root of 0.64 times 0.9; 10 cells want 1 with weight 0.8, 5 want 0 with weight 0.6.
    one, zero = math.log(1 + math.exp(-1.5)), math.log(1 + math.exp(1.5))
    expected = math.sqrt(0.64 * 0.9) * (10 * 0.8 * one + 5 * 0.6 * zero) / 25
    sure = BoxMasks(chance, torch.tensor([0.64]))
    for mask in (logits, outside):
        assert taught_losses(mask, windows, sure, FIRST).item() == pytest.approx(expected, rel=1e-5)
    for unsure in (BoxMasks(chance, torch.zeros(1)), BoxMasks(chance.clamp(max=0.5), torch.ones(1))):
        assert taught_losses(logits, windows, unsure, FIRST).item() == 0


def test_masks_of_many_cells_of_an_object_are_each_their_own_sum_of_prototypes():
    batch = make_batch(has_mask=(False, False), objects_per_image=2)
    generator = torch.Generator().manual_seed(4)
    prototypes = torch.randn(2, 5, 16, 16, generator=generator)
    objects = torch.tensor([3, 0, 3, 2, 3])
    instances = BoxInstances(torch.randn(5, 5, generator=generator), objects)
    losses = box_mask_losses(instances, prototypes, batch, BoxLesson(0.0, None))
    windows = Windows.around(batch)
    cut = windows.cut(prototypes)
    logits = torch.stack(
        [torch.tensordot(row, cut[target], dims=1) for row, target in zip(instances.coefficients, objects, strict=True)]
    )
    torch.testing.assert_close(losses, projection_losses(logits, windows, objects))


def test_losses_are_the_same_bits_under_autocast():
    """In bf16, colours would differ by their rounding as much as the limit of alike ones allows."""
    batch = make_batch()
    boxes = batch.only(~batch.has_mask)
    generator = torch.Generator().manual_seed(3)
    count = len(boxes.boxes)
    instances = BoxInstances(torch.randn(count, 32, generator=generator), torch.arange(count))
    prototypes = torch.randn(len(boxes.images), 32, 32, 32, generator=generator)
    lesson = BoxLesson(1.0, BoxMasks(torch.rand(count, SIDE, SIDE, generator=generator), torch.ones(count)))
    plain = box_mask_losses(instances, prototypes, boxes, lesson)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = box_mask_losses(instances, prototypes, boxes, lesson)
    assert torch.equal(mixed, plain)


def test_the_teachers_masks_are_means_over_the_cells_of_an_object_and_unknown_objects_have_no_confidence():
    model = still_model(LITE0).eval()
    batch = make_batch(has_mask=(False, False))
    with torch.no_grad():
        masks = model.masks_in_boxes(batch)
        wide = Batch(**{**vars(batch), "boxes": batch.boxes.clone()})
        wide.boxes[0] = torch.tensor([0.0, 30.0, 64.0, 30.5])  # like no anchor
        unknown = model.masks_in_boxes(wide)
    assert ((masks.chance > 0) & (masks.chance < 1)).all()
    assert (masks.confidence > 0).all()
    assert unknown.confidence[0] == 0
    assert torch.equal(unknown.confidence[1:], masks.confidence[1:])
