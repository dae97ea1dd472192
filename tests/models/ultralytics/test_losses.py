"""The losses beside Ultralytics' own, and where ours differ."""

import math
from dataclasses import replace

import pytest
import torch

from splitlab.models.ultralytics.loss import CRITERION_SETTINGS, _ultralytics_labels
from tests.models.batches import make_batch
from tests.models.ultralytics.passes import READ_MASKS, ROWS, in_their_order, loss_and_gradients, their_loss


def test_where_all_images_have_masks_the_loss_is_ultralytics_own(model):
    batch = make_batch(has_mask=(True, True, True), objects_per_image=3, seed=4)
    ours = in_their_order(model.loss(batch))
    torch.testing.assert_close(ours, their_loss(model, batch), rtol=1e-6, atol=0)


def test_boxes_of_box_images_teach_as_ultralytics_does_without_masks(model, name):
    """Box, class and distance of a batch of box images are those of a detector that has never heard of masks."""
    from ultralytics.utils.loss import v8DetectionLoss

    from splitlab.models.ultralytics.upstream import E2ELoss

    batch = make_batch(has_mask=(False, False), objects_per_image=3, seed=2)
    is_yolo26 = name == "yolo26n-seg"
    detector = E2ELoss(model.network) if is_yolo26 else v8DetectionLoss(model.network)
    expected, _ = detector(model(batch.images), _ultralytics_labels(batch))
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
    assert _ultralytics_labels(batch)["sem_masks"].tolist() == [[[1, 0, 2], [2, 2, 2]]]
