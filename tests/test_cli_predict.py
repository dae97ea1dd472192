"""`splitlab predict --out`: what a model finds, as files that other tools read."""

import json
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli import main as cli
from splitlab.data.exports.formats import ExportFormat
from splitlab.errors import SplitLabError
from tests.checkpoints import write_checkpoint

runner = CliRunner()


def run(*words):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint of untrained weights for the classes of the tiny dataset."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "noise", class_names=["square", "disc"])


@pytest.fixture
def photos(tiny_folder, tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(tiny_folder / "images" / "val_1.png", folder / "b.png")
    shutil.copy(tiny_folder / "images" / "val_2.png", folder / "deep" / "a.PNG")
    (folder / "notes.txt").write_text("no photo")
    return folder


ALL = ("--min-score", "0.001")


def test_the_objects_in_the_files_are_those_that_are_printed(model, photos, tmp_path):
    printed = json.loads(run("predict", model, photos, *ALL, "--json").stdout)
    assert [entry["image"] for entry in printed] == [str(photos / "b.png"), str(photos / "deep" / "a.PNG")]
    told = json.loads(run("predict", model, photos, *ALL, "--out", tmp_path / "out", "--json").stdout)
    results = json.loads((tmp_path / "out" / "annotations" / "results_train.json").read_text())
    assert told["photos"] == 2
    assert told["objects"] == len(results) == sum(len(entry["detections"]) for entry in printed) > 0
    detections = [detection for entry in printed for detection in entry["detections"]]
    names = read_card(model).class_names
    for result, detection in zip(results, detections, strict=True):
        left, top, width, height = result["bbox"]
        np.testing.assert_allclose((left, top, left + width, top + height), detection["box"], atol=0.006)
        assert result["score"] == detection["score"]
        assert names[result["category_id"] - 1] == detection["class"]
        assert result["segmentation"] == detection["mask"]


@pytest.mark.parametrize("file_format", ExportFormat)
def test_every_format_holds_every_photo(model, photos, tmp_path, file_format):
    said = run("predict", model, photos, *ALL, "--out", tmp_path / "out", "--format", file_format).stdout
    assert "in 2 photos" in said
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.suffix.lower() == ".png"}
    assert names == {"b.png", "a.PNG"}


def test_a_photo_that_cannot_be_read_is_told_and_the_others_keep_their_objects(model, photos, tmp_path):
    run("predict", model, photos, *ALL, "--out", tmp_path / "before")
    whole = (photos / "b.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.jpg").write_bytes(b"")
    result = run("predict", model, photos, *ALL, "--out", tmp_path / "out")
    assert "cut.png" in result.stderr
    assert "empty.jpg" in result.stderr
    boxes = [boxes_by_photo(tmp_path / name) for name in ("before", "out")]
    assert boxes[0] == boxes[1]
    assert set(boxes[1]) == {"b.png", "deep/a.PNG"}


def boxes_by_photo(folder):
    content = json.loads((folder / "annotations" / "instances_train.json").read_text())
    return {
        image["file_name"]: [one["bbox"] for one in content["annotations"] if one["image_id"] == image["id"]]
        for image in content["images"]
    }


def test_results_on_a_dataset_have_the_ids_of_its_exported_labels(model, tiny_folder, tmp_path):
    from pycocotools.coco import COCO

    run("data", "export", tiny_folder, tmp_path / "labels")
    run("predict", model, "--data", tiny_folder, *ALL, "--part", "val", "--out", tmp_path / "found")
    files = sorted(path.name for path in (tmp_path / "found" / "annotations").iterdir())
    assert files == ["instances_val.json", "results_val.json"]
    truth = COCO(str(tmp_path / "labels" / "annotations" / "instances_val.json"))
    found = truth.loadRes(str(tmp_path / "found" / "annotations" / "results_val.json"))
    assert set(found.getImgIds()) == {1, 2, 3, 4}
    assert {one["category_id"] for one in found.dataset["annotations"]} <= {1, 2}


def test_classes_of_another_model_are_those_of_the_dataset(tiny_folder, tmp_path):
    other = write_checkpoint(tmp_path / "other", class_names=["disc", "star"])
    words = ("predict", other, "--data", tiny_folder, *ALL, "--out", tmp_path / "out")
    assert "star" in run(*words).stderr
    content = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_text())
    assert [category["name"] for category in content["categories"]] == ["square", "disc"]
    assert {one["category_id"] for one in content["annotations"]} == {2}


def test_classes_of_a_strange_checkpoint_do_not_break_the_file(photos, tmp_path):
    strange = write_checkpoint(tmp_path / "strange", class_names=["a\x1b[31m</label>", "b"])
    run("predict", strange, photos, *ALL, "--out", tmp_path / "out", "--format", "cvat")
    root = ElementTree.parse(tmp_path / "out" / "train" / "annotations.xml").getroot()  # noqa: S314
    assert root.find("meta/task/labels/label/name").text == "a\N{REPLACEMENT CHARACTER}[31m</label>"


def test_a_dataset_that_nobody_labelled_gets_the_classes_of_the_model(model, photos, tmp_path):
    run("predict", model, "--data", photos, *ALL, "--out", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_text())
    assert [category["name"] for category in content["categories"]] == ["square", "disc"]
    assert len(content["images"]) == 2
    assert content["annotations"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Name photos"),
        (("{photos}", "--data", "embedded", "--out", "out"), "not both"),
        (("{photos}", "--format", "cvat"), "--format: this needs --out"),
        (("--data", "embedded"), "--data: this needs --out"),
        (("{photos}", "--out", "out", "--part", "val"), "--part: this needs --data"),
        (("--data", "{photos}", "--out", "out", "--class-map", "disc=square"), "has no classes to map to"),
        (("{photos}", "--out", "out", "--labels", "boxes"), "not for --format coco"),
        (("{photos}", "--out", "out", "--labels", "outlines", "--format", "yolo-1.1"), "holds boxes alone"),
        (("{photos}", "--out", "{photos}"), "is there already"),
        (("{photos}/none.png", "--out", "out"), "is not a photo or a folder"),
        (("{photos}/empty", "--out", "out"), "has no photo"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_model_looks_at_a_photo(model, photos, words, message, monkeypatch):
    from splitlab.evaluation import found_labels

    monkeypatch.setattr(found_labels, "predict_in_batches", None)
    monkeypatch.chdir(photos.parent)
    (photos / "empty").mkdir()
    result = runner.invoke(cli.app, ["predict", str(model), *(word.format(photos=photos) for word in words)])
    assert isinstance(result.exception, SplitLabError)
    assert message in str(result.exception)
    assert not (photos.parent / "out").exists()
