"""VOC annotations of other tools than PASCAL's: one's own classes, lists and masks."""

import numpy as np
import pytest
from PIL import Image

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.voc import is_voc_folder, read_voc_folder
from splitlab.data.formats.voc_xml import is_voc_xml_folder, read_voc_xml_folder
from splitlab.data.masks import read_mask
from splitlab.errors import DataError
from splitlab.geometry import polygons_to_rle, rle_to_mask
from tests.data.trees import HEIGHT, WIDTH, voc_object, voc_xml, write

SCRATCH = voc_object("scratch", 2, 2, 4, 4)
DENT = voc_object("dent", 6, 3, 9, 8)
# The colours of 0, 1, 2 and of the border in VOC's palette.
PALETTE = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0), (224, 224, 192)], np.uint8)


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(path)


def labelled(root, name, *objects, photo_name=None, **size):
    photo(root / (photo_name or f"{name}.jpg"))
    write(root / f"{name}.xml", voc_xml(*objects, **size))


def coloured_masks(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.zeros((HEIGHT, WIDTH), int)
    numbers[0:5, 0:5] = 3
    numbers[1:4, 1:4] = 1
    numbers[2:8, 5:9] = 2
    Image.fromarray(PALETTE[numbers]).save(path)


def test_labels_beside_the_photos_are_read_with_classes_of_ones_own(tmp_path):
    labelled(tmp_path, "a", SCRATCH, DENT)
    labelled(tmp_path, "b")
    photo(tmp_path / "c.jpg")
    assert is_voc_xml_folder(tmp_path)
    data = read_voc_xml_folder(tmp_path)
    assert (data.format, data.has_val, data.train.class_names) == ("VOC XML", False, ("dent", "scratch"))
    states = {image.image_id: (image.state, len(image.objects)) for image in data.train.images}
    assert states == {"a": (LabelState.WHOLE, 2), "b": (LabelState.WHOLE, 0), "c": (LabelState.NONE, 0)}
    assert [label.box for label in data.train.by_id["a"].objects] == [(1, 1, 4, 4), (5, 2, 9, 8)]


def test_parts_come_from_folders_or_from_lists(tmp_path):
    labelled(tmp_path / "roboflow" / "train", "a", SCRATCH)
    labelled(tmp_path / "roboflow" / "valid", "a", SCRATCH)
    labelled(tmp_path / "roboflow" / "test", "a", SCRATCH)
    data = read_voc_xml_folder(tmp_path / "roboflow")
    assert [image.path.parent.name for part in (data.train, data.val) for image in part.images] == ["train", "valid"]
    assert data.notes == ("The test part (1 images) is not used.",)
    root = tmp_path / "cvat"
    for name in ("a", "my photo (1)"):
        photo(root / "JPEGImages" / f"{name}.png")
        write(root / "Annotations" / f"{name}.xml", voc_xml(SCRATCH))
    write(root / "ImageSets" / "Main" / "train.txt", "a\n")
    write(root / "ImageSets" / "Main" / "val.txt", "my photo (1)\n")
    data = read_voc_xml_folder(root)
    assert [image.path.name for part in (data.train, data.val) for image in part.images] == [
        "a.png",
        "my photo (1).png",
    ]


@pytest.mark.parametrize("size", [{"width": 0, "height": 0}, {"width": "", "height": ""}])
def test_a_size_that_is_not_stated_is_that_of_the_photo(tmp_path, size):
    labelled(tmp_path, "a", SCRATCH, **size)
    (image,) = read_voc_xml_folder(tmp_path).train.images
    assert (image.width, image.height) == (WIDTH, HEIGHT)


def test_coloured_masks_are_those_of_the_objects_in_their_order(tmp_path):
    photo(tmp_path / "JPEGImages" / "a.jpg")
    write(tmp_path / "Annotations" / "a.xml", voc_xml(SCRATCH, DENT))
    coloured_masks(tmp_path / "SegmentationObject" / "a.png")
    write(tmp_path / "labelmap.txt", "# label:color:parts:actions\nbackground:0,0,0::\nscratch:1,2,3::\ndent:4,5,6::\n")
    train = read_voc_xml_folder(tmp_path).train
    assert train.class_names == ("scratch", "dent")
    masks = [rle_to_mask(read_mask(label.mask)) for label in train.images[0].objects]
    assert [int(mask.sum()) for mask in masks] == [9, 24]
    assert masks[0][1:4, 1:4].all()


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}])
def test_the_layout_of_voc_with_other_classes_keeps_its_lists(tmp_path, size):
    for name in ("a", "b", "c", "d"):
        photo(tmp_path / "JPEGImages" / f"{name}.jpg")
        write(tmp_path / "Annotations" / f"{name}.xml", voc_xml(SCRATCH, DENT, **size))
        coloured_masks(tmp_path / "SegmentationObject" / f"{name}.png")
    for name, lines in {"Segmentation/train": "a\nb", "Segmentation/val": "c", "Main/trainval": "a\nb\nc\nd"}.items():
        write(tmp_path / "ImageSets" / f"{name}.txt", lines)
    assert is_voc_folder(tmp_path)
    data = read_voc_folder(tmp_path)
    assert [image.image_id for image in data.val.images] == ["JPEGImages/c"]
    assert {image.path.stem: image.can_be_full for image in data.train.images} == {"a": True, "b": True, "d": False}


