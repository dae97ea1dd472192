import json

import numpy as np
import pytest

from splitlab.data.formats.coco import read_coco
from splitlab.errors import DataError
from splitlab.geometry import mask_to_rle, rle_to_mask

SQUARE = np.zeros((10, 12), bool)
SQUARE[2:5, 3:7] = True


def labels(**changes):
    content = {
        "images": [{"id": 5, "file_name": "b.png", "width": 12, "height": 10}],
        "annotations": [annotation()],
        "categories": [{"id": 9, "name": "dog"}, {"id": 4, "name": "cat"}],
    }
    return {**content, **changes}


def annotation(**changes):
    return {
        "id": 1,
        "image_id": 5,
        "category_id": 9,
        "bbox": [3, 2, 4, 3],
        "segmentation": mask_to_rle(SQUARE),
        "iscrowd": 0,
        **changes,
    }


def read(tmp_path, content):
    path = tmp_path / "instances_train.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_coco(path, tmp_path / "images", "test")


def test_classes_are_ordered_by_category_id_and_boxes_become_xyxy(tmp_path):
    dataset = read(tmp_path, labels())
    assert dataset.class_names == ("cat", "dog")
    label = dataset.images[0].objects[0]
    assert (label.class_index, label.box) == (1, (3, 2, 7, 5))


@pytest.mark.parametrize(
    "segmentation",
    [
        mask_to_rle(SQUARE),
        [[3, 2, 7, 2, 7, 5, 3, 5]],
        {"size": [10, 12], "counts": [32, 3, 7, 3, 7, 3, 7, 3, 55]},
    ],
    ids=["compressed RLE", "polygon", "run lengths"],
)
def test_the_three_forms_of_a_mask_read_alike(tmp_path, segmentation):
    dataset = read(tmp_path, labels(annotations=[annotation(segmentation=segmentation)]))
    assert (rle_to_mask(dataset.images[0].objects[0].mask) == SQUARE).all()


def test_crowds_are_kept_apart_from_targets(tmp_path):
    dataset = read(tmp_path, labels(annotations=[annotation(), annotation(id=2, iscrowd=1)]))
    image = dataset.images[0]
    assert [label.is_crowd for label in image.objects] == [False, True]
    assert len(image.targets) == 1


def test_an_image_whose_object_lacks_a_mask_cannot_stand_in_f(tmp_path):
    dataset = read(tmp_path, labels(annotations=[annotation(segmentation=[])]))
    assert not dataset.images[0].can_be_full


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{broken", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ({"images": []}, "has no 'annotations'"),
        (labels(annotations=[annotation(image_id=77)]), "annotation 1 is of image 77, which is not in 'images'"),
        (labels(annotations=[annotation(category_id=2)]), "annotation 1 has category 2"),
        (labels(annotations=[annotation(bbox=[1, 2])]), "annotation 1 is not as COCO has it"),
        (labels(annotations=[annotation(segmentation={"size": [10, 12], "counts": "54;4"})]), "does not fill"),
        (labels(annotations=[annotation(segmentation={"size": [99, 99], "counts": [9801]})]), "does not fill"),
        (labels(images=labels()["images"] * 2), "image id 5 stands there twice"),
        ("null", "holds no COCO labels"),
        (labels(categories=[]), "'categories' is empty or names an id twice"),
        (labels(categories=labels()["categories"] * 2), "'categories' is empty or names an id twice"),
        (labels(images=[{"id": 5, "file_name": "b.png", "width": -5, "height": 10}]), "-5 x 10 pixels"),
        (labels(images=[{"id": float("inf"), "file_name": "b.png", "width": 5, "height": 9}]), "not as COCO has it"),
        (labels(annotations=[annotation(segmentation=[[1, 2, 3]])]), "a polygon of annotation 1"),
        (labels(annotations=[annotation(segmentation=[[["a"]]])]), "annotation 1 is not as COCO has it"),
        (labels(annotations=[annotation(segmentation={"size": [10, 12], "counts": [0.5, 119.5]})]), "does not fill"),
        (labels(annotations=[annotation(segmentation=[[-20, 0, 20, 9] * 100_000])]), "pixels long. Simplify it"),
        (
            labels(
                categories=[{"id": 9, "name": "dog"}, {"id": 4, "name": "dog"}],
                annotations=[annotation(), annotation(id=2, category_id=4)],
            ),
            "two categories with objects are called 'dog'",
        ),
        (labels(annotations=[annotation(segmentation=[[0, 0, 3e8, 0, 3e8, 3e8]])]), "a polygon of annotation 1"),
        (labels(images=[{"id": 5, "file_name": "../../x.png", "width": 12, "height": 10}]), "leads out of"),
    ],
)
def test_broken_labels_get_one_sentence_that_names_the_file_and_the_entry(tmp_path, content, says):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert says in str(caught.value)
    assert "instances_train.json" in str(caught.value)


