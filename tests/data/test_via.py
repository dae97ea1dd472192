import json

import numpy as np
import pytest

from splitlab.data.dataset import LabelState
from splitlab.data.formats.via import is_via_folder, read_via_folder
from splitlab.errors import DataError
from splitlab.geometry import rle_area, rle_to_mask
from tests.data.label_trees import (
    SQUARE,
    photo,
    via_photo,
    via_polygon,
    via_project,
    via_region,
    via_tree,
    write_json,
)

RECT = {"name": "rect", "x": 10, "y": 10, "width": 30, "height": 20}
HEADER = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"


def read_one(root, *regions):
    photo(root / "a.png")
    write_json(root / "via_region_data.json", {"a.png1234": via_photo("a.png", list(regions))})
    data = read_via_folder(root)
    return data.train.images[0], data.train.problems


def csv_row(name, shape, attributes, number=0):
    fields = [json.dumps(one).replace('"', '""') for one in (shape, attributes)]
    return f'{name},1234,"{{}}",2,{number},"{fields[0]}","{fields[1]}"'


def test_a_project_is_read_with_outlines_boxes_and_photos_without_regions(tmp_path):
    data = read_via_folder(via_tree(tmp_path))
    first, second, third = data.train.images
    assert data.train.problems == ()
    assert data.train.class_names == ("dog", "cat")  # in the order of the options
    polygon, rectangle, circle, ellipse = first.objects
    assert (polygon.box, rle_area(polygon.mask), polygon.class_index) == ((10, 10, 40, 30), 600, 1)
    assert (rectangle.box, rectangle.mask) == ((10, 10, 40, 30), None)
    assert rle_area(circle.mask) == pytest.approx(np.pi * 100, rel=0.02)
    rows, columns = np.mgrid[:60, :80] + 0.5
    along = (columns - 40) * np.cos(0.5) + (rows - 30) * np.sin(0.5)
    across = (rows - 30) * np.cos(0.5) - (columns - 40) * np.sin(0.5)
    expected = (along / 20) ** 2 + (across / 10) ** 2 <= 1
    drawn = rle_to_mask(ellipse.mask)
    assert (drawn & expected).sum() / (drawn | expected).sum() > 0.97
    # VIA lists every photo, so one without regions may not have been labelled.
    assert second.state == third.state == LabelState.NONE


def test_version_1_numbers_its_regions_and_may_have_no_attributes(tmp_path):
    photo(tmp_path / "train" / "a.png")
    regions = {"0": {"shape_attributes": via_polygon(), "region_attributes": {}}, "1": via_region(RECT)}
    write_json(tmp_path / "train" / "via_region_data.json", {"a.png1234": via_photo("a.png", regions)})
    data = read_via_folder(tmp_path)
    assert data.train.class_names == ("object",)
    assert len(data.train.images[0].objects) == 2
    assert data.notes == ("The regions have no attributes, so all are of one class, object.",)


def test_the_class_is_the_only_attribute_or_the_one_that_is_called_so(tmp_path):
    _, problems = read_one(
        tmp_path,
        via_region(RECT, Class="cat", colour="red", name=""),
        via_region(RECT, Class="dog", colour="red", quality={"good": True}),
    )
    assert problems == ()
    assert read_via_folder(tmp_path).train.class_names == ("cat", "dog")


def test_attributes_of_which_any_may_be_the_class_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="regions have the attributes colour, species, and any may be the class"):
        read_one(tmp_path, via_region(RECT, species="cat", colour="red"))


def test_a_checkbox_is_the_class_if_one_option_is_chosen(tmp_path):
    image, (problem,) = read_one(
        tmp_path,
        via_region(RECT, kind={"cat": True, "dog": False}),
        via_region(RECT, kind={"cat": True, "dog": True}),
    )
    assert len(image.objects) == 1
    assert "region 2 cannot be read (ValueError: it is of 2 classes, cat and dog)" in str(problem)


def test_a_region_without_a_class_is_reported(tmp_path):
    image, (problem,) = read_one(tmp_path, via_region(RECT, kind="cat"), via_region(RECT, kind=""))
    assert "entry 'a.png1234': region 2 has no class" in str(problem)
    assert image.state == LabelState.BROKEN


def test_closed_lines_are_outlines_and_open_ones_and_points_are_a_problem(tmp_path):
    closed = {**via_polygon([*SQUARE, SQUARE[0]]), "name": "polyline"}
    image, (problem,) = read_one(
        tmp_path,
        via_region(closed, kind="cat"),
        via_region({**closed, "all_points_x": [1, 2, 3, 4, 5]}, kind="cat"),
        via_region({"name": "point", "cx": 3, "cy": 4}, kind="cat"),
    )
    assert rle_area(image.objects[0].mask) == 600
    assert "2 of its shapes (polyline, point) are neither boxes nor areas" in str(problem)


