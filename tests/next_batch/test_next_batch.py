import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from splitlab.budget.label_prices import LabelPrices
from splitlab.data.dataset import Dataset, ImageLabels, LabelState
from splitlab.data.selection.labelling_plan import plan_labelling, read_plan, write_plan
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.data.split import without_masks
from splitlab.errors import DataError, SettingsError, SplitError
from splitlab.evaluation.detections import ImageDetections
from splitlab.geometry import mask_to_rle
from splitlab.next_batch import batch, signs
from splitlab.next_batch.batch import AskedLabels, PhotoSource, next_batch
from splitlab.next_batch.photo_rows import RowKind
from splitlab.next_batch.strategies import STRATEGY_NAMES, Diversity, Random, strategy_named
from tests.checkpoints import write_checkpoint

PRICES = LabelPrices(7.0, 79.0, per_object=True)


def unlabelled(image):
    return replace(image, objects=(), state=LabelState.NONE)


@pytest.fixture
def source(tiny, tiny_folder, tmp_path):
    """Of 12 photos two have masks and three boxes; a copy of one of each kind, and of one without labels, is there."""
    root = tmp_path / "photos"
    shutil.copytree(tiny_folder, root)
    images = [replace(image, path=root / "images" / image.path.name) for image in tiny.train.images]
    images = [*images[:2], *map(without_masks, images[2:5]), *map(unlabelled, images[5:])]
    for number, place in enumerate((0, 2, 5)):
        path = root / "images" / f"copy_{number}.png"
        shutil.copy(images[place].path, path)
        images.append(replace(unlabelled(images[place]), image_id=100 + number, path=path))
    dataset = replace(tiny.train, images=tuple(images))
    checkpoints = tuple(
        write_checkpoint(tmp_path / f"model{number}", class_names=["square", "disc"]) for number in range(1)
    )
    return PhotoSource(dataset, root, tmp_path / "index", checkpoints)


@pytest.fixture
def seen(monkeypatch):
    """Models that see in each photo what its pixels decide, so that no two photos are alike to them."""

    def look(_checkpoints, dataset):
        def compute(photos):
            means = np.array([photo.mean() / 255 for photo in photos], np.float32)
            return np.stack([means, 1 - means, means * 3 % 1, means * 7 % 1], axis=1)

        return RowKind("seen", "look", 2 + len(dataset.class_names), 64, compute)

    monkeypatch.setattr(batch, "sign_rows", look)


@pytest.mark.parametrize("name", STRATEGY_NAMES)
@pytest.mark.parametrize("asked", [AskedLabels(2, 3), AskedLabels(4, 2, 2), AskedLabels(1, 0, 1), AskedLabels(0, 7)])
def test_a_batch_has_the_asked_size_no_near_duplicates_and_no_labels_twice(name, asked, source, seen):
    strategy = strategy_named(name, PRICES)
    found = next_batch(source, asked, strategy, seed=3)
    assert found == next_batch(source, asked, strategy, seed=3)
    by_id = source.dataset.by_id
    masks, boxes = found.plan.masks, found.plan.boxes
    assert (len(masks), len(boxes)) == (asked.masks, asked.boxes)
    assert [by_id[one].kind for one in masks].count("boxes") == asked.upgrades
    assert {by_id[one].kind for one in masks} <= {"unlabelled", "boxes"}
    assert {by_id[one].kind for one in boxes} <= {"unlabelled"}
    assert set(found.reasons) == {*masks, *boxes}
    # The copies of labelled photos, and one of the two without labels.
    assert {100, 101}.isdisjoint(found.reasons)
    assert len({102, source.dataset.images[5].image_id} & set(found.reasons)) <= 1
    left = {one.image_id for one in source.dataset.images if one.state == LabelState.NONE} - set(found.reasons)
    assert sorted(found.plan.leave) == sorted(left)


def test_no_box_photo_gets_masks_whose_near_duplicate_has_masks(source):
    images = list(source.dataset.images)
    images[-3] = replace(without_masks(images[0]), image_id=100, path=images[-3].path)
    copied = replace(source, dataset=replace(source.dataset, images=tuple(images)))
    found = next_batch(copied, AskedLabels(3, 0, 3), Random())
    assert sorted(found.plan.masks) == [3, 4, 5]
    with pytest.raises(SplitError, match=r"4 photos with boxes are to get masks, and 'tiny.*' has 3 "):
        next_batch(copied, AskedLabels(4, 0, 4), Random())


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**31))
def test_at_random_it_is_the_labelling_plan(masks, boxes, seed):
    assume(0 < masks + boxes <= 12)
    images = tuple(ImageLabels(n, Path(f"{n}.jpg"), 5, 5, (), LabelState.NONE) for n in range(12))
    dataset = Dataset("mine", ("thing",), (1,), images, "hash")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "find_near_duplicates", lambda *_: ())
        found = next_batch(PhotoSource(dataset, Path(), Path()), AskedLabels(masks, boxes), Random(), seed)
    assert found.plan == plan_labelling(dataset, masks, boxes, seed)


