import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

import pytest

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.label_files.safe_xml import parse_xml
from splitlab.data.open_dataset import open_dataset
from splitlab.data.reading import (
    _FILE_NAME,
    Crowds,
    HalfMasked,
    Reading,
    WithoutLabels,
    load_reading,
    printable,
    read_as,
    save_reading,
)
from splitlab.data.split import draw_split
from splitlab.errors import DataError, SplitError
from splitlab.geometry import empty_rle

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


def test_half_masked_images_may_stand_in_f_where_the_user_says_so():
    masked, boxed = ObjectLabel(0, (0, 0, 2, 2), empty_rle(5, 5)), ObjectLabel(0, (1, 1, 3, 3), None)
    images = tuple(
        ImageLabels(number, None, 5, 5, objects)
        for number, objects in enumerate([(masked,), (masked, boxed), (boxed,), (masked, replace(CROWD))])
    )
    part = Dataset("drawn", ("leaf",), (1,), images, "hash")
    data = TrainVal(part, part)
    assert [image.kind for image in data.train.images] == ["masks", "half_masked", "boxes", "masks"]
    with pytest.raises(SplitError, match=r"\|F\| = 3 is more than the 2 images"):
        draw_split(data.train, 3, 0, 0)
    accepted = read_as(data, Reading(half_masked=HalfMasked.FULL)).train
    assert [image.kind for image in accepted.images] == ["masks", "masks", "boxes", "masks"]
    assert [label.is_box_only for label in accepted.images[1].objects] == [False, True]
    assert set(draw_split(accepted, 3, 0, 0).full) == {0, 1, 3}
    assert accepted.source_hash == "hash"


def test_photos_outside_are_followed_only_from_the_folder_where_it_was_asked(tiny_folder, tmp_path):
    asked = shutil.copytree(tiny_folder, tmp_path / "asked")
    save_reading(asked, Reading(outside=Outside.FOLLOWED))
    assert load_reading(asked).outside == Outside.FOLLOWED
    # As in an archive that holds the file.
    copied = shutil.copytree(asked, tmp_path / "copied")
    assert (copied / _FILE_NAME).read_bytes() == (asked / _FILE_NAME).read_bytes()
    assert load_reading(copied).outside == Outside.REFUSED
    (copied / _FILE_NAME).write_text(json.dumps({"outside": "followed"}))
    with pytest.raises(DataError, match="is not a valid label reading"):
        load_reading(copied)


def test_what_was_saved_is_read_again_and_a_data_set_opens_so(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "tiny")
    reading = Reading(Crowds.OBJECTS, WithoutLabels.BACKGROUND)
    before = open_dataset(str(folder), tmp_path).train.source_hash
    assert save_reading(folder, reading) == folder / _FILE_NAME
    assert load_reading(folder) == reading
    assert open_dataset(str(folder), tmp_path).train.source_hash != before


def test_a_choice_for_a_copy_made_of_hard_links_leaves_the_original_alone(tmp_path):
    original, copy = (tmp_path / name for name in ("original", "copy"))
    original.mkdir()
    copy.mkdir()
    save_reading(original, Reading())
    (copy / _FILE_NAME).hardlink_to(original / _FILE_NAME)
    save_reading(copy, Reading(Crowds.OBJECTS))
    assert load_reading(original) == Reading()
    assert load_reading(copy) == Reading(Crowds.OBJECTS)


def test_a_printable_name_is_valid_xml():
    name = printable("".join(map(chr, range(0x20000))))
    assert parse_xml(tostring(Element("label", {"name": name})), Path("labels.xml")).get("name") == name


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
