import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as nnf

from splitlab.families import LITE0
from splitlab.models.contract import Batch
from splitlab.models.yolov5.loss import _AnchorMatches, _mask_loss, _match_anchors, inside_boxes
from tests.models.batches import SIDE, make_batch, scramble, scramble_unknown, still_model, without_masks


def loss_and_gradients(model, batch):
    model.zero_grad()
    model.train()
    parts = model.loss(batch)
    sum(parts.values()).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    return {name: float(part.detach()) for name, part in parts.items()}, gradients


@pytest.fixture(params=["yolov5n-seg", LITE0])
def model(request):
    return still_model(request.param)


def test_scrambled_masks_of_box_images_change_no_bit_of_loss_or_gradient(model):
    batch = make_batch()
    parts, gradients = loss_and_gradients(model, batch)
    scrambled_parts, scrambled_gradients = loss_and_gradients(model, scramble(batch, [2, 3]))
    assert scrambled_parts == parts
    assert all(torch.equal(scrambled_gradients[name], gradient) for name, gradient in gradients.items())


def test_scrambled_masks_of_a_mask_image_change_the_mask_loss_and_gradients(model):
    batch = make_batch()
    parts, gradients = loss_and_gradients(model, batch)
    scrambled_parts, scrambled_gradients = loss_and_gradients(model, scramble(batch, [1]))
    assert scrambled_parts["mask"] != parts["mask"]
    assert {name: scrambled_parts[name] for name in ("box", "objectness", "class")} == {
        name: parts[name] for name in ("box", "objectness", "class")
    }
    proto = next(name for name in gradients if name.endswith("proto.cv3.conv.weight"))
    assert not torch.equal(scrambled_gradients[proto], gradients[proto])


def test_scrambled_masks_of_objects_without_one_in_a_mask_image_change_no_bit(model):
    batch = without_masks(make_batch(), [0, 3])
    parts, gradients = loss_and_gradients(model, batch)
    changed = scramble_unknown(batch)
    assert not torch.equal(changed.masks[[0, 3]], batch.masks[[0, 3]])
    changed_parts, changed_gradients = loss_and_gradients(model, changed)
    assert changed_parts == parts
    assert all(torch.equal(changed_gradients[name], gradient) for name, gradient in gradients.items())
    assert parts["mask"] > 0


def test_only_the_mask_part_hears_that_a_mask_is_not_known(model):
    batch = make_batch()
    parts, _ = loss_and_gradients(model, batch)
    fewer, _ = loss_and_gradients(model, without_masks(batch, [0]))
    assert fewer["mask"] != parts["mask"]
    assert {name: fewer[name] for name in ("box", "objectness", "class")} == {
        name: parts[name] for name in ("box", "objectness", "class")
    }


@pytest.mark.parametrize("part", ["class", "mask"])
def test_a_factor_scales_its_part_of_the_loss_and_no_other(model, part):
    batch = make_batch()
    parts, _ = loss_and_gradients(model, batch)
    model.loss_settings = replace(model.loss_settings, **{f"{part}_factor": 8.0})
    scaled, _ = loss_and_gradients(model, batch)
    assert scaled == {**parts, part: pytest.approx(8 * parts[part])}


def test_a_batch_without_mask_images_trains_with_mask_loss_zero(model):
    parts, gradients = loss_and_gradients(model, make_batch(has_mask=(False, False, False)))
    assert parts["mask"] == 0
    assert all(math.isfinite(part) for part in parts.values())
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert any(gradient.abs().sum() > 0 for gradient in gradients.values())


@pytest.mark.parametrize("has_mask", [(True, True), (False, False), (True, False)])
def test_images_without_objects_give_a_finite_loss(model, has_mask):
    parts, gradients = loss_and_gradients(model, make_batch(has_mask=has_mask, objects_per_image=0))
    assert parts["objectness"] > 0
    assert parts["box"] == parts["class"] == parts["mask"] == 0
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_an_object_without_neighbours_in_an_image_without_others_trains(model):
    batch = make_batch()
    lonely = batch.image_index == 0
    one_image_empty = Batch(
        batch.images,
        batch.boxes[~lonely],
        batch.classes[~lonely],
        batch.image_index[~lonely],
        batch.has_mask,
        batch.object_has_mask[~lonely],
        batch.masks[~lonely],
    )
    parts, _ = loss_and_gradients(model, one_image_empty)
    assert all(math.isfinite(part) for part in parts.values())


def matches_for(image, target):
    count = len(image)
    zeros = torch.zeros(count, dtype=torch.long)
    return _AnchorMatches(
        torch.tensor(image), zeros, zeros, zeros, torch.tensor(target), torch.zeros(count, 4), torch.ones(count, 2)
    )


