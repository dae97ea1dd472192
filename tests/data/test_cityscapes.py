import shutil
from pathlib import Path

import numpy as np
import pytest

from splitlab.data.formats.cityscapes import is_cityscapes_folder, read_cityscapes_folder
from splitlab.data.masks import with_masks
from splitlab.errors import DataError
from splitlab.geometry import rle_to_mask
from tests.data.trees import cityscapes_image, cityscapes_tree, street_indices, write

TRAIN_IDS = ("aachen_000000_000019", "aachen_000001_000019", "bremen_000000_000019")


@pytest.fixture
def folder(tmp_path):
    return cityscapes_tree(tmp_path / "cityscapes")


def read(folder, **more):
    return read_cityscapes_folder(folder, folder.parent / "index", **more)


def test_images_come_city_by_city_and_are_one_pool(folder):
    data = read(folder)
    assert data.format == data.train.name == "Cityscapes"
    assert tuple(image.image_id for image in data.train.images) == TRAIN_IDS
    assert data.train.paper_pools == (TRAIN_IDS,)
    assert [image.image_id for image in data.val.images] == ["ulm_000000_000019"]


def test_an_instance_has_the_class_of_its_thousands_and_its_masks_rectangle(folder):
    train = read(folder).train
    found = {(train.category_ids[label.class_index], label.box) for label in train.images[0].targets}
    assert found == {(26, (1, 2, 4, 5)), (24, (9, 7, 10, 8))}
    assert train.class_names[:3] == ("person", "rider", "car")
    assert train.category_ids == (24, 25, 26, 27, 28, 31, 32, 33)


def test_groups_become_crowds_and_other_classes_nothing(folder):
    image = read(folder).train.images[0]
    (group,) = [label for label in image.objects if label.is_crowd]
    assert (group.box, group.mask.value) == ((0, 0, 4, 2), 26)
    assert {label.mask.value for label in image.objects} == {26, 26001, 24000}
    assert image.can_be_full


def test_masks_are_read_from_the_instance_ids(folder):
    (image,) = with_masks(read(folder).val.images)
    for label, value in zip(image.objects, (26, 24000, 26001), strict=True):
        assert (rle_to_mask(label.mask) == (street_indices() == value)).all()


def test_a_street_without_instances_is_an_image_without_objects(folder):
    cityscapes_image(folder, "val", "ulm_000000_000019", np.full((8, 10), 7, np.uint16))
    assert read(folder).val.images[0].objects == ()


def test_the_index_spares_the_second_reading_and_the_hash_follows_the_masks(folder):
    told = []
    first = read(folder, progress=lambda *counts: told.append(counts))
    again = read(folder, progress=lambda *counts: told.append(counts))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert again == first
    hole = street_indices()
    hole[3, 2] = 7
    cityscapes_image(folder, "train", TRAIN_IDS[0], hole)
    changed = read(folder)
    assert changed.train.source_hash != first.train.source_hash
    assert changed.val.source_hash == first.val.source_hash


def test_missing_and_broken_labels_of_photos_are_named_and_the_others_are_read(folder):
    labels = folder / "gtFine/train"
    (labels / "bremen/bremen_000000_000019_gtFine_instanceIds.png").unlink()
    write(labels / "aachen/aachen_000001_000019_gtFine_instanceIds.png", "no image")
    train = read(folder).train
    assert [(Path(problem.file).name[:20], problem.what[:20]) for problem in train.problems] == [
        ("aachen_000001_000019", "the masks cannot be "),
        ("bremen_000000_000019", "the masks are missin"),
    ]
    assert [image.image_id for image in train.images] == ["aachen_000000_000019"]
    assert train.paper_pools == (("aachen_000000_000019",),)


def test_where_no_photo_has_labels_it_is_no_data_set(folder):
    shutil.rmtree(folder / "gtFine/train")
    with pytest.raises(DataError, match="No image can be read; the first of 3 problems"):
        read(folder)


@pytest.mark.parametrize("missing", ["leftImg8bit", "gtFine", "leftImg8bit/train", "leftImg8bit/val"])
def test_a_missing_part_is_answered_with_where_to_get_it(folder, missing):
    shutil.rmtree(folder / missing)
    assert is_cityscapes_folder(folder)
    with pytest.raises(DataError) as caught:
        read(folder)
    for part in (
        missing,
        "cityscapes-dataset.com",
        "leftImg8bit_trainvaltest.zip",
        "gtFine_trainvaltest.zip",
        str(folder),
    ):
        assert part in str(caught.value)


def test_the_test_set_and_litter_are_not_read(folder):
    write(folder / "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png", "a photo")
    write(folder / "leftImg8bit/train/aachen/._aachen_000000_000019_leftImg8bit.png", "litter")
    assert len(read(folder).train.images) == 3


def test_an_image_name_in_two_cities_is_named_and_read_once(folder):
    write(folder / "leftImg8bit/train/bremen/aachen_000000_000019_leftImg8bit.png", "a photo")
    train = read(folder).train
    assert [problem.what for problem in train.problems] == ["image aachen_000000_000019 is listed twice"]
    assert len(train.images) == 3
    assert train.by_id["aachen_000000_000019"].path.parent.name == "aachen"


def test_another_folder_is_not_taken_for_cityscapes(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "a\0b"):
        assert not is_cityscapes_folder(folder)
