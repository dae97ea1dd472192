import shutil

import numpy as np
import pytest

from splitlab.data.dataset import LabelState
from splitlab.data.formats.voc import CLASS_NAMES, is_voc_folder, read_voc_folder
from splitlab.data.masks import read_mask, with_masks
from splitlab.data.split import draw_paper_split
from splitlab.errors import DataError, SplitError
from splitlab.geometry import rle_to_mask
from tests.data.trees import (
    DOG,
    HEIGHT,
    PERSON,
    WIDTH,
    voc_indices,
    voc_object,
    voc_tree,
    voc_xml,
    write,
    write_indices,
)


@pytest.fixture
def folder(tmp_path):
    return voc_tree(tmp_path / "VOC2012")


def ids(dataset):
    return [image.image_id for image in dataset.images]


def test_train_is_the_f_pool_in_file_order_and_then_the_w_pool_sorted(folder):
    data = read_voc_folder(folder)
    assert data.format == data.train.name == "VOC2012"
    assert data.train.paper_pools == (("2007_000003", "2007_000001"), ("2008_000004", "2008_000009"))
    assert ids(data.train) == ["2007_000003", "2007_000001", "2008_000004", "2008_000009"]
    assert ids(data.val) == ["2007_000002"]


def test_the_pool_of_the_papers_few_shot_w_is_trainval_of_main_without_val(folder):
    # 2007_000001 has masks, but stands in no list of Main.
    assert read_voc_folder(folder).train.few_shot_pool == ("2007_000003", "2008_000004", "2008_000009")


def test_images_of_the_f_pool_can_be_full_and_those_of_the_w_pool_cannot(folder):
    train = read_voc_folder(folder).train
    assert [image.can_be_full for image in train.images] == [True, True, False, False]


def test_boxes_are_counted_from_zero_with_the_far_edge_outside_as_the_masks_have_it(folder):
    dog, person = read_voc_folder(folder).train.images[0].objects
    assert dog.box == (1, 1, 4, 4)
    assert person.box == (5, 2, 9.5, 8)
    rows, columns = np.nonzero(voc_indices() == 1)
    assert dog.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_boxes_are_clipped_to_the_image(folder):
    write(folder / "Annotations" / "2007_000002.xml", voc_xml(voc_object("cat", 0, -3, 11, 9)))
    assert read_voc_folder(folder).val.images[0].objects[0].box == (0, 0, WIDTH, HEIGHT)


def test_mask_i_is_that_of_the_ith_object_and_border_pixels_belong_to_nobody(folder):
    image = read_voc_folder(folder).train.images[0]
    masks = [rle_to_mask(read_mask(label.mask)) for label in image.objects]
    assert [CLASS_NAMES[label.class_index] for label in image.objects] == ["dog", "person"]
    assert (masks[0] == (voc_indices() == 1)).all()
    assert (masks[1] == (voc_indices() == 2)).all()
    assert not (masks[0] | masks[1])[voc_indices() == 255].any()


def test_difficult_objects_are_flagged_with_and_without_masks(folder):
    train = read_voc_folder(folder).train
    assert [label.is_difficult for label in train.by_id["2007_000003"].objects] == [False, True]
    assert [label.is_difficult for label in train.by_id["2008_000009"].objects] == [True, False]


@pytest.mark.parametrize("fate", ["gone", "garbage"])
def test_reading_opens_no_mask(folder, fate):
    whole = read_voc_folder(folder)
    shutil.rmtree(folder / "SegmentationObject")
    if fate == "garbage":
        write(folder / "SegmentationObject" / "2007_000003.png", "no image")
    assert read_voc_folder(folder) == whole
    with pytest.raises(DataError, match=r"2007_000003\.png"):
        list(with_masks(whole.train.images))


def test_masks_of_another_size_than_the_photo_are_found_when_they_are_read(folder):
    write_indices(folder / "SegmentationObject" / "2007_000003.png", voc_indices()[:, :-1])
    with pytest.raises(DataError, match="9 x 8 pixels, its labels say 10 x 8"):
        list(with_masks(read_voc_folder(folder).train.images))


@pytest.mark.parametrize("place", ["VOC2012", "VOCdevkit/VOC2012"])
def test_the_folder_may_be_given_by_one_that_holds_it(tmp_path, place):
    voc_tree(tmp_path / "data" / place)
    assert is_voc_folder(tmp_path / "data")
    assert len(read_voc_folder(tmp_path / "data").train.images) == 4


def test_another_folder_is_not_taken_for_voc(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "a\0b"):
        assert not is_voc_folder(folder)
    with pytest.raises(DataError, match=r"VOCtrainval_11-May-2012\.tar"):
        read_voc_folder(tmp_path)


@pytest.mark.parametrize("changed", ["ImageSets/Main/trainval.txt", "Annotations/2008_000004.xml"])
def test_the_hash_follows_lists_and_annotations(folder, changed):
    before = read_voc_folder(folder)
    contents = {
        "ImageSets/Main/trainval.txt": "2008_000009\n",
        "Annotations/2008_000004.xml": voc_xml(voc_object("dog", 2, 2, 4, 5)),
    }
    write(folder / changed, contents[changed])
    after = read_voc_folder(folder)
    assert after.train.source_hash != before.train.source_hash
    assert after.val.source_hash == before.val.source_hash