@pytest.mark.parametrize("start", ["#", "", "\ufeff"])
def test_an_export_to_csv_is_read_with_the_lines_of_broken_rows(tmp_path, start):
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png")
    rows = [
        start + HEADER,
        csv_row("a.png", via_polygon(), {"kind": "cat"}),
        csv_row("a.png", RECT, {"kind": "dog"}, 1),
        'b.png,1234,"{}",0,0,"{}","{}"',
        'b.png,1234,"{}",1,0,"{""name"":","{}"',
        ',1234,"{}",1,0,"{}","{}"',
    ]
    (tmp_path / "via_export_csv.csv").write_text("\n".join(rows), encoding="utf-8")
    assert is_via_folder(tmp_path)
    data = read_via_folder(tmp_path)
    first, second = data.train.images
    assert rle_area(first.objects[0].mask) == 600
    assert (first.objects[1].box, first.state) == ((10, 10, 40, 30), LabelState.WHOLE)
    assert second.state == LabelState.BROKEN
    assert sorted(problem.what[:7] for problem in data.train.problems) == ["line 5 ", "line 6 "]


def test_outlines_longer_than_fields_of_csv_usually_are_are_read(tmp_path):
    photo(tmp_path / "a.png")
    outline = [[x / 1000, 10 if x % 2 else 20] for x in range(20_000)]
    (tmp_path / "via.csv").write_text("\n".join([HEADER, csv_row("a.png", via_polygon(outline), {"kind": "cat"})]))
    (image,) = read_via_folder(tmp_path).train.images
    assert len(image.objects) == 1


def test_a_project_counts_where_a_folder_has_exports_of_it_too(tmp_path):
    via_tree(tmp_path)
    write_json(tmp_path / "via_region_data.json", {"a.png1234": via_photo("a.png", [])})
    (tmp_path / "via_export_csv.csv").write_text("\n".join([HEADER, csv_row("a.png", RECT, {"kind": "cat"})]))
    data = read_via_folder(tmp_path)
    assert (len(data.train.images[0].objects), data.train.problems) == (4, ())


def test_photos_named_by_urls_are_found_by_their_names(tmp_path):
    photo(tmp_path / "images" / "a.png")
    project = via_project(via_photo("https://host/u/7/a.png", [via_region(RECT, kind="cat")]))
    write_json(tmp_path / "project.json", project)
    (image,) = read_via_folder(tmp_path).train.images
    assert image.path.name == "a.png"


def test_folders_called_train_and_val_are_the_parts(tmp_path):
    via_tree(tmp_path / "train")
    via_tree(tmp_path / "val")
    data = read_via_folder(tmp_path)
    assert (len(data.train.images), len(data.val.images)) == (3, 3)


def test_projects_of_version_3_are_refused_with_what_to_export(tmp_path):
    project = {"pid": "x", "data_format_version": "3.1.1", "vid_list": ["0"]}
    path = write_json(tmp_path / "p.json", {"project": project, "config": {}, "file": {}, "metadata": {}})
    assert is_via_folder(tmp_path)
    with pytest.raises(DataError, match=r"p\.json: is of VIA 3, .* Export it there as COCO JSON"):
        read_via_folder(path.parent)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (via_region({"name": "star"}, kind="cat"), "no shape called 'star'"),
        (via_region({"name": "rect", "x": 1}, kind="cat"), "KeyError"),
        (via_region({**RECT, "x": None}, kind="cat"), "is not a number"),
        (via_region({"name": "circle", "cx": 3, "cy": 3, "r": 0}, kind="cat"), "its radius is 0, 0"),
        (via_region({**via_polygon(), "all_points_x": [1]}, kind="cat"), "1 places x and 4 places y"),
        ({"shape_attributes": RECT}, "KeyError"),
        (7, "TypeError"),
    ],
)
def test_a_broken_region_is_reported_and_the_others_are_read(tmp_path, region, message):
    image, (problem,) = read_one(tmp_path, via_region(RECT, kind="cat"), region)
    assert "via_region_data.json: entry 'a.png1234': region 2 cannot be read" in str(problem)
    assert message in str(problem)
    assert len(image.objects) == 1


def test_a_broken_entry_is_reported_with_its_key(tmp_path):
    via_tree(tmp_path)
    project = json.loads((tmp_path / "via_project.json").read_text())
    project["_via_img_metadata"]["odd"] = {"filename": 7}
    write_json(tmp_path / "via_project.json", project)
    assert "entry 'odd' cannot be read" in str(read_via_folder(tmp_path).train.problems[0])
