import numpy as np
import pytest

from splitlab.data.dataset import LabelState
from splitlab.data.formats.cvat_xml import is_cvat_folder, read_cvat_folder
from splitlab.errors import DataError
from splitlab.geometry import rle_area, rle_to_mask
from tests.data.label_trees import (
    SQUARE,
    cvat_image,
    cvat_mask,
    cvat_polygon,
    cvat_tree,
    cvat_xml,
    patch,
    photo,
    placed,
)

BOX = '<box label="cat" xtl="10" ytl="10" xbr="40" ybr="30" rotation="{}"></box>'


def read_one(root, *shapes, **more):
    photo(root / "images" / "a.png")
    (root / "annotations.xml").write_text(cvat_xml(cvat_image("a.png", *shapes), **more))
    data = read_cvat_folder(root)
    return data.train.images[0], data.train.problems


def test_a_task_is_read_with_outlines_boxes_masks_and_images_without_shapes(tmp_path):
    data = read_cvat_folder(cvat_tree(tmp_path))
    first, second, third = data.train.images
    assert data.train.problems == ()
    assert data.train.class_names == ("dog", "cat")  # in the order of the task
    polygon, box, mask, ellipse = first.objects
    assert (polygon.box, rle_area(polygon.mask), polygon.class_index) == ((10, 10, 40, 30), 600, 1)
    assert (box.box, box.mask) == ((10, 10, 40, 30), None)
    assert (rle_to_mask(mask.mask) == placed(patch(), 3, 4)).all()
    assert mask.box == (3, 4, 9, 9)
    # Turned by 90 degrees, it is 20 wide and 40 high.
    rows, columns = np.mgrid[:60, :80] + 0.5
    expected = ((columns - 40) / 10) ** 2 + ((rows - 30) / 20) ** 2 <= 1
    drawn = rle_to_mask(ellipse.mask)
    assert (drawn & expected).sum() / (drawn | expected).sum() > 0.97
    # CVAT lists all images of a task, labelled or not.
    assert second.state == third.state == LabelState.NONE


def test_run_lengths_are_read_row_by_row_with_background_first(tmp_path):
    rng = np.random.default_rng(3)
    masks = [rng.random((high, wide)) < 0.5 for high, wide in [(1, 1), (1, 9), (9, 1), (7, 11), (60, 80)]]
    image, problems = read_one(tmp_path, *(cvat_mask(mask, 0, 0) for mask in masks if mask.any()))
    assert problems == ()
    expected = [placed(mask, 0, 0) for mask in masks if mask.any()]
    assert all((rle_to_mask(label.mask) == mask).all() for label, mask in zip(image.objects, expected, strict=True))


@pytest.mark.parametrize(
    ("degrees", "box"),
    [
        ("0", (10, 10, 40, 30)),
        ("90", (15, 5, 35, 35)),
        ("180", (10, 10, 40, 30)),
        ("45.00", (7.3223, 2.3223, 42.6777, 37.6777)),
    ],
)
def test_the_box_of_a_turned_box_is_around_its_corners(tmp_path, degrees, box):
    image, _ = read_one(tmp_path, BOX.format(degrees))
    assert image.objects[0].box == pytest.approx(box, abs=1e-3)


def test_outlines_of_one_group_and_label_are_one_object(tmp_path):
    far = [[50, 40], [60, 40], [60, 50]]
    image, _ = read_one(
        tmp_path,
        cvat_polygon(more='group_id="2"'),
        cvat_mask(patch(), 60, 3, "cat", 'group_id="2"'),
        cvat_polygon(far, more='group_id="3"'),
        cvat_polygon(far, "dog", more='group_id="2"'),
    )
    assert len(image.objects) == 3
    assert rle_area(image.objects[0].mask) == 600 + patch().sum()
    assert image.objects[0].box == (10, 3, 66, 30)


@pytest.mark.parametrize("within", ["task", "project", "job"])
def test_classes_are_in_the_order_of_the_task_project_or_job(tmp_path, within):
    labels = ("zebra", "cat", "ant")
    read_one(tmp_path, cvat_polygon(), labels=labels, within=within)
    assert read_cvat_folder(tmp_path).train.class_names == labels


def test_key_points_of_a_skeleton_are_no_classes(tmp_path):
    xml = cvat_xml(cvat_image("a.png", cvat_polygon())).replace(
        "</labels>", "<label><name>nose</name><type>points</type><parent>person</parent></label></labels>"
    )
    photo(tmp_path / "a.png")
    (tmp_path / "annotations.xml").write_text(xml)
    assert read_cvat_folder(tmp_path).train.class_names == ("dog", "cat")


def test_subsets_of_a_project_are_the_parts(tmp_path):
    for subset in ("Train", "Validation", "default"):
        photo(tmp_path / "images" / subset / "a.png")
    images = [
        cvat_image("a.png", cvat_polygon(), more=f'subset="{name}"') for name in ("Train", "Validation", "default")
    ]
    (tmp_path / "annotations.xml").write_text(cvat_xml(*images))
    data = read_cvat_folder(tmp_path)
    assert [image.path.parent.name for image in data.train.images] == ["Train", "default"]
    assert [image.path.parent.name for image in data.val.images] == ["Validation"]


def test_the_subset_of_a_task_is_the_part_of_all_its_images(tmp_path):
    for name in ("train", "val"):
        root = cvat_tree(tmp_path / f"task {name}")
        xml = (root / "annotations.xml").read_text().replace("<task>", f"<task><subset>{name}</subset>")
        (root / "annotations.xml").write_text(xml)
    data = read_cvat_folder(tmp_path)
    assert {image.path.parts[-3] for image in data.val.images} == {"task val"}
    assert sum(image.state != LabelState.NONE for image in data.val.images) == 1