def test_with_near_duplicates_it_is_the_labelling_plan_too(source):
    groups = find_near_duplicates(source.dataset.images, source.root, source.index_dir)
    for seed in range(5):
        found = next_batch(source, AskedLabels(2, 3), Random(), seed)
        assert found.plan == plan_labelling(source.dataset, 2, 3, seed, groups)


def test_too_few_photos_are_refused_with_how_many_there_are(source):
    with pytest.raises(SplitError, match=r"8 photos without labels are asked for, and 'tiny.*' has 7 "):
        next_batch(source, AskedLabels(4, 4), Random())


def test_the_written_plan_has_the_chosen_photos_first_and_each_has_a_reason(source, tmp_path):
    found = next_batch(source, AskedLabels(2, 1), Diversity())
    table, whole = write_plan(tmp_path / "plan", found.plan, source.dataset, source.root)
    tasks = [row["task"] for row in csv.DictReader(table.read_text().splitlines())]
    ids = (*found.plan.masks, *found.plan.boxes, *found.plan.leave)
    assert [(task, found.reasons.get(image_id, "")) for task, image_id in zip(tasks, ids, strict=True)][:4] == [
        *[("draw masks", "unlike what is labelled")] * 2,
        ("draw boxes", "unlike what is labelled"),
        ("leave", ""),
    ]
    assert read_plan(whole) == found.plan


def test_a_photo_that_cannot_be_read_is_left_out_and_reported(source):
    bad = source.dataset.images[6]
    bad.path.write_bytes(b"")
    found = next_batch(source, AskedLabels(3, 3), Diversity())
    assert bad.image_id not in found.reasons
    assert [problem.file for problem in found.problems] == [str(bad.path)]
    with pytest.raises(SplitError, match=r"7 photos .* has 6 that can be read"):
        next_batch(source, AskedLabels(3, 4), Diversity())


def test_a_strategy_that_needs_a_model_says_so(source):
    with pytest.raises(SettingsError, match=r"gain-per-hour needs a model .* Give a checkpoint"):
        next_batch(replace(source, checkpoints=()), AskedLabels(1, 1), strategy_named("gain-per-hour", PRICES))
    nameless = replace(source, dataset=replace(source.dataset, class_names=(), images=source.dataset.images[5:]))
    with pytest.raises(DataError, match="has no classes yet"):
        next_batch(nameless, AskedLabels(1, 1), strategy_named("rarity", PRICES))


def test_a_real_model_is_asked_once(source, monkeypatch):
    first = next_batch(source, AskedLabels(2, 2), strategy_named("gain-per-hour", PRICES))
    monkeypatch.setattr(signs._Viewer, "look", lambda *_: pytest.fail("the rows are on disk"))
    assert next_batch(source, AskedLabels(2, 2), strategy_named("gain-per-hour", PRICES)) == first


@pytest.mark.parametrize(
    ("numbers", "said"), [((-1, 3), "-1 masks"), ((0, 0), "at least one"), ((1, 0, 2), "2 upgrades are more")]
)
def test_numbers_that_ask_for_nothing_are_refused(numbers, said):
    with pytest.raises(SettingsError, match=said):
        AskedLabels(*numbers)


def square(left, size=20, score=0.8, class_index=0):
    mask = np.zeros((40, 60), bool)
    mask[5 : 5 + size, left : left + size] = True
    return np.array([left, 5, left + size, 5 + size], np.float32), score, class_index, mask_to_rle(mask)


def detections(*objects):
    boxes, scores, classes, masks = zip(*objects, strict=True) if objects else ((), (), (), ())
    return ImageDetections(
        40,
        60,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
        tuple(masks),
    )


def test_signs_of_a_photo_by_hand():
    # One object seen twice with scores 0.8 and 0.5, shifted by 2 of 20 pixels: IoU 18/22. One seen once, 0.6.
    first, second = detections(square(0), square(30, score=0.6, class_index=1)), detections(square(2, score=0.5))
    row = signs._row([first, second], 2)
    assert row == pytest.approx([(0.3 + 0.6) / 2, 1 - 18 / 22, 1.0, 0.5])
    assert signs._row([detections(square(0)), detections(square(0, class_index=1))], 2).tolist() == [1, 0, 0.5, 0.5]
    assert signs._row([detections(), detections()], 2).tolist() == [0, 0, 0, 0]


def test_detections_in_a_mirror_image_are_turned_back():
    found = detections(square(3))
    turned = signs._mirrored(found)
    assert turned.boxes.tolist() == [[60 - 23, 5, 60 - 3, 25]]
    assert turned.masks == detections(square(37)).masks