def test_an_annotation_without_a_photo_is_named_and_the_others_are_read(tmp_path):
    labelled(tmp_path, "a", SCRATCH)
    write(tmp_path / "gone.xml", voc_xml(SCRATCH))
    train = read_voc_xml_folder(tmp_path).train
    assert [image.image_id for image in train.images] == ["a"]
    assert [problem.file for problem in train.problems] == [str(tmp_path / "gone.xml")]
    assert "the photo is missing" in train.problems[0].what


def test_other_xml_files_are_not_taken_for_voc(tmp_path):
    write(tmp_path / "a.xml", "<annotations><version>1.1</version></annotations>")
    photo(tmp_path / "a.jpg")
    assert not is_voc_xml_folder(tmp_path)
    with pytest.raises(DataError, match="its root is <annotations>"):
        read_voc_xml_folder(tmp_path)


def outline(tag, points):
    places = "".join(f"<x{number}>{x}</x{number}><y{number}>{y}</y{number}>" for number, (x, y) in enumerate(points, 1))
    return f"<{tag}>{places}</{tag}>"


TRIANGLE = [(1, 1), (9, 1), (5, 7)]
CLICKS = "<polygon>" + "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in TRIANGLE) + "</polygon>"


@pytest.mark.parametrize("stated", [outline("polygon", TRIANGLE), outline("segmentation", TRIANGLE), CLICKS])
def test_an_outline_beside_the_box_is_the_mask(tmp_path, stated):
    labelled(tmp_path, "a", voc_object("scratch", 2, 2, 9, 7, stated))
    (label,) = read_voc_xml_folder(tmp_path).train.images[0].objects
    drawn = polygons_to_rle([[1, 1, 9, 1, 5, 7]], HEIGHT, WIDTH)
    assert (label.box, label.mask) == ((1, 1, 9, 7), drawn)


def test_an_outline_of_the_corners_of_the_box_is_no_mask(tmp_path):
    corners = [(1, 1), (9, 1), (9, 7), (1, 7), (1, 1)]
    labelled(tmp_path, "a", voc_object("scratch", 2, 2, 9, 7, outline("polygon", corners)))
    assert read_voc_xml_folder(tmp_path).train.images[0].objects[0].mask is None


def test_an_outline_that_cannot_be_read_costs_the_mask_alone(tmp_path):
    labelled(tmp_path, "a", voc_object("scratch", 2, 2, 9, 7, outline("polygon", [(1, 1), ("x", 1), (5, 7)])))
    train = read_voc_xml_folder(tmp_path).train
    assert [problem.kind for problem in train.problems] == [ProblemKind.MASK]
    assert train.images[0].objects[0].box == (1, 1, 9, 7)


def test_an_object_with_an_outline_needs_no_box(tmp_path):
    labelled(tmp_path, "a", f"<object><name>scratch</name>{CLICKS}</object>")
    (label,) = read_voc_xml_folder(tmp_path).train.images[0].objects
    assert label.mask is not None


def test_corners_in_the_order_in_which_they_were_drawn_are_a_box(tmp_path):
    labelled(tmp_path, "a", voc_object("scratch", 4, 7, 2, 3))
    assert read_voc_xml_folder(tmp_path).train.images[0].objects[0].box == (1, 2, 4, 7)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_files_with_capital_endings_and_in_utf_16_are_found(tmp_path, encoding):
    photo(tmp_path / "images" / "a.JPEG")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.XML").write_text(f'<?xml version="1.0"?>{voc_xml(SCRATCH)}', encoding)
    assert is_voc_xml_folder(tmp_path)
    assert len(read_voc_xml_folder(tmp_path).train.images[0].objects) == 1
