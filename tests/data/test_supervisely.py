import unicodedata
import zlib

import numpy as np
import pytest

from splitlab.data.dataset import LabelState
from splitlab.data.formats.supervisely import is_supervisely_folder, read_supervisely_folder
from splitlab.errors import DataError
from splitlab.geometry import rle_area, rle_to_mask
from tests.data.label_trees import (
    SQUARE,
    base64_text,
    bitmap,
    patch,
    photo,
    placed,
    png,
    supervisely_json,
    supervisely_object,
    supervisely_tree,
    write_json,
)


def read_one(root, *objects):
    photo(root / "ds" / "img" / "a.png")
    write_json(root / "ds" / "ann" / "a.png.json", supervisely_json(*objects))
    data = read_supervisely_folder(root)
    return data.train.images[0], data.train.problems


def test_a_project_is_read_with_holes_boxes_bitmaps_and_background(tmp_path):
    data = read_supervisely_folder(supervisely_tree(tmp_path))
    first, second, third = data.train.images
    assert data.train.problems == ()
    assert data.train.class_names == ("dog", "cat")  # in the order of meta.json
    polygon, rectangle, dog = first.objects
    assert rle_area(polygon.mask) == 30 * 20 - 10 * 10
    assert not rle_to_mask(polygon.mask)[20, 25]
    # Corners are the first and the last pixel.
    assert (rectangle.box, rectangle.mask) == ((10, 10, 40, 30), None)
    assert (rle_to_mask(dog.mask) == placed(patch(), 3, 4)).all()
    assert (dog.box, dog.class_index) == ((3, 4, 9, 9), 0)
    assert (second.objects, second.state) == ((), LabelState.WHOLE)
    assert third.state == LabelState.NONE


def test_one_dataset_of_a_project_and_a_project_in_a_folder_are_read_too(tmp_path):
    supervisely_tree(tmp_path / "project")
    assert is_supervisely_folder(tmp_path / "project" / "ds1")
    assert is_supervisely_folder(tmp_path)
    assert len(read_supervisely_folder(tmp_path / "project" / "ds1").train.images) == 3
    assert read_supervisely_folder(tmp_path).train.class_names == ("dog", "cat")


def test_datasets_called_train_and_val_are_the_parts(tmp_path):
    supervisely_tree(tmp_path)
    (tmp_path / "ds1").rename(tmp_path / "val")
    photo(tmp_path / "train" / "img" / "t.png")
    write_json(tmp_path / "train" / "ann" / "t.png.json", supervisely_json())
    data = read_supervisely_folder(tmp_path)
    assert (len(data.train.images), len(data.val.images)) == (1, 3)


def test_pictures_of_masks_beside_the_photos_are_not_photos(tmp_path):
    supervisely_tree(tmp_path)
    photo(tmp_path / "ds1" / "masks_machine" / "a.png")
    assert len(read_supervisely_folder(tmp_path).train.images) == 3


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA"])
def test_bitmaps_are_read_in_each_kind_of_png_compressed_or_not(tmp_path, mode):
    raw = png(patch(), mode)
    entries = [bitmap(patch(), 3, 4), bitmap(patch(), 3, 4)]
    entries[0]["bitmap"]["data"] = base64_text(zlib.compress(raw))
    entries[1]["bitmap"]["data"] = base64_text(raw)
    image, problems = read_one(tmp_path, *entries)
    assert problems == ()
    assert all((rle_to_mask(label.mask) == placed(patch(), 3, 4)).all() for label in image.objects)


def test_a_bitmap_that_reaches_beyond_the_image_is_cut_off(tmp_path):
    image, problems = read_one(tmp_path, bitmap(patch(), -2, 57))
    assert problems == ()
    assert (rle_to_mask(image.objects[0].mask) == placed(patch(), -2, 57)).all()


