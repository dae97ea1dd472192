import json
import unicodedata

import numpy as np
import pytest

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.labelme import is_labelme_folder, read_labelme_folder
from splitlab.errors import DataError
from splitlab.geometry import rle_area, rle_to_mask
from tests.data.label_trees import (
    HEIGHT,
    SQUARE,
    WIDTH,
    base64_text,
    labelme_json,
    labelme_shape,
    labelme_tree,
    patch,
    photo,
    placed,
    png,
    write_json,
)


def read_one(root, *shapes, **more):
    photo(root / "a.png")
    write_json(root / "a.json", labelme_json(*shapes, **more))
    data = read_labelme_folder(root)
    return data.train.images[0] if data.train.images else None, data.train.problems


def test_a_folder_is_read_with_boxes_masks_background_and_photos_without_a_file(tmp_path):
    data = read_labelme_folder(labelme_tree(tmp_path))
    first, second, third = data.train.images
    assert data.train.problems == ()
    assert data.train.class_names == ("cat", "dog")
    polygon, rectangle, mask, circle = first.objects
    assert polygon.box == (10, 10, 40, 30)
    assert rle_area(polygon.mask) == 30 * 20
    assert (rectangle.box, rectangle.mask, rectangle.class_index) == ((10, 10, 40, 30), None, 1)
    assert (rle_to_mask(mask.mask) == placed(patch(), 3, 4)).all()
    assert mask.box == (3, 4, 9, 9)
    assert rle_area(circle.mask) == pytest.approx(np.pi * 100, rel=0.02)
    assert (second.objects, second.state) == ((), LabelState.WHOLE)
    assert (third.objects, third.state) == ((), LabelState.NONE)


def test_outlines_of_one_group_and_label_are_one_object(tmp_path):
    far = [[50, 40], [60, 40], [60, 50], [50, 50]]
    image, problems = read_one(
        tmp_path,
        labelme_shape(group_id=1),
        labelme_shape(points=far, group_id=1),
        labelme_shape(points=far, group_id=1, label="dog"),
        labelme_shape(points=far, group_id=2),
        labelme_shape(points=far),
    )
    assert problems == ()
    assert [rle_area(label.mask) for label in image.objects] == [700, 100, 100, 100]
    assert image.objects[0].box == (10, 10, 60, 50)


def test_a_rectangle_in_a_group_is_the_box_of_its_outlines_and_masks(tmp_path):
    mask = labelme_shape("mask", [[3, 4], [8, 8]], mask=base64_text(png(patch())), group_id=5)
    image, _ = read_one(
        tmp_path, labelme_shape(group_id=5), mask, labelme_shape("rectangle", [[2, 3], [50, 45]], group_id=5)
    )
    (label,) = image.objects
    assert label.box == (2, 3, 50, 45)
    assert rle_area(label.mask) == 600 + patch().sum()


def test_several_rectangles_of_a_group_stay_objects_of_their_own(tmp_path):
    boxes = [labelme_shape("rectangle", [[x, 3], [x + 9, 9]], group_id=5) for x in (2, 20)]
    image, _ = read_one(tmp_path, *boxes)
    assert [label.box for label in image.objects] == [(2, 3, 11, 9), (20, 3, 29, 9)]
    image, _ = read_one(tmp_path, *boxes, labelme_shape(group_id=5))
    assert [label.box for label in image.objects] == [(2, 3, 11, 9), (20, 3, 29, 9), (10, 10, 40, 30)]


def test_shapes_that_are_no_areas_are_one_problem_and_break_the_labels(tmp_path):
    image, problems = read_one(
        tmp_path, labelme_shape(), labelme_shape("line", SQUARE[:2]), labelme_shape("point", SQUARE[:1])
    )
    assert len(image.objects) == 1
    assert image.state == LabelState.BROKEN
    (problem,) = problems
    assert "a.json: 2 of its shapes (line, point) are neither boxes nor areas. Draw" in str(problem)


def test_key_points_of_a_grouped_object_are_ignored(tmp_path):
    image, problems = read_one(
        tmp_path,
        labelme_shape("rectangle", SQUARE[::2], group_id=0),
        labelme_shape("point", SQUARE[:1], "nose", group_id=0),
    )
    assert (len(image.objects), image.state, problems) == (1, LabelState.WHOLE, ())


def test_turned_rectangles_are_boxes_and_difficult_ones_are_marked(tmp_path):
    corners = [[20, 10], [30, 20], [20, 30], [10, 20]]
    image, _ = read_one(
        tmp_path, labelme_shape("rotation", corners, difficult=True), labelme_shape("oriented_rectangle", corners)
    )
    assert [(label.box, label.mask) for label in image.objects] == [((10, 10, 30, 30), None)] * 2
    assert [label.is_difficult for label in image.objects] == [True, False]


