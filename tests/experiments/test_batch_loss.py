"""What each part of the loss sees of a fused batch, through the code that trains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from splitlab.data.split import draw_split
from splitlab.errors import SettingsError
from splitlab.families import LITE0
from splitlab.runs.spec import RunSpec
from splitlab.training.batch_loss import batch_images, look_at_batch
from splitlab.training.fused_batch import BatchImage, BatchLook, Scramble, changes_between
from splitlab.training.schedule import Stage
from splitlab.training.start import batches_of, starting_model

STEP = 1


@pytest.fixture(params=["yolov5n-seg", LITE0])
def spec(tiny_spec, request):
    # Every object stays in sight: each image of the batch has one.
    return tiny_spec.changed(model=request.param, mosaic=0.0, scale=0.0, translate=0.0)


@pytest.fixture
def split(tiny, spec):
    return draw_split(tiny.train, spec.data.full, spec.data.weak, spec.seed)


def test_the_mask_part_says_exactly_nothing_about_images_of_w_and_the_other_parts_see_every_image(tiny, spec, split):
    look = look_at_batch(spec, split, tiny.train, STEP)
    assert [image.has_mask for image in look.images] == [True, True, False, False]
    assert look.unmoved("mask") == (2, 3)
    for part in ("box", "objectness", "class"):
        assert look.unmoved(part) == ()


def test_scrambled_masks_of_w_change_no_bit_though_the_batch_holds_them(tiny, spec, split):
    before = look_at_batch(spec, split, tiny.train, STEP)
    after = look_at_batch(spec, split, tiny.train, STEP, Scramble.WEAK)
    changes = changes_between(before, after)
    assert changes.are_none
    assert changes.parameters > 100
    assert after.scrambled == 2
    assert [bool(image.masks.any()) for image in before.images] == [True, True, False, False]
    assert all(image.masks.any() for image in after.images)


def test_one_scrambled_mask_of_f_changes_the_mask_part_of_its_own_image_alone(tiny, spec, split):
    before = look_at_batch(spec, split, tiny.train, STEP)
    after = look_at_batch(spec, split, tiny.train, STEP, Scramble.FULL)
    changes = changes_between(before, after)
    largest = max(
        range(2), key=lambda place: np.prod(before.images[place].boxes[0, 2:] - before.images[place].boxes[0, :2])
    )
    assert after.scrambled == 1
    assert changes.losses == ("mask",)
    assert changes.pulls == {("mask", largest)}
    assert len(changes.gradients) > 100


def test_the_look_has_the_losses_of_the_model_at_the_start_of_the_run(tiny, spec, split):
    model, batch = start(tiny, spec, split)
    look = look_at_batch(spec, split, tiny.train, STEP)
    assert look.losses == {name: part.item() for name, part in model.train().loss(batch).items()}
    shown = batch_images(spec, split, tiny.train, STEP)
    assert torch.equal(torch.from_numpy(np.concatenate([image.boxes for image in shown])), batch.boxes)


def test_dividing_by_the_batch_size_is_what_the_mask_images_one_by_one_add_up_to(tiny, spec, split):
    model, batch = start(tiny, spec, split)
    alone = []
    for place in (0, 1):
        one = replace(batch, has_mask=torch.arange(4) == place)
        alone.append(model.train().loss(one)["mask"].item() / 4)
    look = look_at_batch(spec, split, tiny.train, STEP)
    assert look.per_image["mask"] == pytest.approx(sum(alone) / 2, rel=1e-5)
    assert look.mask_over_batch == pytest.approx(sum(alone) / 4, rel=1e-5)


def test_a_mask_loss_of_24_over_eight_images_is_3_an_image_and_with_two_of_f_a_quarter_of_that_over_the_batch():
    blank = BatchImage(
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        np.zeros((0, 2, 2), bool),
        False,
    )
    images = (*[replace(blank, has_mask=True)] * 2, *[blank] * 6)
    look = BatchLook(images, {"mask": 24.0}, {"mask": 0.05}, {"mask": (1.0,) * 8}, {}, 0)
    assert look.per_image == {"mask": 3.0}
    assert look.mask_over_batch == 0.75


def test_without_w_all_images_feed_the_mask_part_and_there_is_nothing_of_w_to_scramble(tiny, spec):
    alone = spec.changed(weak=0)
    split = draw_split(tiny.train, alone.data.full, 0, 0)
    look = look_at_batch(alone, split, tiny.train, STEP, Scramble.WEAK)
    assert look.unmoved("mask") == ()
    assert look.mask_over_batch == look.per_image["mask"]
    assert look.scrambled == 0


def test_a_run_that_learns_boxes_and_masks_one_after_the_other_has_no_mixed_batch(tiny, tiny_spec):
    spec = RunSpec.of(tiny_spec.data.source, 4, 6, model="detr-lite0-few", image_size=64, steps=4, mask_steps=2)
    with pytest.raises(SettingsError, match="trains boxes first, then masks"):
        batch_images(spec, draw_split(tiny.train, 4, 6, 0), tiny.train, 0)


def start(tiny, spec, split):
    full, weak = tiny.train.select(split.full), tiny.train.select(split.weak)
    model, _ = starting_model(spec, tiny.train.class_names, [*full, *weak])
    return model, batches_of(Stage("", 0, spec), full, weak)[STEP]