def test_a_predicted_box_without_any_width_has_a_finite_loss_and_gradient(model):
    for layer in model.head.m:
        layer.bias.data.view(3, -1)[:, 2:4] = -200.0
    parts, gradients = loss_and_gradients(model, make_batch())
    assert all(math.isfinite(part) for part in parts.values())
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_mask_loss_is_divided_by_the_mask_images_not_by_the_batch():
    # One 8 x 8 px image side, prototypes 2 x 2, one coefficient: logits are the prototype itself.
    batch = Batch(
        images=torch.zeros(3, 3, 8, 8),
        boxes=torch.tensor([[0.0, 0, 8, 8], [0, 0, 4, 8], [0, 0, 8, 8]]),
        classes=torch.zeros(3, dtype=torch.long),
        image_index=torch.tensor([0, 1, 2]),
        has_mask=torch.tensor([True, True, False]),
        object_has_mask=torch.tensor([True, True, False]),
        masks=torch.tensor([[[1, 1], [1, 1]], [[0, 1], [0, 1]], [[1, 0], [0, 1]]], dtype=torch.uint8),
    )
    prototypes = torch.tensor([[[[2.0, 2], [2, 2]]], [[[-1.0, 5], [-1, 5]]], [[[9.0, 9], [9, 9]]]])
    coefficients = torch.ones(3, 1)
    loss = _mask_loss([coefficients], prototypes, [matches_for([0, 1, 2], [0, 1, 2])], batch)
    # Image 0: four pixels want 1 at logit 2. Image 1: its box holds the left column, two pixels want 0 at logit -1.
    first, second = math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_the_mean_is_over_objects_with_a_mask_and_an_image_without_any_still_divides():
    batch = make_batch(has_mask=(True, True, False), objects_per_image=2)
    prototypes = torch.randn(3, 8, 16, 16, generator=torch.Generator().manual_seed(2))
    coefficients = torch.randn(4, 8, generator=torch.Generator().manual_seed(3))
    level = matches_for([0, 0, 1, 1], [0, 1, 2, 3])
    known = without_masks(batch, [1, 2, 3])
    alone = replace(batch, has_mask=torch.tensor([True, False, False]))
    one_object = _mask_loss([coefficients[:1]], prototypes, [matches_for([0], [0])], alone)
    assert _mask_loss([coefficients], prototypes, [level], known).item() == pytest.approx(one_object.item() / 2)


def test_mask_loss_equals_a_plain_loop_over_instances():
    batch = make_batch(has_mask=(True, False, True, True), objects_per_image=3, seed=5)
    generator = torch.Generator().manual_seed(1)
    prototypes = torch.randn(4, 8, 16, 16, generator=generator)
    levels = [matches_for([0, 0, 1, 2], [0, 2, 3, 7]), matches_for([3, 2, 3, 3], [9, 6, 10, 11])]
    coefficients = [torch.randn(4, 8, generator=generator) for _ in levels]
    expected = 0.0
    for image in (0, 2, 3):
        for coefficient, level in zip(coefficients, levels, strict=True):
            losses = []
            for row in range(4):
                if level.image[row] == image:
                    logits = torch.tensordot(coefficient[row], prototypes[image], dims=1)
                    left, top, right, bottom = (batch.boxes[level.target[row]] / 4).tolist()
                    pixels = [
                        nnf.binary_cross_entropy_with_logits(
                            logits[y, x], batch.masks[level.target[row], y, x].float()
                        ).item()
                        for y in range(16)
                        for x in range(16)
                        if left <= x < right and top <= y < bottom
                    ]
                    losses.append(sum(pixels) / ((right - left) * (bottom - top)))
            expected += sum(losses) / len(losses) if losses else 0.0
    assert _mask_loss(coefficients, prototypes, levels, batch).item() == pytest.approx(expected / 3, rel=1e-4)


def test_anchors_answer_as_a_plain_loop_over_cells_says():
    batch = make_batch(objects_per_image=6, seed=3)
    anchors = torch.tensor([[1.2, 1.6], [2.0, 3.7], [4.1, 2.9]])
    grid = 8
    expected = set()
    for target in range(len(batch.boxes)):
        left, top, right, bottom = (batch.boxes[target] * grid / SIDE).tolist()
        x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        for anchor, (w, h) in enumerate(anchors.tolist()):
            if max(width / w, w / width, height / h, h / height) < 4:
                cells = {(int(y), int(x))}
                if x % 1 < 0.5 and x > 1:
                    cells.add((int(y), int(x) - 1))
                if x % 1 > 0.5 and x < grid - 1:
                    cells.add((int(y), int(x) + 1))
                if y % 1 < 0.5 and y > 1:
                    cells.add((int(y) - 1, int(x)))
                if y % 1 > 0.5 and y < grid - 1:
                    cells.add((int(y) + 1, int(x)))
                image = int(batch.image_index[target])
                expected |= {(image, anchor, row, column, target) for row, column in cells}
    found = _match_anchors(batch, anchors, (grid, grid))
    rows = torch.stack([found.image, found.anchor, found.row, found.column, found.target], dim=1).tolist()
    assert {tuple(row) for row in rows} == expected
    assert len(rows) == len(expected)


def test_a_box_holds_the_pixels_whose_corner_is_inside():
    inside = inside_boxes(torch.tensor([[1.0, 0.5, 3.0, 2.0]]), height=3, width=4)[0]
    assert inside.tolist() == [[False] * 4, [False, True, True, False], [False] * 4]
