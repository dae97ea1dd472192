import numpy as np
import pytest

from splitlab.data.dataset import LabelState
from splitlab.data.exports.label_studio import export_label_studio
from splitlab.data.formats.label_studio import is_label_studio_folder, read_label_studio_folder
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import DataError
from splitlab.geometry import rle_to_mask
from tests.data.label_trees import brush_bytes, photo, write_json

WIDTH, HEIGHT = 80, 40


def region(value, kind="rectanglelabels", **more):
    return {"original_width": WIDTH, "original_height": HEIGHT, "type": kind, "value": value, **more}


def task(number, *results, **more):
    annotations = [{"result": list(results), "was_cancelled": False}]
    image = f"https://host/data/upload/4/{number}a2b-p.png"
    return {"id": number, "data": {"image": image}, "annotations": annotations, **more}


def read(tmp_path, *tasks):
    for one in tasks:
        photo(tmp_path / "media" / one["data"]["image"].rpartition("/")[2])
    write_json(tmp_path / "project-1-at-2026.json", list(tasks))
    return read_label_studio_folder(tmp_path).train


def box(**changes):
    return {"x": 10, "y": 25, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["cat"], **changes}


def test_places_are_in_percent_of_the_image(tmp_path):
    outline = {"points": [[12.5, 25], [50, 25], [50, 75], [12.5, 75]], "polygonlabels": ["dog"]}
    (image,) = read(tmp_path, task(1, region(box()), region(outline, "polygonlabels"))).images
    boxed, outlined = image.objects
    assert (boxed.box, boxed.mask) == ((8, 10, 48, 30), None)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[10:30, 10:40] = True
    assert (rle_to_mask(outlined.mask) == expected).all()
    assert image.path == tmp_path / "media" / "1a2b-p.png"


def test_a_turned_rectangle_has_the_box_around_it(tmp_path):
    (image,) = read(tmp_path, task(1, region(box(x=50, y=0, width=25, height=50, rotation=90)))).images
    assert image.objects[0].box == pytest.approx((20, 0, 40, 20))


def test_brush_strokes_are_where_alpha_is(tmp_path):
    brush = {"format": "rle", "rle": list(brush_bytes(WIDTH, HEIGHT)), "brushlabels": ["cat"]}
    (image,) = read(tmp_path, task(1, region(brush, "brushlabels"))).images
    mask = rle_to_mask(image.objects[0].mask)
    assert mask[: HEIGHT // 2].all()
    assert not mask[HEIGHT // 2 :].any()


def test_a_shape_and_its_class_may_be_two_results_of_one_region(tmp_path):
    shape = {key: value for key, value in box().items() if key != "rectanglelabels"}
    results = [region(shape, "rectangle", id="r"), region({**shape, "labels": ["cat"]}, "labels", id="r")]
    train = read(tmp_path, task(1, *results))
    assert [len(image.objects) for image in train.images] == [1]
    assert train.class_names == ("cat",)


def test_what_was_submitted_without_regions_is_background_and_the_rest_is_not_labelled(tmp_path):
    skipped = {**task(2), "annotations": [{"result": [region(box())], "was_cancelled": True}]}
    proposed = {**task(3), "annotations": [], "predictions": [{"result": [region(box())]}]}
    states = [image.state for image in read(tmp_path, task(1), skipped, proposed).images]
    assert states == [LabelState.WHOLE, LabelState.NONE, LabelState.NONE]


def test_of_several_annotations_the_ground_truth_counts_else_the_last(tmp_path):
    first, second = ({"result": [region(box(rectanglelabels=[name]))]} for name in ("old", "new"))
    one = {**task(1), "annotations": [first, second]}
    two = {**task(2), "annotations": [{**first, "ground_truth": True}, second]}
    train = read(tmp_path, one, two)
    shown = [train.class_names[image.objects[0].class_index] for image in train.images]
    assert shown == ["new", "old"]


def test_key_points_and_odd_regions_are_problems_and_the_others_are_read(tmp_path):
    key_point = region({"x": 1, "y": 1, "width": 1, "keypointlabels": ["eye"]}, "keypointlabels")
    odd = region(box(x="left"))
    nameless = region(box(rectanglelabels=[]))
    choice = {"type": "choices", "value": {"choices": ["good"]}}
    train = read(tmp_path, task(1, key_point, odd, nameless, choice, region(box())), task(2, region(box())))
    assert [len(image.objects) for image in train.images] == [1, 1]
    assert [image.state for image in train.images] == [LabelState.BROKEN, LabelState.WHOLE]
    said = " ".join(problem.what for problem in train.problems)
    assert "region 2 of task 1 cannot be read" in said
    assert "region 3 of task 1 has no class" in said
    assert "neither boxes nor areas" in said


def test_our_own_export_opens_again_as_photos_that_are_not_labelled(tiny_folder, tmp_path):
    out = export_label_studio(open_dataset(str(tiny_folder), tmp_path), tmp_path / "out")
    data = open_dataset(str(out), tmp_path)
    assert data.format == "Label Studio"
    assert {image.state for image in data.train.images} == {LabelState.NONE}


def test_other_lists_are_not_taken_for_tasks(tmp_path):
    write_json(tmp_path / "min.json", [{"image": "a.png", "label": [box()]}])
    assert not is_label_studio_folder(tmp_path)
    with pytest.raises(DataError, match="Export the project as JSON, not as JSON-MIN"):
        read_label_studio_folder(tmp_path)
