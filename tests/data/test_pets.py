import numpy as np
import pytest

from splitlab.data.formats.pets import is_pets_folder, read_pets_folder
from splitlab.data.masks import with_masks
from splitlab.errors import DataError
from splitlab.geometry import rle_to_mask
from tests.data.trees import pets_tree, trimap, write, write_indices


@pytest.fixture
def folder(tmp_path):
    return pets_tree(tmp_path / "oxford-iiit-pet")


def read(folder):
    return read_pets_folder(folder, folder.parent / "index")


def test_trainval_is_train_and_test_is_val_and_breeds_are_ordered_by_class_id(folder):
    data = read(folder)
    assert data.format == data.train.name == "Oxford-IIIT Pet"
    assert data.train.class_names == ("Abyssinian", "Bengal", "beagle", "american_bulldog")
    assert data.train.category_ids == (1, 2, 3, 11)
    for dataset, names in (
        (data.train, ["Bengal_7", "beagle_3"]),
        (data.val, ["Abyssinian_12", "american_bulldog_10"]),
    ):
        assert [image.image_id for image in dataset.images] == names
        for image in dataset.images:
            breed = dataset.class_names[image.objects[0].class_index]
            assert image.image_id.startswith(breed)


def test_the_animal_is_value_one_and_the_band_around_it_belongs_to_nobody(folder):
    image = next(with_masks(read(folder).train.images))
    (animal,) = image.objects
    assert animal.box == (3, 2, 7, 6)
    assert (rle_to_mask(animal.mask) == (trimap() == 1)).all()
    assert (image.width, image.height) == (10, 8)


def test_a_photo_whose_animal_nobody_outlined_is_left_out(folder):
    write_indices(folder / "annotations/trimaps/beagle_3.png", np.full((8, 10), 2, np.uint8))
    data = read(folder)
    assert [image.image_id for image in data.train.images] == ["Bengal_7"]
    assert "beagle" in data.train.class_names


def test_a_mask_that_is_no_trimap_is_named(folder):
    write_indices(folder / "annotations/trimaps/beagle_3.png", np.full((8, 10), 255, np.uint8))
    train = read(folder).train
    assert [problem.what for problem in train.problems] == [
        "is not a trimap: it has the value 255, not 1, 2 and 3 only"
    ]
    assert train.problems[0].file.endswith("beagle_3.png")
    assert [image.image_id for image in train.images] == ["Bengal_7"]


def test_a_missing_trimap_is_named(folder):
    (folder / "annotations/trimaps/beagle_3.png").unlink()
    train = read(folder).train
    assert train.problems[0].file.endswith("beagle_3.png")
    assert train.problems[0].what.startswith("the masks are missing")
    assert [image.image_id for image in train.images] == ["Bengal_7"]


def test_litter_is_ignored(folder):
    whole = read(folder)
    write(folder / "annotations/trimaps/._beagle_3.png", "litter")
    write(folder / "images/._beagle_3.jpg", "litter")
    assert read(folder) == whole


def test_the_hash_follows_the_trimaps(folder):
    before = read(folder)
    smaller = trimap()
    smaller[4, 4] = 3
    write_indices(folder / "annotations/trimaps/beagle_3.png", smaller)
    after = read(folder)
    assert after.train.source_hash != before.train.source_hash
    assert after.val.source_hash == before.val.source_hash


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("test.txt", "", "lists no images"),
        ("test.txt", "../../Bengal_7 2 1 1", "is not an image name"),
        ("test.txt", "Bengal_7", "a line is not 'NAME CLASS_ID"),
        ("test.txt", "Bengal_7 two 1 1", "a line is not 'NAME CLASS_ID"),
        ("test.txt", "Bengal_7 3 1 1", "Bengal_7 has class 3"),
        ("test.txt", "Bengal_7 99 1 1", "Bengal_7 has class 99"),
    ],
)
def test_a_broken_list_gets_one_sentence_that_names_it(folder, name, content, says):
    write(folder / "annotations" / name, content)
    with pytest.raises(DataError) as caught:
        read(folder)
    assert says in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("trainval.txt", "Bengal_7 2 1 1", "image Bengal_7 is listed twice"),
        ("trainval.txt", "beagle_4 two 1 1", "a line is not 'NAME CLASS_ID"),
        ("trainval.txt", "beagle_4", "a line is not 'NAME CLASS_ID"),
        ("trainval.txt", "Bengal_8 3 1 1", "Bengal_8 has class 3"),
        ("trainval.txt", "../Bengal_8 2 1 1", "is not an image name"),
        ("trainval.txt", "Bengal_8 2 1 1", "the masks are missing"),
        ("list.txt", "beagle_9 2 1 1\nBengal_8 2 1 1", "class 2 is Bengal and beagle"),
    ],
)
def test_an_odd_line_is_named_and_the_others_are_read(folder, name, line, says):
    path = folder / "annotations" / name
    path.write_text(f"{path.read_text()}\n{line}\n")
    train = read(folder).train
    assert [says in problem.what for problem in train.problems] == [True]
    assert [image.image_id for image in train.images] == ["Bengal_7", "beagle_3"]


@pytest.mark.parametrize("missing", ["list.txt", "test.txt"])
def test_a_missing_list_is_named(folder, missing):
    (folder / "annotations" / missing).unlink()
    with pytest.raises(DataError, match=f"{missing}: the file is missing"):
        read(folder)


def test_the_folder_may_be_given_by_one_that_holds_it(folder):
    assert is_pets_folder(folder)
    assert is_pets_folder(folder.parent)
    assert read(folder.parent).train.source_hash == read(folder).train.source_hash


def test_another_folder_is_not_taken_for_pets(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "a\0b"):
        assert not is_pets_folder(folder)
    with pytest.raises(DataError, match=r"Unpack images\.tar\.gz and annotations\.tar\.gz"):
        read(tmp_path)
