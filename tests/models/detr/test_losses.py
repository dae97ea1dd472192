import math

import pytest
import torch

from splitlab.models.detr.losses import (
    LossWeights,
    Targets,
    _class_loss,
    _dice_losses,
    _giou_losses,
    _QueryMatches,
    box_losses,
    mask_losses,
    match_queries,
    object_count,
)
from tests.models.detr.test_matcher import giou, random_case


def test_giou_of_pairs_is_that_worked_by_hand():
    generator = torch.Generator().manual_seed(0)
    boxes, wanted = (torch.rand(20, 4, generator=generator) * 0.4 + 0.01 for _ in range(2))
    expected = [1 - giou(one, other) for one, other in zip(boxes.tolist(), wanted.tolist(), strict=True)]
    assert _giou_losses(boxes, wanted).tolist() == pytest.approx(expected, abs=1e-5)


def test_giou_of_a_tiny_object_is_not_blurred():
    box = torch.tensor([[0.5, 0.5, 0.002, 0.002]])
    assert _giou_losses(box, box).item() == pytest.approx(0, abs=1e-4)


def test_queries_without_an_object_want_nothing_at_three_per_cent():
    logits = torch.tensor([[[1.0, 2.0, 0.0], [0.5, 0.0, 3.0]]])
    targets = Targets(torch.rand(1, 4), torch.tensor([1]), torch.tensor([0]))
    matches = _QueryMatches(torch.tensor([0]), torch.tensor([0]), torch.tensor([0]))
    matched = -math.log(math.exp(2) / (math.exp(1) + math.exp(2) + 1))
    unmatched = -math.log(math.exp(3) / (math.exp(0.5) + 1 + math.exp(3)))
    expected = (matched + 0.03 * unmatched) / 1.03
    assert _class_loss(logits, targets, matches, 0.03).item() == pytest.approx(expected, rel=1e-5)


def test_the_parts_weigh_as_published_and_nothing_as_the_authors_have_it():
    assert LossWeights() == LossWeights(1, 5, 2, 1, 1, no_object=0.03)


def test_focal_and_dice_are_those_of_a_plain_loop_over_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=generator) * 2
    masks = torch.randint(0, 2, (3, 4, 5), generator=generator, dtype=torch.uint8)
    focal, dice = 0.0, 0.0
    for one, mask in zip(logits.flatten(1).tolist(), masks.flatten(1).tolist(), strict=True):
        chances = [1 / (1 + math.exp(-logit)) for logit in one]
        right = [p if m else 1 - p for p, m in zip(chances, mask, strict=True)]
        alphas = [0.25 if m else 0.75 for m in mask]
        focal += sum(-a * (1 - p) ** 2 * math.log(p) for a, p in zip(alphas, right, strict=True)) / len(one)
        shared = sum(p * m for p, m in zip(chances, mask, strict=True))
        dice += 1 - (2 * shared + 1) / (sum(chances) + sum(mask) + 1)
    parts = mask_losses(logits, masks, torch.tensor(7.0), LossWeights())
    assert parts["mask_focal"].item() == pytest.approx(focal / 7, rel=1e-4)
    assert parts["mask_dice"].item() == pytest.approx(dice / 7, rel=1e-4)


def test_logits_of_another_size_are_scaled_to_the_masks():
    masks = torch.ones(2, 8, 8, dtype=torch.uint8)
    parts = mask_losses(torch.full((2, 4, 4), 20.0), masks, torch.tensor(2.0), LossWeights())
    assert sum(parts.values()).item() == pytest.approx(0, abs=1e-5)


def test_an_empty_mask_has_a_finite_dice_loss():
    assert _dice_losses(torch.full((1, 9), -50.0), torch.zeros(1, 9)).item() == pytest.approx(0, abs=1e-6)


def test_the_auxiliary_part_is_the_sum_over_the_earlier_layers():
    layers = [random_case([2, 1], queries=4, seed=seed)[:2] for seed in range(3)]
    targets = random_case([2, 1], queries=4, seed=0)[2]
    logits, boxes = (torch.stack(stack) for stack in zip(*layers, strict=True))
    alone = [box_losses(logits[i : i + 1], boxes[i : i + 1], targets, LossWeights()) for i in range(3)]
    together = box_losses(logits, boxes, targets, LossWeights())
    assert all(parts["auxiliary"] == 0 for parts in alone)
    assert {name: together[name] for name in ("class", "l1", "giou")} == {
        name: alone[2][name] for name in ("class", "l1", "giou")
    }
    expected = sum(float(part) for parts in alone[:2] for part in parts.values())
    assert together["auxiliary"].item() == pytest.approx(expected, rel=1e-5)


def test_l1_is_a_sum_over_boxes_divided_by_the_objects():
    logits, boxes, targets = random_case([1, 1], queries=1, seed=0)
    parts = box_losses(logits[None], boxes[None], targets, LossWeights())
    expected = 5 * sum((boxes[i, 0] - targets.boxes[i]).abs().sum().item() for i in range(2)) / 2
    assert parts["l1"].item() == pytest.approx(expected, rel=1e-5)


def test_no_objects_count_as_one_and_leave_the_class_part_alone():
    logits, boxes, targets = random_case([0, 0], queries=3, seed=0)
    parts = box_losses(logits[None], boxes[None], targets, LossWeights())
    assert object_count(targets) == 1
    assert parts["l1"] == parts["giou"] == 0
    assert parts["class"] > 0


def test_class_losses_of_several_processes_are_parts_of_the_joint_one(monkeypatch):
    """Images with few and with many objects: each process would else divide by its own weights."""
    logits, boxes, targets = random_case([1, 6], queries=8, seed=0)
    matches = match_queries(logits, boxes, targets)
    joint = _class_loss(logits, targets, matches, 0.1)
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    weights = [objects + 0.1 * (8 - objects) for objects in (1, 6)]
    parts = []
    for image in (0, 1):
        mine = targets.image == image
        own = Targets(targets.boxes[mine], targets.classes[mine], torch.zeros_like(targets.image[mine]))
        monkeypatch.setattr("torch.distributed.all_reduce", lambda sums, other=weights[1 - image]: sums.add_(other))
        place = slice(image, image + 1)
        parts.append(_class_loss(logits[place], own, match_queries(logits[place], boxes[place], own), 0.1))
    assert sum(parts).item() / 2 == pytest.approx(joint.item(), rel=1e-5)


def test_several_processes_divide_by_their_mean_number_of_objects(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda count: count.add_(5))  # the other process has five
    assert object_count(random_case([3], queries=4, seed=0)[2]) == 4
