import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.errors import DataError
from splitlab.geometry import mask_to_rle, rle_to_mask, run_lengths_to_rle

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
    return read_coco_folder(tmp_path).train


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
        {"size": [10, 12], "counts": [32.0, 3.0, 7.0, 3.0, 7.0, 3.0, 7.0, 3.0, 55.0]},
        {"size": [10, 12], "counts": str(mask_to_rle(SQUARE)["counts"].encode())},
        [{"size": [10, 12], "counts": [32, 3, 7, 3, 75]}, {"size": [10, 12], "counts": [52, 3, 7, 3, 55]}],
    ],
    ids=["compressed RLE", "polygon", "run lengths", "fractions", "bytes in a text", "list"],
)
def test_all_forms_of_a_mask_read_alike(tmp_path, segmentation):
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
        ("{broken", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ({"annotations": []}, "has no list 'images'"),
        (labels(annotations={"1": annotation()}), "has no list 'annotations'"),
        ("null", "does not hold COCO labels"),
        (labels(categories=[{"id": 9, "name": "dog"}, {"id": 9, "name": "cat"}]), "has an id with two names"),
        (labels(images=[{"id": 5, "file_name": "b.png", "width": -5, "height": 10}]), "-5 x 10 pixels"),
        (labels(images=[{"id": float("inf"), "file_name": "b.png", "width": 5, "height": 9}]), "not valid COCO"),
        (labels(images=[{"id": 5, "file_name": "../../x.png", "width": 12, "height": 10}]), "points outside"),
        (labels(images=[{"id": 5, "file_name": "x" * 5000, "width": 12, "height": 10}]), "is 5,000 letters long"),
        (labels(images=[7, None]), "No image can be read; the first of 2 problems"),
    ],
)
def test_broken_labels_get_one_sentence_that_names_the_file_and_the_entry(tmp_path, content, says):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert says in str(caught.value)
    assert "instances_train.json" in str(caught.value)


SECOND = {"id": 6, "file_name": "c.png", "width": 12, "height": 10}
NAN, INF = float("nan"), float("inf")


