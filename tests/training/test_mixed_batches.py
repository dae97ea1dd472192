from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from splitlab.data.classes import masks_of_classes
from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.data.split import boxes_only
from splitlab.errors import DataError
from splitlab.geometry import mask_to_rle
from splitlab.runs.settings import AugmentationSettings
from splitlab.training import mixed_batches as photo_cache
from splitlab.training.mixed_batches import BatchSettings, MixedBatches, PhotoCache

AUGMENTED = AugmentationSettings(plain_tail=0.0)
STILL = AugmentationSettings(mosaic=0, plain_tail=0, hue=0, saturation=0, value=0, translate=0, scale=0, flip=0)
SETTINGS = BatchSettings(image_size=64, batch_size=6, f_size=2, steps=10, seed=3, augmentation=AUGMENTED)


def test_workers_share_the_memory_for_photos(tiny, monkeypatch):
    monkeypatch.setattr("splitlab.training.mixed_batches._MAX_BYTES", 4 * 64 * 64 * 3)
    kept = {}
    for workers in (1, 4):
        monkeypatch.setattr(
            "splitlab.training.mixed_batches.get_worker_info", lambda count=workers: SimpleNamespace(num_workers=count)
        )
        cache = PhotoCache(64)
        kept[workers] = sum(cache.get(labels) is cache.get(labels) for labels in tiny.train.images)
    assert kept == {1: 4, 4: 1}


def test_both_streams_keep_their_photos_in_one_memory(tiny, monkeypatch):
    monkeypatch.setattr("splitlab.training.mixed_batches._MAX_BYTES", 4 * 64 * 64 * 3)
    read = []
    load = photo_cache.load_labelled
    monkeypatch.setattr(photo_cache, "load_labelled", lambda labels: read.append(labels.path) or load(labels))
    images = tiny.train.images
    batches = MixedBatches(
        images[:3],
        images[3:6],
        replace(SETTINGS, batch_size=6, f_size=3, steps=1, augmentation=replace(AUGMENTED, mosaic=0.0)),
    )
    batches[0]
    first = len(read)
    batches[0]
    assert (first, len(read) - first) == (6, 2)


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(vars(first).values(), vars(second).values(), strict=True))


def scrambled(images):
    def other(label):
        return replace(label, mask=mask_to_rle(np.random.default_rng(0).random((64, 64)) > 0.5))

    return [replace(image, objects=tuple(other(label) for label in image.objects)) for image in images]


@pytest.fixture
def full(tiny):
    return list(tiny.train.images[:4])


@pytest.fixture
def weak(tiny):
    return list(tiny.train.images[4:])


@pytest.mark.parametrize("with_difficult", [True, False])
def test_box_images_have_their_difficult_objects_where_the_model_learns_them(weak, with_difficult):
    hard = [replace(image, objects=tuple(replace(o, is_difficult=True) for o in image.objects)) for image in weak]
    settings = replace(SETTINGS, with_difficult=with_difficult, augmentation=STILL)
    batch = MixedBatches([], hard, settings)[0]
    assert len(batch.boxes) == (len(MixedBatches([], weak, settings)[0].boxes) if with_difficult else 0)
    assert not batch.masks.any()
    assert not batch.object_has_mask.any()


def test_a_batch_holds_f_size_mask_images_and_box_images_for_the_rest(full, weak):
    batch = MixedBatches(full, weak, SETTINGS)[0]
    assert batch.has_mask.tolist() == [True, True, False, False, False, False]
    assert batch.images.shape == (6, 3, 64, 64)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("keep", "masked"), [("full", [True] * 6), ("weak", [False] * 6)])
def test_one_set_alone_fills_the_whole_batch(full, weak, keep, masked):
    batches = MixedBatches(full if keep == "full" else [], weak if keep == "weak" else [], SETTINGS)
    assert batches[0].has_mask.tolist() == masked


def test_masks_of_w_reach_no_batch_so_scrambling_them_changes_no_bit(full, weak):
    before, after = MixedBatches(full, weak, SETTINGS), MixedBatches(full, scrambled(weak), SETTINGS)
    assert all(equal(before[step], after[step]) for step in range(5))


def test_masks_of_other_classes_reach_no_batch_so_scrambling_them_changes_no_bit(tiny):
    def batches(images):
        data = replace(tiny, train=replace(tiny.train, images=tuple(images)))
        seen = masks_of_classes(data, ["disc"]).train.images
        return MixedBatches(seen[:6], seen[6:], SETTINGS)

    def squares_scrambled(image):
        return scrambled([image])[0] if image.objects[0].class_index == 0 else image

    before, after = batches(tiny.train.images), batches(map(squares_scrambled, tiny.train.images))
    discs = {1: True, 0: False}
    for step in range(5):
        assert equal(before[step], after[step])
        known = before[step].object_has_mask
        of_f = before[step].has_mask[before[step].image_index]
        wanted = torch.tensor([discs[int(index)] for index in before[step].classes], dtype=torch.bool)
        assert torch.equal(known, wanted & of_f)
        assert known.any()
        assert not before[step].masks[~known].any()


def test_masks_of_f_reach_the_batches(full, weak):
    before, after = MixedBatches(full, weak, SETTINGS), MixedBatches(scrambled(full), weak, SETTINGS)
    assert not equal(before[0], after[0])


