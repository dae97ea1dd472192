from itertools import permutations

import pytest
import torch
from torchvision.ops import box_convert

from splitlab.models.detr.losses import Targets, match_queries
from tests.models.detr.small import make_batch


def random_case(image_counts, queries, seed):
    generator = torch.Generator().manual_seed(seed)
    count = sum(image_counts)
    boxes = torch.rand(count, 4, generator=generator) * 0.4 + 0.1
    image = torch.arange(len(image_counts)).repeat_interleave(torch.tensor(image_counts))
    targets = Targets(boxes, torch.randint(0, 4, (count,), generator=generator), image)
    logits = torch.randn(len(image_counts), queries, 5, generator=generator)
    predicted = torch.rand(len(image_counts), queries, 4, generator=generator) * 0.4 + 0.1
    return logits, predicted, targets


def giou(one, other):
    """GIoU of two boxes, centre and size, by hand."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = one, other
    across = min(ax + aw / 2, bx + bw / 2) - max(ax - aw / 2, bx - bw / 2)
    down = min(ay + ah / 2, by + bh / 2) - max(ay - ah / 2, by - bh / 2)
    shared = max(across, 0) * max(down, 0)
    union = aw * ah + bw * bh - shared
    hull = (max(ax + aw / 2, bx + bw / 2) - min(ax - aw / 2, bx - bw / 2)) * (
        max(ay + ah / 2, by + bh / 2) - min(ay - ah / 2, by - bh / 2)
    )
    return shared / union - (hull - union) / hull


def cost(logits, box, target_box, target_class):
    distance = sum(abs(a - b) for a, b in zip(box.tolist(), target_box.tolist(), strict=True))
    chance = logits.softmax(dim=0)[target_class].item()
    return 5 * distance - chance - 2 * giou(box.tolist(), target_box.tolist())


def pairs_of(matches):
    return {(int(i), int(q), int(t)) for i, q, t in zip(matches.image, matches.query, matches.target, strict=True)}


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_is_the_cheapest_of_all(seed):
    logits, boxes, targets = random_case([3, 0, 2], queries=4, seed=seed)
    expected = set()
    for image in range(3):
        rows = (targets.image == image).nonzero().flatten().tolist()
        best = min(
            permutations(range(4), len(rows)),
            key=lambda chosen: sum(
                cost(logits[image, query], boxes[image, query], targets.boxes[row], targets.classes[row])
                for query, row in zip(chosen, rows, strict=True)
            ),
        )
        expected |= {(image, query, row) for query, row in zip(best, rows, strict=True)}
    assert pairs_of(match_queries(logits, boxes, targets)) == expected


def test_a_perfect_prediction_is_matched_with_its_object():
    logits, _, targets = random_case([3], queries=3, seed=9)
    order = torch.tensor([2, 0, 1])
    matches = match_queries(logits * 0, targets.boxes[order][None], targets)
    assert torch.equal(matches.target, order[matches.query])


def test_where_objects_outnumber_queries_each_query_has_one():
    logits, boxes, targets = random_case([5], queries=3, seed=0)
    matches = match_queries(logits, boxes, targets)
    assert sorted(matches.query.tolist()) == [0, 1, 2]
    assert len(set(matches.target.tolist())) == 3


def test_objects_need_not_come_sorted_by_image():
    logits, boxes, targets = random_case([2, 3], queries=4, seed=3)
    order = torch.tensor([4, 0, 2, 1, 3])
    shuffled = Targets(targets.boxes[order], targets.classes[order], targets.image[order])
    found = {(i, q, int(order[t])) for i, q, t in pairs_of(match_queries(logits, boxes, shuffled))}
    assert found == pairs_of(match_queries(logits, boxes, targets))


def test_outputs_that_are_not_numbers_are_left_to_the_loss():
    logits, boxes, targets = random_case([2], queries=3, seed=0)
    assert len(match_queries(logits * float("nan"), boxes * float("nan"), targets).query) == 2


def test_targets_are_shares_of_the_image():
    batch = make_batch()
    targets = Targets.of(batch)
    assert torch.allclose(box_convert(targets.boxes, "cxcywh", "xyxy") * 64, batch.boxes, atol=1e-4)
