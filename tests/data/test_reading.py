import json
import os
import shutil
from dataclasses import replace

import pytest

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.open_dataset import open_dataset
from splitlab.data.reading import _FILE_NAME, Crowds, Reading, WithoutLabels, load_reading, read_as, save_reading
from splitlab.errors import DataError

CROWD = ObjectLabel(0, (1, 1, 3, 3), None, is_crowd=True)


@pytest.fixture
def data():
    images = tuple(
        ImageLabels(number, None, 5, 5, objects, state)
        for number, (objects, state) in enumerate(
            [((CROWD,), LabelState.WHOLE), ((), LabelState.NONE), ((), LabelState.BROKEN)]
        )
    )
    part = Dataset("drawn", ("leaf",), (1,), images, "hash")
    return TrainVal(part, part)


def test_without_a_word_crowds_are_regions_and_images_without_labels_are_not_labelled(data, tmp_path):
    assert load_reading(tmp_path) == Reading(Crowds.REGIONS, WithoutLabels.UNLABELLED)
    assert read_as(data, Reading()) is data


def test_crowds_become_targets_in_both_parts_and_change_the_hash(data):
    read = read_as(data, Reading(crowds=Crowds.OBJECTS))
    for part in (read.train, read.val):
        assert len(part.images[0].targets) == 1
        assert part.source_hash != "hash"
        assert part.images[1].state == LabelState.NONE


def test_images_without_labels_become_background_and_broken_ones_stay_broken(data):
    read = read_as(data, Reading(without_labels=WithoutLabels.BACKGROUND))
    for part in (read.train, read.val):
        assert [image.state for image in part.images] == [LabelState.WHOLE, LabelState.WHOLE, LabelState.BROKEN]
        assert part.images[0].objects[0].is_crowd
        assert part.source_hash == "hash"


def test_what_was_saved_is_read_again_and_a_data_set_opens_so(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "tiny")
    reading = Reading(Crowds.OBJECTS, WithoutLabels.BACKGROUND)
    before = open_dataset(str(folder), tmp_path).train.source_hash
    assert save_reading(folder, reading) == folder / _FILE_NAME
    assert load_reading(folder) == reading
    assert open_dataset(str(folder), tmp_path).train.source_hash != before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]" * 2,
        "7",
        "[" * 9_999,
        json.dumps({"crowds": "many"}),
        json.dumps({"crowds": ["objects"]}),
        json.dumps({"other": 1}),
        " " * 20_000,
    ],
)
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / _FILE_NAME).write_text(content)
    with pytest.raises(DataError, match=r"splitlab\.json"):
        load_reading(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written"):
        save_reading(tmp_path, Reading())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        save_reading(tmp_path / "gone", replace(Reading(), crowds=Crowds.OBJECTS))