ENTITIES = "".join(f'<!ENTITY l{level + 1} "{f"&l{level};" * 10}">' for level in range(9))
BOMB = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "{"a" * 20}">{ENTITIES}]><annotation>&l9;</annotation>'


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        (BOMB, "has a DOCTYPE"),
        (BOMB.encode("utf-16"), "has a DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "has a DOCTYPE"),
        ("<annotation>&undeclared;</annotation>", "not valid XML"),
        ("<a>" * 300_000, "not valid XML"),
        ("<a>" * 100_000 + "</a>" * 100_000, "its root is <a>, not <annotation>"),
        ('<?xml version="1.0" encoding="made-up"?><a/>', "not valid XML"),
        (b"\xff\xfe\x00\x00", "not valid XML"),
        ("", "not valid XML"),
        (" " * 1_000_001, "larger than 1,000,000 bytes"),
        (voc_xml(voc_object("wolf", 2, 2, 4, 4)), "'wolf' is not one of VOC's 20 classes"),
        (voc_xml("<object/>"), "object 1 has no <bndbox>"),
        (voc_xml("<object><bndbox/></object>"), "<bndbox/xmin> is 'missing'"),
        (voc_xml(voc_object("dog", 2, 2, "wide", 4)), "<bndbox/xmax> is 'wide', not a number"),
        (voc_xml(voc_object("dog", "nan", 2, 4, 4)), "<bndbox/xmin> is 'nan'"),
        (voc_xml(voc_object("dog", -2, 2, 0, 4)), "holds no pixel of its 10 x 8 image"),
        (voc_xml(voc_object("dog", 20, 2, 30, 4)), "holds no pixel"),
        (voc_xml(DOG, width=-1), "-1 x 8 pixels"),
        (voc_xml(DOG, width=1_000_000, height=1_000_000), "at most 51 megapixels"),
        (voc_xml(DOG, width="inf"), "<size/width> is 'inf'"),
        (voc_xml(*[DOG] * 255), "has 255 objects"),
    ],
)
def test_a_hostile_annotation_gets_one_sentence_and_the_others_are_read(folder, xml, says):
    path = folder / "Annotations" / "2008_000004.xml"
    path.write_bytes(xml if isinstance(xml, bytes) else xml.encode())
    train = read_voc_folder(folder).train
    (problem,) = train.problems
    assert says in str(problem)
    assert problem.file == str(path)
    assert {"2007_000003", "2007_000001", "2008_000009"} <= set(ids(train))
    assert all(image.state == LabelState.WHOLE for image in train.images if image.image_id != "2008_000004")


def test_of_an_image_with_an_odd_object_the_others_keep_their_masks(folder):
    write(folder / "Annotations" / "2007_000003.xml", voc_xml(voc_object("wolf", 2, 2, 4, 4), PERSON))
    image = read_voc_folder(folder).train.by_id["2007_000003"]
    assert image.state == LabelState.BROKEN
    assert [label.mask.value for label in image.objects] == [2]


def test_where_no_annotation_of_val_can_be_read_it_is_no_data_set(folder):
    write(folder / "Annotations" / "2007_000002.xml", "<a>")
    with pytest.raises(DataError, match="not valid XML"):
        read_voc_folder(folder)


def test_the_paper_split_is_refused_where_an_image_of_its_pools_is_lost(folder):
    (folder / "Annotations" / "2008_000004.xml").unlink()
    train = read_voc_folder(folder).train
    assert train.paper_pools == (("2007_000003", "2007_000001"), ("2008_000009",))
    with pytest.raises(SplitError, match="1 entries of 'VOC2012' cannot be read"):
        draw_paper_split(train, 1, 1)


@pytest.mark.parametrize(("line", "says"), [("../../x", "is not an image name"), ("2007_000003", "is listed twice")])
def test_an_odd_line_of_a_list_is_named_and_the_others_are_read(folder, line, says):
    path = folder / "ImageSets" / "Segmentation" / "train.txt"
    path.write_text(path.read_text() + line)
    train = read_voc_folder(folder).train
    assert [(problem.file, says in problem.what) for problem in train.problems] == [(str(path), True)]
    assert len(train.images) == 4


@pytest.mark.parametrize("name", ["Segmentation/train", "Segmentation/val", "Main/trainval"])
@pytest.mark.parametrize(("content", "says"), [("", "lists no images"), ("../../x", "is not an image name")])
def test_a_broken_list_is_named(folder, name, content, says):
    write(folder / "ImageSets" / f"{name}.txt", content)
    with pytest.raises(DataError, match=says) as caught:
        read_voc_folder(folder)
    assert f"{name}.txt" in str(caught.value)


def test_a_missing_list_is_named(folder):
    (folder / "ImageSets/Main/trainval.txt").unlink()
    with pytest.raises(DataError, match=r"Main/trainval\.txt: the file is missing"):
        read_voc_folder(folder)


def test_a_missing_annotation_is_named_and_the_others_are_read(folder):
    (folder / "Annotations/2008_000004.xml").unlink()
    train = read_voc_folder(folder).train
    assert [(problem.file, problem.what) for problem in train.problems] == [
        (str(folder / "Annotations/2008_000004.xml"), "the file is missing")
    ]
    assert len(train.images) == 3