def read_beside_a_sound_image(tmp_path, **odd):
    """Read labels of a sound image and a second one, of which `odd` is the one annotation; return both images."""
    broken = annotation(**{"id": 2, "image_id": 6, **odd})
    dataset = read(tmp_path, labels(images=[*labels()["images"], SECOND], annotations=[annotation(), broken]))
    assert [problem.file for problem in dataset.problems] == [str(tmp_path / "instances_train.json")]
    assert len(dataset.by_id[5].objects) == 1
    assert dataset.by_id[5].can_be_full
    return dataset


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"category_id": 2}, "annotation 2 has category 2, which is not in 'categories'"),
        ({"category_id": None}, "annotation 2 is not valid COCO"),
        ({"bbox": [1, 2]}, "annotation 2 is not valid COCO"),
        ({"bbox": {"left": 1}}, "annotation 2 is not valid COCO"),
        ({"bbox": [1, 2, NAN, 4]}, "annotation 2 has a bbox with a side that is not a number"),
        ({"bbox": [1, 2, 3, -INF]}, "annotation 2 has a bbox with a side that is not a number"),
        ({"bbox": None, "segmentation": []}, "annotation 2 is not valid COCO"),
        ({"iscrowd": "many"}, "annotation 2 is not valid COCO"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_named_and_its_image_counts_as_broken(tmp_path, odd, says):
    dataset = read_beside_a_sound_image(tmp_path, **odd)
    assert says in dataset.problems[0].what
    assert dataset.by_id[6].state == LabelState.BROKEN
    assert not dataset.by_id[6].can_be_full


@pytest.mark.parametrize(
    ("segmentation", "says"),
    [
        ({"size": [10, 12], "counts": "54;4"}, "the RLE mask of annotation 2 does not fill"),
        ({"size": [99, 99], "counts": [9801]}, "the RLE mask of annotation 2 does not fill"),
        ({"size": [10, 12], "counts": [0.5, 119.5]}, "the RLE mask of annotation 2 does not fill"),
        ({"counts": [120]}, "the segmentation of annotation 2 is not valid COCO"),
        ([[1, 2, 3]], "a polygon of annotation 2"),
        ([[["a"]]], "the segmentation of annotation 2 is not valid COCO"),
        ([[0, 0, 3e8, 0, 3e8, 3e8]], "a polygon of annotation 2"),
        ([[0, 0, NAN, 0, 3, 3]], "a polygon of annotation 2"),
        ([[[0, 0], [NAN, 0], [3, 3]]], "a polygon of annotation 2"),
        ([[-20, 0, 20, 9] * 100_000], "pixels long"),
        ([[3, 2, 7, 2]], "1 of 1 outlines of annotation 2 have fewer than three points, so it has no mask"),
        ([[3, 2], [7, 2]], "1 of 1 outlines of annotation 2 have fewer than three points, so it has no mask"),
        ([3, 2, 7, 2], "1 of 1 outlines of annotation 2 have fewer than three points, so it has no mask"),
        ("a text", "the segmentation of annotation 2 is not valid COCO"),
    ],
)
def test_an_object_whose_mask_cannot_be_read_is_named_and_kept_with_its_box(tmp_path, segmentation, says):
    dataset = read_beside_a_sound_image(tmp_path, segmentation=segmentation)
    assert says in dataset.problems[0].what
    assert [label.mask for label in dataset.by_id[6].objects] == [None]
    assert dataset.by_id[6].state == LabelState.WHOLE
    assert not dataset.by_id[6].can_be_full


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (annotation(image_id=77), "annotation 1 is of image 77"),
        (annotation(image_id="a"), "annotation 1 is of image a"),
        (annotation(image_id=None), "annotation 1 is not valid COCO"),
        (None, "annotation None is not valid COCO"),
        ([1, 2], "annotation [1, 2] is not valid COCO"),
    ],
)
def test_an_annotation_of_no_image_is_named_and_nothing_else_is_lost(tmp_path, odd, says):
    dataset = read(tmp_path, labels(annotations=[annotation(), odd]))
    (problem,) = dataset.problems
    assert says in problem.what
    assert dataset.images[0].can_be_full


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (SECOND | {"file_name": "../../x.png"}, "points outside"),
        (SECOND | {"file_name": "a\0b"}, "image 6 is not valid COCO"),
        (SECOND | {"file_name": "x/" * 3000}, "is 6,000 letters long"),
        (SECOND | {"width": -5}, "image 6 is -5 x 10 pixels"),
        (SECOND | {"width": INF}, "image 6 is not valid COCO"),
        (SECOND | {"id": [1]}, "image [1] is not valid COCO"),
        (SECOND | {"id": "x" * 300}, "not valid COCO"),
        ({"id": 6}, "image 6 is not valid COCO"),
        (7, "an image is not valid COCO"),
        (SECOND | {"id": 5}, "image id 5 is listed twice"),
    ],
)
def test_an_image_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path, odd, says):
    dataset = read(tmp_path, labels(images=[*labels()["images"], odd]))
    assert says in dataset.problems[0].what
    assert [image.image_id for image in dataset.images] == [5]
    assert len(dataset.images[0].objects) == 1


@pytest.mark.parametrize(
    "segmentation",
    [
        [[3, 2], [7, 2], [7, 5], [3, 5]],
        [[[3, 2], [7, 2], [7, 5], [3, 5]]],
        [3, 2, 7, 2, 7, 5, 3, 5],
        [[3, 2, 7, 2, 7, 5, 3, 5], [[3, 2], [4, 2], [4, 3]]],
    ],
    ids=["points", "list of points", "flat", "mixed"],
)
def test_outlines_written_as_points_are_read(tmp_path, segmentation):
    dataset = read(tmp_path, labels(annotations=[annotation(segmentation=segmentation)]))
    assert dataset.problems == ()
    assert (rle_to_mask(dataset.images[0].objects[0].mask) == SQUARE).all()


@pytest.mark.parametrize("bbox", [[], None])
def test_where_the_box_is_missing_it_is_that_of_the_mask(tmp_path, bbox):
    dataset = read(tmp_path, labels(annotations=[annotation(bbox=bbox)]))
    assert dataset.problems == ()
    assert dataset.images[0].objects[0].box == (3, 2, 7, 5)


