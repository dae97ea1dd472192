"""No mask of W reaches a loss, whatever way it might take."""

from dataclasses import replace

import pytest
import torch

from splitlab.models.ultralytics.loss import _MaskGates
from tests.models.batches import make_batch, scramble, scramble_unknown, without_masks
from tests.models.ultralytics.passes import READ_MASKS, ROWS, in_their_order, loss_and_gradients, of_images, their_loss


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


def test_without_any_known_mask_every_parameter_still_has_a_gradient_for_other_processes_to_wait_for(model):
    batch = make_batch()
    unknown = replace(
        batch, has_mask=torch.zeros_like(batch.has_mask), object_has_mask=torch.zeros_like(batch.object_has_mask)
    )
    parts, gradients = loss_and_gradients(model, unknown)
    learnt = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert parts["mask"] == 0
    assert set(gradients) == learnt


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
    gates = _MaskGates.of(replace(batch, **rows))
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