def test_box_images_lose_their_masks_before_anything_reads_them(full):
    assert all(label.mask is None for label in boxes_only(full[0]).objects)


def test_the_batch_of_a_step_depends_on_seed_and_step_alone(full, weak):
    batches, again = MixedBatches(full, weak, SETTINGS), MixedBatches(full, weak, SETTINGS)
    for step in range(4):
        batches[step]
    assert equal(batches[7], again[7])
    assert not equal(batches[7], batches[8])
    assert not equal(batches[7], MixedBatches(full, weak, replace(SETTINGS, seed=4))[7])


def test_an_epoch_is_one_pass_over_f_while_w_cycles(full, weak, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "splitlab.training.mixed_batches.single_example", lambda labels, *_: seen.append(labels.image_id) or blank()
    )
    batches = MixedBatches(full, weak, replace(SETTINGS, augmentation=replace(AUGMENTED, plain_tail=1.0)))
    for step in range(4):
        batches[step]
    own = {image.image_id for image in full}
    assert Counter(image_id for image_id in seen if image_id in own) == dict.fromkeys(own, 2)
    assert Counter(image_id for image_id in seen if image_id not in own) == {i.image_id: 2 for i in weak}


def blank():
    from splitlab.training.mixed_batches import Example

    return Example(
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.bool_),
        np.zeros((0, 16, 16), np.uint8),
    )


def coloured(folder, colour, first_id):
    images = []
    for image_id in range(first_id, first_id + 5):
        path = folder / f"{image_id}.png"
        Image.new("RGB", (64, 48), colour).save(path)
        images.append(ImageLabels(image_id, path, 64, 48, (ObjectLabel(0, (5, 5, 40, 40), None),)))
    return images


def test_a_mosaic_never_mixes_mask_images_with_box_images(tmp_path):
    red, blue = coloured(tmp_path, (255, 0, 0), 1), coloured(tmp_path, (0, 0, 255), 11)
    batches = MixedBatches(red, blue, SETTINGS)
    for step in range(10):
        batch = batches[step]
        for image, has_mask in zip(batch.images, batch.has_mask, strict=True):
            reddish, blueish = image[0] > image[2] + 0.2, image[2] > image[0] + 0.2
            assert (reddish if has_mask else blueish).any()
            assert not (blueish if has_mask else reddish).any()


@pytest.mark.parametrize("plain_tail", [0.0, 1.0], ids=["mosaic", "single"])
def test_boxes_and_masks_move_with_the_pixels(tiny, plain_tail):
    batches = MixedBatches(
        tiny.train.images,
        [],
        replace(SETTINGS, augmentation=AugmentationSettings(plain_tail=plain_tail), image_size=128),
    )
    checked = 0
    for step in range(8):
        batch = batches[step]
        for box, mask, image_index in zip(batch.boxes, batch.masks.bool(), batch.image_index, strict=True):
            if mask.sum() < 30:
                continue
            left, top, right, bottom = (box / 4).tolist()
            rows, columns = np.flatnonzero(mask.any(dim=1)), np.flatnonzero(mask.any(dim=0))
            assert abs(columns[0] - left) < 1.6
            assert abs(columns[-1] + 1 - right) < 1.6
            assert abs(rows[0] - top) < 1.6
            assert abs(rows[-1] + 1 - bottom) < 1.6
            bright = torch.nn.functional.avg_pool2d(batch.images[image_index].max(dim=0).values[None], 4)[0]
            inside = mask & (torch.nn.functional.avg_pool2d(mask[None].float(), 3, 1, 1)[0] > 0.99)
            assert bright[inside].mean() > bright[~mask].mean() + 0.15
            checked += 1
    assert checked > 20


def test_without_changes_an_example_is_its_image(tiny):
    settings = replace(SETTINGS, batch_size=1, f_size=1, augmentation=STILL)
    image = tiny.train.images[0]
    batch = MixedBatches([image], [], settings)[3]
    photo = np.asarray(Image.open(image.path).convert("RGB")).transpose(2, 0, 1) / 255
    assert np.abs(batch.images[0].numpy() - photo).max() < 5 / 255  # what a trip to HSV and back rounds away
    assert batch.boxes.tolist() == [list(image.objects[0].box)]


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 30, 70), (1.0, 100, 100)])
def test_the_share_of_mosaics_is_as_set(full, monkeypatch, share, least, most):
    mosaics = []
    monkeypatch.setattr("splitlab.training.mixed_batches.single_example", lambda *_: blank())
    monkeypatch.setattr("splitlab.training.mixed_batches.mosaic_example", lambda *_: mosaics.append(1) or blank())
    batches = MixedBatches(full, [], replace(SETTINGS, batch_size=10, augmentation=replace(AUGMENTED, mosaic=share)))
    for step in range(10):
        batches[step]
    assert least <= len(mosaics) <= most


def test_a_photo_of_another_size_than_its_labels_say_is_named(tiny):
    wrong = replace(tiny.train.images[0], width=999)
    with pytest.raises(DataError, match=r"train_1\.png: the photo has 64 x 64 pixels, its labels say 999 x 64"):
        MixedBatches([wrong], [], SETTINGS)[0]