def test_several_tasks_in_folders_are_one_dataset(tmp_path):
    for name in ("one", "two"):
        cvat_tree(tmp_path / name)
    assert is_cvat_folder(tmp_path)
    assert len(read_cvat_folder(tmp_path).train.images) == 6


def test_shapes_that_are_no_areas_are_one_problem_and_tags_of_images_are_ignored(tmp_path):
    skeleton = '<skeleton label="person"><points label="nose" points="1,2"></points></skeleton>'
    line = '<polyline label="cat" points="1,2;3,4"></polyline>'
    image, (problem,) = read_one(tmp_path, skeleton, line, '<tag label="night"></tag>')
    assert "line 3: image 'a.png': 2 of its shapes (skeleton, polyline) are neither" in str(problem)
    assert image.state == LabelState.BROKEN


def test_tracks_of_a_video_are_refused_with_what_to_export(tmp_path):
    track = '<track id="0" label="cat"><box frame="0" xtl="1" ytl="1" xbr="4" ybr="4" outside="0"></box></track>'
    (tmp_path / "annotations.xml").write_text(cvat_xml(track))
    assert is_cvat_folder(tmp_path)
    with pytest.raises(DataError, match="it has tracks of a video"):
        read_cvat_folder(tmp_path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<box label="cat" xtl="1" ytl="1" xbr="4"></box>', "KeyError: 'ybr'"),
        ('<box label="cat" xtl="nan" ytl="1" xbr="4" ybr="4"></box>', "nan is not a place in an image"),
        ('<polygon points="1,1;2,2;3,3"></polygon>', "KeyError: 'label'"),
        ('<polygon label="cat" points="1,1;2,2"></polygon>', "fewer than three points"),
        ('<polygon label="cat" points="1,1;2;3,3"></polygon>', "not enough values"),
        ('<ellipse label="cat" cx="1" cy="1" rx="-1" ry="1"></ellipse>', "its radius is -1, 1"),
        (BOX.format("inf"), "inf is not a place"),
    ],
)
def test_a_broken_shape_is_reported_with_its_line_and_the_others_are_read(tmp_path, shape, message):
    image, (problem,) = read_one(tmp_path, cvat_polygon(), "\n", shape)
    assert "annotations.xml: line 3: image 'a.png':" in str(problem)
    assert message in str(problem)
    assert len(image.objects) == 1


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ("0, 29", "it does not fill 6 x 5 pixels"),
        ("0, 31", "it does not fill 6 x 5 pixels"),
        ("-1, 31", "it does not fill 6 x 5 pixels"),
        ("0, x", "invalid literal"),
        ("0, 99999999999999999999", "too large"),
    ],
)
def test_the_box_of_a_mask_that_cannot_be_read_is_kept(tmp_path, rle, message):
    mask = f'<mask label="cat" rle="{rle}" left="3" top="4" width="6" height="5"></mask>'
    image, (problem,) = read_one(tmp_path, mask)
    assert "line 3: image 'a.png': mask 1: its rle cannot be read" in str(problem)
    assert message in str(problem)
    assert [(label.box, label.mask) for label in image.objects] == [((3, 4, 9, 9), None)]


def test_a_mask_larger_than_its_image_is_refused_before_it_is_in_memory(tmp_path):
    huge = '<mask label="cat" rle="0,99999980000001" left="0" top="0" width="9999999" height="9999999"></mask>'
    _, (problem,) = read_one(tmp_path, huge)
    assert "9999999 x 9999999 pixels, which do not fit its image" in str(problem)


def test_a_broken_image_is_reported_and_the_others_are_read(tmp_path):
    cvat_tree(tmp_path)
    xml = (tmp_path / "annotations.xml").read_text().replace('name="b.png"  width="80"', 'name="b.png"')
    (tmp_path / "annotations.xml").write_text(xml)
    (problem,) = read_cvat_folder(tmp_path).train.problems
    assert "line 4: image 'b.png' cannot be read" in str(problem)


def test_a_file_that_is_cut_short_is_read_up_to_there(tmp_path):
    cvat_tree(tmp_path)
    xml = (tmp_path / "annotations.xml").read_text()
    (tmp_path / "annotations.xml").write_text(xml[: xml.index('name="b.png"')])
    data = read_cvat_folder(tmp_path)
    assert "is not valid XML" in str(data.train.problems[0])
    assert len(data.train.images[0].objects) == 4


def test_entities_and_doctypes_are_refused(tmp_path):
    cvat_tree(tmp_path)
    xml = (tmp_path / "annotations.xml").read_text()
    bomb = xml.replace("<annotations>", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>')
    (tmp_path / "annotations.xml").write_text(bomb)
    with pytest.raises(DataError, match="has a DOCTYPE"):
        read_cvat_folder(tmp_path)


def test_annotations_of_voc_are_not_cvat(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation><filename>a.png</filename><size></size></annotation>")
    assert not is_cvat_folder(tmp_path)
    with pytest.raises(DataError, match="has no XML file of CVAT"):
        read_cvat_folder(tmp_path)


def test_the_hash_changes_with_a_point(tmp_path):
    read_one(tmp_path, cvat_polygon())
    before = read_cvat_folder(tmp_path).train.source_hash
    read_one(tmp_path, cvat_polygon([*SQUARE, [5, 20]]))
    assert read_cvat_folder(tmp_path).train.source_hash != before
