import json
from xml.etree import ElementTree

import numpy as np
import pytest

from splitlab.data.dataset import ObjectLabel
from splitlab.data.exports.cvat import export_cvat
from splitlab.data.exports.objects import LabelShape
from splitlab.geometry import polygons_to_rle, rle_to_mask
from tests.data.exports.drawn import iou, mask_of, masked, one_image, several, without_val


def images_in(folder):
    return ElementTree.parse(folder / "annotations.xml").findall("image")  # noqa: S314


def test_a_mask_is_its_runs_row_by_row_in_its_bounding_box(tmp_path):
    mask = np.zeros((120, 120), bool)
    mask[10, 21:23], mask[11, 20:24], mask[12, 23] = True, True, True
    (image,) = images_in(export_cvat(one_image(tmp_path, [masked(mask)]), tmp_path / "out") / "train")
    (found,) = image
    # .##.
    # ####
    # ...#
    expected = {"rle": "1, 2, 1, 4, 3, 1", "left": "20", "top": "10", "width": "4", "height": "3"}
    assert {name: found.get(name) for name in expected} == expected
    assert (found.tag, found.get("label")) == ("mask", "a")


def test_runs_of_a_mask_that_begins_in_the_corner_begin_with_no_background(tmp_path):
    mask = np.zeros((120, 120), bool)
    mask[4:6, 7:9] = True
    (image,) = images_in(export_cvat(one_image(tmp_path, [masked(mask)]), tmp_path / "out") / "train")
    assert image[0].get("rle") == "0, 4"


def test_boxes_stay_boxes_and_are_cut_to_the_photo(tmp_path):
    data = one_image(tmp_path, [ObjectLabel(1, (-3.5, 60.25, 130.0, 90.126), None)])
    (image,) = images_in(export_cvat(data, tmp_path / "out", labels=LabelShape.OUTLINES) / "train")
    found = [image[0].get(name) for name in ("label", "xtl", "ytl", "xbr", "ybr")]
    assert (image[0].tag, found) == ("box", ["b", "0.000", "60.250", "120.000", "90.126"])


def test_every_mask_becomes_a_box_on_demand(tmp_path):
    mask = np.zeros((120, 120), bool)
    mask[10:30, 20:60] = True
    (image,) = images_in(
        export_cvat(one_image(tmp_path, [masked(mask)]), tmp_path / "o", labels=LabelShape.BOXES) / "train"
    )
    assert [image[0].get(name) for name in ("xtl", "ytl", "xbr", "ybr")] == ["20.000", "10.000", "60.000", "30.000"]


def test_outlines_have_few_points_and_cover_the_masks(tmp_path):
    data = several(tmp_path)
    first = images_in(export_cvat(data, tmp_path / "out", labels=LabelShape.OUTLINES) / "train")[0]
    polygons = [one for one in first if one.tag == "polygon"]
    assert len(polygons) == 2
    for one, label in zip(polygons, data.train.images[0].objects, strict=False):
        points = [float(side) for pair in one.get("points").split(";") for side in pair.split(",")]
        drawn = rle_to_mask(polygons_to_rle([points], int(first.get("height")), int(first.get("width"))))
        assert iou(drawn, mask_of(label)) >= 0.97
        assert len(points) < 2 * 40


def test_photos_that_nobody_labelled_and_crowds_have_no_objects_and_names_keep_their_folders(tmp_path):
    data = several(tmp_path)
    images = images_in(export_cvat(data, tmp_path / "out") / "train")
    assert [(image.get("name"), len(image)) for image in images] == [
        ("one.jpg", 3),
        ("town/two.jpg", 1),
        ("three.jpg", 0),
        ("four.jpg", 0),
    ]
    assert (tmp_path / "out" / "train" / "images" / "town" / "two.jpg").is_file()
    crowd = one_image(tmp_path, [masked(np.ones((120, 120), bool), is_crowd=True)])
    assert len(images_in(export_cvat(crowd, tmp_path / "crowd") / "train")[0]) == 0


def test_the_labels_of_the_task_are_stated_for_its_constructor(tmp_path):
    out = export_cvat(several(tmp_path), tmp_path / "out")
    assert [label["name"] for label in json.loads((out / "labels.json").read_text())] == ["square thing", "b<&>\"'"]


@pytest.mark.parametrize("has_val", [True, False])
def test_a_part_without_images_is_left_out(tmp_path, has_val):
    data = several(tmp_path)
    out = export_cvat(data if has_val else without_val(data), tmp_path / "out")
    assert (out / "val").exists() == has_val
