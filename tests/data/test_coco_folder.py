import shutil
from pathlib import Path

import pytest

from splitlab.data.formats.coco.files import is_coco_folder
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.open_dataset import dataset_names, open_dataset
from splitlab.errors import DataError


def test_train_and_val_are_found_in_the_folder(tiny_folder):
    data = read_coco_folder(tiny_folder)
    assert (len(data.train.images), len(data.val.images)) == (12, 4)
    assert all(image.path.is_file() for image in data.train.images)


def test_without_labels_for_val_there_is_no_val_part(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "mine", ignore=shutil.ignore_patterns("instances_val.json"))
    data = read_coco_folder(tmp_path / "mine")
    assert not data.has_val
    assert len([image for image in data.train.images if image.objects]) == 12


def test_without_labels_the_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path} has no COCO labels for train"):
        read_coco_folder(tmp_path)


def test_subsets_may_be_written_with_a_capital_and_the_place_may_be_a_dot(tiny_folder, tmp_path, monkeypatch):
    for path in tiny_folder.iterdir():
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, tmp_path / path.name.replace("_t", "_T").replace("_v", "_V"))
    monkeypatch.chdir(tmp_path)
    assert read_coco_folder(Path()).train.name == tmp_path.name


def test_photos_behind_a_link_out_of_the_folder_are_read_only_if_asked(tiny_folder, tmp_path):
    for path in tiny_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    with pytest.raises(DataError, match=r"points outside .* --outside followed"):
        read_coco_folder(tmp_path)
    assert read_coco_folder(tmp_path, Outside.FOLLOWED).train.images[0].path.is_file()


def test_a_folder_in_the_work_space_that_is_no_data_set_is_not_said_to_be_missing(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="mine is not a dataset of a known format"):
        open_dataset("mine", tmp_path)


def test_a_folder_in_the_work_space_is_known_by_its_name(tiny_folder, tmp_path):
    (tmp_path / "shapes").symlink_to(tiny_folder)
    (tmp_path / "empty").mkdir()
    assert dataset_names(tmp_path) == ["embedded", "shapes"]
    assert is_coco_folder(tmp_path / "shapes")
    assert open_dataset("shapes", tmp_path).train.source_hash == read_coco_folder(tiny_folder).train.source_hash


def test_a_name_that_is_nowhere_is_answered_with_what_to_give(tmp_path):
    with pytest.raises(DataError, match="Give a dataset's folder"):
        open_dataset("nowhere", tmp_path)