def test_boxes_in_parts_of_the_image_are_counted_and_spoil_their_images(tmp_path):
    boxes = [[0.25, 0.2, 0.5, 0.3], [0, 0, 1, 0.5]]
    odd = [annotation(id=number, image_id=6, bbox=bbox, segmentation=[]) for number, bbox in enumerate(boxes, start=8)]
    dataset = read(tmp_path, labels(images=[*labels()["images"], SECOND], annotations=[annotation(), *odd]))
    (problem,) = dataset.problems
    assert "2 of 3 boxes lie in 0..1, the first in annotation 8" in problem.what
    assert [image.state for image in dataset.images] == [LabelState.WHOLE, LabelState.BROKEN]


def test_a_box_of_one_pixel_at_the_corner_is_no_fraction(tmp_path):
    assert read(tmp_path, labels(annotations=[annotation(bbox=[0, 0, 1, 1], segmentation=[])])).problems == ()


def test_an_image_without_annotations_is_labelled_only_where_the_file_says_so(tmp_path):
    images = [SECOND | {"id": number, "labelled": said} for number, said in enumerate([True, False, "yes", None])]
    dataset = read(tmp_path, labels(images=images, annotations=[]))
    none = LabelState.NONE
    assert [image.state for image in dataset.images] == [LabelState.WHOLE, none, none, none]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 15) | st.floats() | st.sampled_from(["", "5", "9", "a\0b", "../x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "id"]), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(SECOND)), ANY_JSON, max_size=2),
    st.dictionaries(st.sampled_from(sorted(annotation())), ANY_JSON, max_size=2),
)
def test_whatever_one_image_and_one_annotation_hold_the_others_are_read(tmp_path_factory, image, odd):
    content = labels(
        images=[*labels()["images"], {**SECOND, **image}], annotations=[annotation(), {**annotation(), **odd}]
    )
    dataset = read(tmp_path_factory.mktemp("fuzz"), content)
    assert dataset.by_id[5].objects[0].box == (3, 2, 7, 5)


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
    said += [annotation(id=5, iscrowd="False"), annotation(id=6, iscrowd="true")]
    dataset = read(tmp_path, labels(annotations=said))
    assert [label.is_crowd for label in dataset.images[0].objects] == [False, False, False, True, False, True]


def test_a_backslash_in_counts_that_python_wrote_is_one_of_its_letters(tmp_path):
    # 12 x 30 pixels, of which a run of 300 is the letters "\\9".
    counts = run_lengths_to_rle([60, 300], 30, 12)["counts"]
    assert "\\" in counts
    image = {"id": 5, "file_name": "b.png", "width": 12, "height": 30}
    written = {"size": [30, 12], "counts": str(counts.encode())}
    dataset = read(tmp_path, labels(images=[image], annotations=[annotation(segmentation=written)]))
    assert dataset.images[0].objects[0].mask == {"size": [30, 12], "counts": counts}


def test_a_class_name_cannot_steer_a_terminal_or_break_a_text(tmp_path):
    dataset = read(tmp_path, labels(categories=[{"id": 9, "name": "\x1b[31mred\ud800"}]))
    assert dataset.class_names == ("\ufffd[31mred\ufffd",)


def test_class_names_that_differ_in_the_blanks_around_them_are_one_name(tmp_path):
    two = [{"id": 9, "name": "moon jelly "}, {"id": 4, "name": "moon jelly"}]
    both_used = [annotation(), annotation(id=2, category_id=4)]
    dataset = read(tmp_path, labels(categories=two, annotations=both_used))
    assert dataset.class_names == ("moon jelly",)
    assert [label.class_index for label in dataset.images[0].objects] == [0, 0]
    assert [problem.what for problem in dataset.problems] == [
        "2 categories with objects are called 'moon jelly', so they are one class"
    ]
    assert not read(tmp_path, labels(categories=two)).problems
    assert not read(tmp_path, labels(categories=labels()["categories"] * 2)).problems


def test_objects_without_categories_are_of_classes_called_by_their_ids(tmp_path):
    dataset = read(tmp_path, labels(categories=[], annotations=[annotation(), annotation(id=2, category_id=12)]))
    assert dataset.class_names == ("9", "12")
    assert [problem.kind for problem in dataset.problems] == [ProblemKind.CLASS_NAMES]


def test_a_file_of_photos_alone_has_no_classes_and_no_labelled_image(tmp_path):
    dataset = read(tmp_path, {"images": labels()["images"]})
    assert (dataset.class_names, [image.state for image in dataset.images]) == ((), [LabelState.NONE])


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