@pytest.mark.parametrize("stated", ["..\\pictures\\a.png", "/home/me/pictures/a.png", "C:\\data\\a.png", "../a.png"])
def test_photos_are_found_by_paths_of_other_machines(tmp_path, stated):
    photo(tmp_path / "pictures" / "a.png")
    write_json(tmp_path / "labels" / "one.json", labelme_json(labelme_shape(), photo_name=stated))
    (image,) = read_labelme_folder(tmp_path).train.images
    assert image.path == tmp_path / "pictures" / "a.png"


def test_the_photo_of_the_same_name_counts_where_the_stated_path_is_of_another(tmp_path):
    for name in "ab":
        photo(tmp_path / f"{name}.png")
        write_json(tmp_path / f"{name}.json", labelme_json(labelme_shape(label=name), photo_name="a.png"))
    data = read_labelme_folder(tmp_path)
    assert data.train.problems == ()
    assert [image.objects[0].class_index for image in data.train.images] == [0, 1]


def test_a_photo_that_was_renamed_with_its_file_is_found_in_another_folder(tmp_path):
    photo(tmp_path / "images" / "new.png")
    write_json(tmp_path / "labels" / "new.json", labelme_json(labelme_shape(), photo_name="old.png"))
    (image,) = read_labelme_folder(tmp_path).train.images
    assert image.path.name == "new.png"


def test_a_photo_that_is_only_inside_the_file_is_reported_so(tmp_path):
    labelme_tree(tmp_path)
    write_json(tmp_path / "x.json", labelme_json(labelme_shape(), photo_name="x.png", imageData="aGVsbG8="))
    (problem,) = read_labelme_folder(tmp_path).train.problems
    assert problem.kind == ProblemKind.PHOTO_MISSING
    assert "x.json: the photo 'x.png' is missing; it is only inside this file. Save it beside" in str(problem)


def test_sizes_that_are_missing_are_read_from_the_photo(tmp_path):
    image, problems = read_one(tmp_path, labelme_shape(), imageHeight=None, imageWidth=None)
    assert ((image.width, image.height), problems) == ((WIDTH, HEIGHT), ())


def test_old_files_without_shape_types_have_polygons(tmp_path):
    old = {"label": "cat", "points": SQUARE, "line_color": None, "fill_color": None}
    image, _ = read_one(tmp_path, old, lineColor=[0, 255, 0, 128])
    assert rle_area(image.objects[0].mask) == 600


def test_files_of_isat_are_read_with_its_groups_and_without_its_background(tmp_path):
    far = [[50, 40], [60, 40], [60, 50], [50, 50]]
    areas = [("cat", SQUARE, 1), ("cat", far, 1), ("cat", far, 2), ("__background__", far, 3)]
    objects = [
        {"category": name, "group": group, "segmentation": points, "area": 1, "layer": 1, "iscrowd": False}
        for name, points, group in areas
    ]
    photo(tmp_path / "images" / "a.png")
    info = {"description": "ISAT", "folder": "x", "name": "a.png", "width": WIDTH, "height": HEIGHT, "depth": 3}
    write_json(tmp_path / "labels" / "a.json", {"info": info, "objects": objects})
    assert is_labelme_folder(tmp_path)
    data = read_labelme_folder(tmp_path)
    assert data.train.problems == ()
    assert [rle_area(label.mask) for label in data.train.images[0].objects] == [700, 100]


def test_folders_are_the_parts_and_the_test_part_is_left_out(tmp_path):
    for part in ("train", "val", "test"):
        labelme_tree(tmp_path / part)
    data = read_labelme_folder(tmp_path)
    assert [image.image_id for image in data.val.images] == ["val/a", "val/b", "val/c"]
    assert (len(data.train.images), data.notes) == (3, ("The test part (3 images) is not used.",))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (labelme_shape(points=[[1, 2], [3]]), "shape 2 cannot be read"),
        (labelme_shape(points=[[1, "x"]]), "shape 2 cannot be read"),
        (labelme_shape(points=[[1, 1e30]]), "shape 2 cannot be read"),
        (labelme_shape(points=[]), "shape 2 cannot be read (it has no points)"),
        (labelme_shape(label=""), "shape 2 has no class"),
        (labelme_shape(label=None), "shape 2 cannot be read"),
        (labelme_shape("circle", [[1, 2]]), "shape 2 cannot be read"),
        ("a shape", "shape 2 cannot be read"),
        (labelme_shape(points=SQUARE[:2]), "shape 2 has fewer than three points, so it has no mask"),
        (labelme_shape(points=[[9000, 9000], [9100, 9000], [9000, 9100]]), "shape 2 has points far outside its image"),
    ],
)
def test_a_broken_shape_is_reported_and_the_others_are_read(tmp_path, shape, message):
    image, (problem,) = read_one(tmp_path, labelme_shape(), shape)
    assert message in str(problem)
    assert rle_area(image.objects[0].mask) == 600


