import json
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest

from splitlab.data.dataset import ObjectLabel
from splitlab.data.exports.label_studio import export_label_studio
from splitlab.data.exports.objects import LabelShape
from splitlab.geometry import polygons_to_rle, rle_to_mask
from tests.data.exports.drawn import blob, found, iou, mask_of, masked, one_image, several, without_val


def tasks_in(folder, part="train"):
    return json.loads((folder / f"tasks_{part}.json").read_text())


def results_of(task):
    return [result for prediction in task["predictions"] for result in prediction["result"]]


def painted(rle, height, width):
    """Decode the bytes of a brush as rle-pack describes them, and return the pixels that are not transparent."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    place = 0

    def read(length):
        nonlocal place
        place += length
        return int(bits[place - length : place], 2)

    count, value_bits = read(32), read(5) + 1
    length_bits = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        is_run, length = read(1), read(length_bits[read(2)]) + 1
        values += [read(value_bits)] * length if is_run else [read(value_bits) for _ in range(length)]
    assert len(values) == count == height * width * 4
    return np.array(values).reshape(height, width, 4)[..., 3] > 0


@pytest.mark.parametrize("seed", range(4))
def test_brushes_paint_exactly_the_masks(tmp_path, seed):
    masks = [blob(np.random.default_rng(seed)), np.ones((120, 120), bool), np.eye(120, dtype=bool)]
    (task,) = tasks_in(export_label_studio(one_image(tmp_path, map(masked, masks)), tmp_path / "out"))
    for result, mask in zip(results_of(task), masks, strict=True):
        assert (result["type"], result["value"]["brushlabels"]) == ("brushlabels", ["a"])
        assert (painted(result["value"]["rle"], 120, 120) == mask).all()


def test_runs_longer_than_a_length_can_say_are_divided(tmp_path):
    mask = np.zeros((300, 300), bool)
    mask[:150] = True
    (task,) = tasks_in(export_label_studio(one_image(tmp_path, [masked(mask)], side=300), tmp_path / "out"))
    assert (painted(results_of(task)[0]["value"]["rle"], 300, 300) == mask).all()


def test_label_studio_itself_reads_the_brushes_alike(tmp_path):
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    mask = blob(np.random.default_rng(1))
    (task,) = tasks_in(export_label_studio(one_image(tmp_path, [masked(mask)]), tmp_path / "out"))
    values = brush.decode_rle(results_of(task)[0]["value"]["rle"])
    assert (values.reshape(120, 120, 4)[..., 3] > 0).tolist() == mask.tolist()


@pytest.mark.parametrize("labels", [None, *LabelShape])
def test_label_studio_itself_finds_no_fault_in_predictions_and_configuration(tmp_path, labels):
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    out = export_label_studio(found(several(tmp_path)), tmp_path / "out", labels=labels)
    configuration = interface.LabelInterface((out / "labeling_config.xml").read_text())
    configuration.validate()
    assert all(configuration.validate_prediction(task["predictions"][0]) for task in tasks_in(out)[:2])


def test_boxes_are_in_percent_of_the_photo(tmp_path):
    data = one_image(tmp_path, [ObjectLabel(1, (30, 60, 90, 130), None)])
    (task,) = tasks_in(export_label_studio(data, tmp_path / "out"))
    (result,) = results_of(task)
    expected = {"x": 25, "y": 50, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["b"]}
    assert result["value"] == expected
    assert (result["original_width"], result["original_height"]) == (120, 120)


def test_outlines_are_in_percent_and_cover_the_masks(tmp_path):
    data = several(tmp_path)
    task = tasks_in(export_label_studio(data, tmp_path / "out", labels=LabelShape.OUTLINES))[0]
    kinds = [result["type"] for result in results_of(task)]
    assert kinds == ["polygonlabels", "polygonlabels", "rectanglelabels"]
    for result, label in zip(results_of(task), data.train.images[0].objects, strict=False):
        if label.mask is not None:
            width, height = result["original_width"], result["original_height"]
            points = (np.array(result["value"]["points"]) * [width, height] / 100).ravel().tolist()
            assert iou(rle_to_mask(polygons_to_rle([points], height, width)), mask_of(label)) >= 0.97


@pytest.mark.parametrize("labels", [None, *LabelShape])
def test_the_configuration_has_a_control_with_all_classes_for_every_result(tmp_path, labels):
    out = export_label_studio(several(tmp_path), tmp_path / "out", labels=labels)
    view = ElementTree.parse(out / "labeling_config.xml").getroot()  # noqa: S314
    controls = {control.get("name"): control for control in view}
    results = [result for task in tasks_in(out) for result in results_of(task)]
    assert len(results) == 4
    for result in results:
        control = controls[result["from_name"]]
        assert control.tag.lower() == result["type"]
        assert control.get("toName") == result["to_name"] == "image"
        assert [label.get("value") for label in control] == ["square thing", "b<&>\"'"]
        assert len({label.get("background") for label in control}) == 2
    assert len({result["id"] for result in results}) == 4


def test_urls_lead_to_the_photos_below_the_folder_that_holds_the_export(tmp_path):
    data = one_image(tmp_path, [], image_id="town/a b#1?é&")
    (task,) = tasks_in(export_label_studio(data, tmp_path / "out"))
    url = urlsplit(task["data"]["image"])
    assert url.path == "/data/local-files/"
    assert (tmp_path / parse_qs(url.query)["d"][0]).is_file()


def test_labels_have_no_score_and_a_model_has_its_name_and_the_mean_of_its_scores(tmp_path):
    data = several(tmp_path)
    (labels,) = tasks_in(export_label_studio(data, tmp_path / "labels"))[0]["predictions"]
    assert "score" not in labels
    assert not any("score" in result for result in labels["result"])
    model = tasks_in(export_label_studio(found(data), tmp_path / "found", model="pets-30"))[0]["predictions"][0]
    assert [result["score"] for result in model["result"]] == [0.75, 0.625, 0.5]
    assert (model["model_version"], model["score"]) == ("pets-30", 0.625)


def test_photos_without_objects_are_tasks_without_a_prediction(tmp_path):
    tasks = tasks_in(export_label_studio(several(tmp_path), tmp_path / "out"))
    assert [len(results_of(task)) for task in tasks] == [3, 1, 0, 0]
    assert [len(task["predictions"]) for task in tasks] == [1, 1, 0, 0]


def test_a_part_without_images_is_left_out(tmp_path):
    out = export_label_studio(without_val(several(tmp_path)), tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == ["images", "labeling_config.xml", "tasks_train.json"]
