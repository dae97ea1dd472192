import hashlib

import pytest

from splitlab.data.coco_folder import read_coco_folder
from splitlab.data.synthetic import CLASS_NAMES, TRAIN_IMAGES, VAL_IMAGES, make_embedded
from splitlab.errors import DataError
from splitlab.geometry import rle_area


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_embedded(tmp_path_factory.mktemp("data") / "embedded")


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def test_equal_seeds_make_equal_bytes_and_others_do_not(folder, tmp_path):
    assert digest(make_embedded(tmp_path / "again")) == digest(folder)
    assert digest(make_embedded(tmp_path / "other", seed=1)) != digest(folder)


def test_a_folder_that_is_there_is_not_made_again(folder):
    before = (folder / "instances_train.json").stat().st_mtime_ns
    make_embedded(folder)
    assert (folder / "instances_train.json").stat().st_mtime_ns == before


def test_every_scene_has_objects_of_known_classes_with_masks_that_show(folder):
    data = read_coco_folder(folder)
    assert (len(data.train.images), len(data.val.images)) == (TRAIN_IMAGES, VAL_IMAGES)
    labels = [label for image in data.train.images for label in image.objects]
    assert {label.class_index for label in labels} == set(range(len(CLASS_NAMES)))
    assert all(rle_area(label.mask) >= 60 for label in labels)


def test_nothing_is_left_behind_where_the_folder_cannot_be_renamed(tmp_path, monkeypatch):
    def full_disk(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.rename", full_disk)
    with pytest.raises(DataError, match="No space left"):
        make_embedded(tmp_path / "data" / "embedded")
    assert list((tmp_path / "data").iterdir()) == []