def test_classes_may_be_stated_by_their_numbers(tmp_path):
    write_json(tmp_path / "meta.json", {"classes": [{"id": 7, "title": "dog"}, {"id": 8, "title": "cat"}]})
    entry = supervisely_object("polygon", SQUARE)
    del entry["classTitle"]
    photo(tmp_path / "ds" / "img" / "a.png")
    write_json(tmp_path / "ds" / "ann" / "a.png.json", supervisely_json(entry | {"classId": 8}))
    data = read_supervisely_folder(tmp_path)
    assert data.train.class_names[data.train.images[0].objects[0].class_index] == "cat"


def test_old_files_that_are_called_without_the_ending_of_the_photo_are_read(tmp_path):
    supervisely_tree(tmp_path)
    (tmp_path / "ds1" / "ann" / "a.png.json").rename(tmp_path / "ds1" / "ann" / "a.json")
    data = read_supervisely_folder(tmp_path)
    assert (data.train.problems, len(data.train.images[0].objects)) == ((), 3)


def test_points_and_lines_are_one_problem(tmp_path):
    image, (problem,) = read_one(
        tmp_path, supervisely_object("polyline", SQUARE), supervisely_object("point", SQUARE[:1])
    )
    assert "2 of its shapes (polyline, point) are neither boxes nor areas" in str(problem)
    assert image.state == LabelState.BROKEN


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (bitmap(patch(), 3, 4) | {"bitmap": {"origin": [3, 4], "data": "AAAA"}}, "its mask cannot be unpacked"),
        (bitmap(patch(), 3, 4) | {"bitmap": {"origin": [3], "data": base64_text(png(patch()))}}, "not enough values"),
        (bitmap(np.ones((200, 200), bool), 0, 0), "200 x 200 pixels, larger than its image"),
        (supervisely_object("polygon"), "it has no points"),
        (supervisely_object("polygon", [["x", 1]]), "could not convert"),
        (supervisely_object("polygon", SQUARE) | {"classTitle": ""}, "object 2 cannot be read (KeyError"),
        ({"classTitle": "cat"}, "KeyError"),
        (None, "object 2 cannot be read"),
    ],
)
def test_a_broken_object_is_reported_and_the_others_are_read(tmp_path, entry, message):
    image, (problem,) = read_one(tmp_path, supervisely_object("polygon", SQUARE), entry)
    assert "a.png.json: object 2 cannot be read" in str(problem)
    assert message in str(problem)
    assert len(image.objects) == 1


def test_a_bitmap_that_unpacks_to_gigabytes_is_refused_before_it_is_in_memory(tmp_path):
    bomb = base64_text(zlib.compress(bytes(50_000_000), 9))
    entry = bitmap(patch(), 3, 4) | {"bitmap": {"origin": [3, 4], "data": bomb}}
    _, (problem,) = read_one(tmp_path, entry)
    assert "its mask is over 138,400 bytes large" in str(problem)


def test_a_broken_meta_file_is_reported_and_the_labels_are_read(tmp_path):
    supervisely_tree(tmp_path)
    write_json(tmp_path / "meta.json", {"classes": [{"name": "dog"}]})
    data = read_supervisely_folder(tmp_path)
    assert "meta.json: its classes cannot be read" in str(data.train.problems[0])
    assert data.train.class_names == ("cat", "dog")


def test_a_folder_without_labels_is_refused(tmp_path):
    write_json(tmp_path / "meta.json", {"classes": []})
    with pytest.raises(DataError, match="has no JSON files in a folder called ann"):
        read_supervisely_folder(tmp_path)
    assert not is_supervisely_folder(tmp_path)


def test_names_with_accents_belong_together_in_both_of_unicodes_forms(tmp_path):
    decomposed, composed = (unicodedata.normalize(form, "é") for form in ("NFD", "NFC"))
    photo(tmp_path / "img" / f"{decomposed}.png")
    write_json(tmp_path / "ann" / f"{composed}.json", supervisely_json(supervisely_object("polygon", SQUARE)))
    assert [len(image.objects) for image in read_supervisely_folder(tmp_path).train.images] == [1]
