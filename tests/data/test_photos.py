"""Folders of photos: what is read, and what is reported because it may be labels."""

import pytest
from PIL import Image

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.photos import is_photo_folder, read_photo_folder
from splitlab.data.images import decode_size, unread_photo
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import DataError, ImageError


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)
    return path


@pytest.mark.parametrize("place", ["a.JPG", "x/a.jpg", "x/y/a.jpg"])
def test_photos_are_found_up_to_two_levels_deep(tmp_path, place):
    photo(tmp_path / place)
    photo(tmp_path / "z" / "b.png")
    assert is_photo_folder(tmp_path)
    train = read_photo_folder(tmp_path).train
    assert ([image.state for image in train.images], train.problems) == ([LabelState.NONE] * 2, ())


def test_files_that_may_be_labels_of_an_unknown_format_are_reported(tmp_path):
    photo(tmp_path / "a.jpg")
    for name in ("a.json", "b.json", "c.csv", "README.txt", "LICENSE.txt"):
        (tmp_path / name).write_text("{}")
    (problem,) = read_photo_folder(tmp_path).train.problems
    assert (
        problem.what == "has files that are no labels of a known format: 2 with .json and 1 with .csv, such as a.json"
    )


@pytest.mark.parametrize("mask", ["masks/a.png", "train/masks/a_mask.png", "SegmentationClass/a.png", "labels/A.png"])
def test_pictures_of_masks_are_no_photos_and_are_reported(tmp_path, mask):
    photo(tmp_path / "images" / "a.jpg")
    photo(tmp_path / mask)
    train = read_photo_folder(tmp_path).train
    assert [image.path.name for image in train.images] == ["a.jpg"]
    assert ["masks are not read" in problem.what for problem in train.problems] == [True]


def test_photos_in_a_folder_that_is_called_as_one_of_masks_stay_photos(tmp_path):
    photo(tmp_path / "masked people" / "a.jpg")
    photo(tmp_path / "b.jpg")
    assert len(read_photo_folder(tmp_path).train.images) == 2


def test_photos_of_phones_and_cameras_that_cannot_be_read_are_counted(tmp_path):
    photo(tmp_path / "a.jpg")
    for name in ("b.HEIC", "c.heic", "d.cr2"):
        (tmp_path / name).write_bytes(b"x")
    (problem,) = read_photo_folder(tmp_path).train.problems
    assert (problem.kind, problem.what[:24]) == (ProblemKind.PHOTO_UNREADABLE, "3 photos are HEIC or raw")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0\x18ftypheic" + b"\0" * 64, "it is HEIC, which is not supported: save it as JPEG"),
        (b"\n<!DOCTYPE html><html>404", "it is a web page, perhaps of a failed download"),
        (b"<HTML>", "it is a web page"),
        (b"text", "it is not a readable image"),
    ],
)
def test_the_problem_of_a_photo_says_what_it_is_instead(tmp_path, content, says):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        decode_size(tmp_path / "a.jpg")
    assert f"the photo cannot be read ({says}" in unread_photo(tmp_path / "a.jpg", caught.value).what


def test_a_dataset_may_lie_in_a_folder_beside_texts_about_it(tmp_path):
    photo(tmp_path / "set" / "pond" / "images" / "train" / "a.jpg")
    (tmp_path / "set" / "pond" / "data.yaml").write_text("train: images/train\nnames: [cat]\n")
    for name in ("README.txt", "LICENSE", "paper.pdf", "desktop.ini"):
        (tmp_path / "set" / name).write_text("x")
    data = open_dataset(str(tmp_path / "set"), tmp_path)
    assert (data.format, data.train.name) == ("YOLO", "set")


def test_archives_in_a_folder_are_to_be_unpacked_first(tmp_path):
    (tmp_path / "dataset.ZIP").write_bytes(b"x")
    with pytest.raises(DataError, match=r"It has files: 1 with \.zip\. Unpack the archives in it first\."):
        open_dataset(str(tmp_path), tmp_path)