@pytest.mark.parametrize("group", [{"id": 0, "name": "dog"}, {"id": 99, "name": "dog"}])
def test_of_two_categories_of_one_name_the_one_with_objects_is_the_class(tmp_path, group):
    dataset = read(tmp_path, labels(categories=[{"id": 9, "name": "dog"}, {"id": 4, "name": "cat"}, group]))
    assert dataset.category_ids == (4, 9)
    assert dataset.class_names[dataset.images[0].objects[0].class_index] == "dog"
    without_objects = read(tmp_path, labels(annotations=[], categories=[{"id": 9, "name": "dog"}, group]))
    assert without_objects.category_ids == (max(9, group["id"]),)


@pytest.mark.parametrize("more", [[], [1, 2], [1, 2, 3, 4]])
def test_polygons_of_fewer_than_three_points_cover_nothing(tmp_path, more):
    dataset = read(tmp_path, labels(annotations=[annotation(segmentation=[[3, 2, 7, 2, 7, 5, 3, 5], more])]))
    assert (rle_to_mask(dataset.images[0].objects[0].mask) == SQUARE).all()
    alone = read(tmp_path, labels(annotations=[annotation(segmentation=[more])]))
    assert alone.images[0].objects[0].mask is None


def test_a_crowd_may_be_said_in_a_text(tmp_path):
    said = [annotation(), annotation(id=2, iscrowd="0"), annotation(id=3, iscrowd=None), annotation(id=4, iscrowd="1")]
    dataset = read(tmp_path, labels(annotations=said))
    assert [label.is_crowd for label in dataset.images[0].objects] == [False, False, False, True]


def test_a_class_name_cannot_steer_a_terminal_or_break_a_text(tmp_path):
    dataset = read(tmp_path, labels(categories=[{"id": 9, "name": "\x1b[31mred\ud800"}]))
    assert dataset.class_names == ("\ufffd[31mred\ufffd",)


def test_class_names_that_differ_in_the_blanks_around_them_are_one_name(tmp_path):
    two = [{"id": 9, "name": "moon jelly "}, {"id": 4, "name": "moon jelly"}]
    both_used = [annotation(), annotation(id=2, category_id=4)]
    with pytest.raises(DataError, match="two categories with objects are called 'moon jelly'"):
        read(tmp_path, labels(categories=two, annotations=both_used))
    assert read(tmp_path, labels(categories=two)).class_names == ("moon jelly",)


def test_a_missing_labels_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.json: cannot be read"):
        read_coco(tmp_path / "nowhere.json", tmp_path, "test")


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"info": {"license": "CC0-1.0"}, "licenses": [{"id": 1, "name": "other"}]}, "CC0-1.0"),
        (
            {"licenses": [{"id": 1, "name": "CC BY"}, {"id": 2, "name": "unused"}, {"id": 3, "name": "CC BY-NC"}]},
            "CC BY, CC BY-NC",
        ),
        ({"info": {"license": None}, "licenses": [{"id": 1, "name": ""}]}, ""),
        ({"info": "mine", "licenses": ["CC BY", 7, {"id": [1], "name": "x"}]}, ""),
        ({"info": 5, "licenses": {"id": 1}}, ""),
        ({"info": {"license": "a\x1b[2Jb"}}, "a\N{REPLACEMENT CHARACTER}[2Jb"),
    ],
    ids=["of the file", "of its photos", "left empty", "no licences", "no lists", "steers a terminal"],
)
def test_a_licence_is_that_of_the_file_or_those_of_its_photos_and_none_stops_the_reading(tmp_path, stated, says):
    photos = [dict(labels()["images"][0], id=number, license=number) for number in (1, 3)]
    assert read(tmp_path, labels(**stated, images=photos, annotations=[])).licence == says


def test_a_licence_of_a_whole_book_is_cut(tmp_path):
    licence = read(tmp_path, labels(info={"license": "word " * 10_000})).licence
    assert len(licence) <= 300
    assert licence.endswith("word …")
