"""A DETR of another project, whose file names no classes: imported, mapped once, scored and compared."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli import main as cli
from splitlab.errors import CheckpointError, SettingsError, SplitLabError
from splitlab.models.detr.sizes import SIZES
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.models.detr.small import TINY
from tests.models.detr.test_unused_classes import write_detr

runner = CliRunner()


def run(*words):
    return runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(autouse=True)
def tiny_size(monkeypatch):
    monkeypatch.setitem(SIZES, "detr-r18-small", TINY)


def imported(tmp_path, count, *words):
    """Import a DETR of `count` class numbers; its card says 64 px, so that a test takes no minutes."""
    result = run("checkpoint", "import", write_detr(tmp_path / f"detr{count}.pth", count), *words)
    folder = Workspace.here().imported / f"detr{count}"
    content = json.loads((folder / "card.json").read_text()) | {"image_size": 64}
    (folder / "card.json").write_text(json.dumps(content))
    return folder, result


@pytest.mark.parametrize(("count", "classes", "table"), [(91, 80, "coco91"), (21, 20, "voc21"), (20, 19, "voc20-ids")])
def test_it_is_scored_and_compared_by_a_class_map_that_its_card_keeps(tmp_path, tiny_folder, count, classes, table):
    folder, result = imported(tmp_path, count)
    assert f"detr-r18-small, {classes} classes, 800 px" in result.stdout
    assert f"are taken as {table}" in result.stderr
    with pytest.raises(SplitLabError, match=r"--class-map.*'(person|aeroplane)=square'") as refused:
        run("evaluate", folder, "--data", tiny_folder)
    assert "N/A" not in str(refused.value)
    words = ("evaluate", folder, "--data", tiny_folder, "--json")
    first = json.loads(run(*words, "--class-map", "cat=square", "--class-map", "bus=disc").stdout)
    kept = json.loads(run(*words).stdout)
    assert first == kept
    assert kept["classes"]["map"] == {"cat": "square", "bus": "disc"}
    assert "N/A" not in kept["classes"]["left_out"]
    assert len(kept["classes"]["left_out"]) == classes - 2
    own = write_checkpoint(tmp_path / "own", class_names=["square", "disc"])
    compared = json.loads(run("compare", folder, own, "--data", tiny_folder, "--json").stdout)
    assert compared["classes"] == ["square", "disc"]
    assert compared["models"][0]["class_map"]["map"] == {"cat": "square", "bus": "disc"}


def test_a_number_without_a_class_is_no_counterpart_by_name_but_may_get_one_by_number(tmp_path, tiny_folder):
    folder, _ = imported(tmp_path, 20)
    words = ("evaluate", folder, "--data", tiny_folder, "--json", "--class-map")
    with pytest.raises(CheckpointError, match=r"has no class 'N/A'\. It has aeroplane, bicycle"):
        run(*words, "N/A=square")
    assert read_card(folder).class_maps == []
    result = run(*words, "0=square")
    assert "takes class 0 as square" in result.stderr
    assert json.loads(result.stdout)["classes"]["map"] == {"class 0": "square"}


def test_class_names_are_chosen_at_import(tmp_path):
    folder, result = imported(tmp_path, 20, "--class-names", "voc20")
    assert "detr-r18-small, 20 classes" in result.stdout
    assert result.stderr == ""
    assert read_card(folder).class_names[0] == "aeroplane"
    names = tmp_path / "names.yaml"
    names.write_text("path: photos\nnames: {0: N/A, 1: leaf, 2: stem}\n")
    folder, result = imported(tmp_path, 3, "--class-names", names)
    assert "2 classes" in result.stdout
    assert read_card(folder).class_names == ["N/A", "leaf", "stem"]


def test_exported_objects_have_the_classes_that_can_be_predicted_and_no_others(tmp_path):
    folder, _ = imported(tmp_path, 91)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)).save(
        tmp_path / "photo.png"
    )
    run("predict", folder, tmp_path / "photo.png", "--min-score", "0", "--out", tmp_path / "found")
    (file,) = (path for path in (tmp_path / "found").rglob("*.json") if "annotations" in json.loads(path.read_text()))
    content = json.loads(file.read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert len(names) == 80
    assert "N/A" not in names.values()
    seen = json.loads(run("predict", folder, tmp_path / "photo.png", "--min-score", "0", "--json").stdout)
    of_photo = {found["class"] for found in seen[0]["detections"]}
    assert {names[found["category_id"]] for found in content["annotations"]} <= of_photo
    assert content["annotations"]


@pytest.mark.parametrize("word", ["order", "a=b"])
def test_a_word_that_names_no_classes_is_refused_before_a_file_is_read(tmp_path, word):
    with pytest.raises(SettingsError, match=f"--class-names {word}: must be voc20, "):
        run("checkpoint", "import", tmp_path / "missing.pth", "--class-names", word)


def test_a_checkpoint_of_ours_keeps_the_names_on_its_card(tmp_path):
    folder = write_checkpoint(tmp_path / "ours")
    with pytest.raises(SettingsError, match="is a checkpoint of SplitLab, whose card names its classes"):
        run("checkpoint", "import", folder, "--class-names", "voc20", "--name", "other")
    assert not Workspace.here().imported.exists()