@pytest.mark.parametrize(
    ("corner", "stored", "message"),
    [
        ([9, 9], base64_text(png(patch())), "it has 6 x 5 pixels, its points enclose 7 x 6"),
        ([8, 8], "?", "its mask is not a PNG image"),
        ([8, 8], "A", "its mask is not base64"),
        ([8, 8], None, "its mask is not text"),
        ([8, 8], base64_text(png(np.ones((200, 200), bool))), "200 x 200 pixels, larger than its image"),
    ],
)
def test_the_box_of_a_mask_that_cannot_be_read_is_kept(tmp_path, corner, stored, message):
    image, (problem,) = read_one(tmp_path, labelme_shape("mask", [[3, 4], corner], mask=stored))
    assert problem.kind == ProblemKind.MASK
    assert "a.json: shape 1: its mask cannot be read" in str(problem)
    assert message in str(problem)
    assert [(label.box, label.mask) for label in image.objects] == [((3, 4, corner[0] + 1, corner[1] + 1), None)]
    assert image.state == LabelState.WHOLE


def test_a_mask_in_a_group_that_cannot_be_read_leaves_its_photo_without_labels(tmp_path):
    broken = labelme_shape("mask", [[3, 4], [8, 8]], mask="?", group_id=1)
    photo(tmp_path / "b.png")
    write_json(tmp_path / "b.json", labelme_json(photo_name="b.png"))
    image, (problem,) = read_one(tmp_path, labelme_shape(group_id=1), broken)
    assert "shape 2: its mask cannot be read" in str(problem)
    assert (image.objects, image.state) == ((), LabelState.NONE)


def test_a_file_that_is_not_json_is_reported_and_other_json_files_are_ignored(tmp_path):
    labelme_tree(tmp_path)
    (tmp_path / "c.json").write_text('{"shapes": [')
    write_json(tmp_path / "settings.json", {"labels": ["cat"]})
    (problem,) = read_labelme_folder(tmp_path).train.problems
    assert "c.json: is not valid JSON" in str(problem)


def test_a_folder_without_any_readable_file_is_refused_with_its_name(tmp_path):
    (tmp_path / "a.json").write_text('{"shapes": [')
    with pytest.raises(DataError, match=r"a\.json: is not valid JSON"):
        read_labelme_folder(tmp_path)


def test_folders_are_recognised_by_the_beginning_or_the_end_of_a_file(tmp_path):
    assert is_labelme_folder(labelme_tree(tmp_path / "one"))
    assert is_labelme_folder(labelme_tree(tmp_path / "two" / "train").parent)
    content = labelme_json(labelme_shape())
    write_json(tmp_path / "long" / "a.json", {"imageData": "A" * 200_000} | {"shapes": content["shapes"]})
    assert is_labelme_folder(tmp_path / "long")
    write_json(tmp_path / "other" / "a.json", {"images": [], "annotations": [], "categories": []})
    assert not is_labelme_folder(tmp_path / "other")
    assert not is_labelme_folder(tmp_path / "missing")


def test_the_hash_changes_with_a_label(tmp_path):
    labelme_tree(tmp_path)
    before = read_labelme_folder(tmp_path).train.source_hash
    write_json(tmp_path / "b.json", labelme_json(labelme_shape(label="dog"), photo_name="b.png"))
    assert read_labelme_folder(tmp_path).train.source_hash != before


def test_names_with_accents_belong_together_in_both_of_unicodes_forms(tmp_path):
    photo(tmp_path / f"{unicodedata.normalize('NFD', 'é')}.png")
    named = labelme_json(labelme_shape(), photo_name="gone.png")
    write_json(tmp_path / f"{unicodedata.normalize('NFC', 'é')}.json", named)
    assert [len(image.objects) for image in read_labelme_folder(tmp_path).train.images] == [1]


def test_a_file_in_utf_16_is_read(tmp_path):
    photo(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps(labelme_json(labelme_shape())), encoding="utf-16")
    assert is_labelme_folder(tmp_path)
    assert [len(image.objects) for image in read_labelme_folder(tmp_path).train.images] == [1]
