import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.errors import CheckpointError
from splitlab.models.registry import build_model
from splitlab.runs.checkpoint_files import facts_of
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.models.foreign_files import save_as_the_authors_do

runner = CliRunner()


def test_an_official_file_is_imported_shown_and_predicts(tmp_path):
    names = {0: "cat", 1: "dog"}
    model = build_model("yolov5n-seg", 2, 640)
    file = save_as_the_authors_do(tmp_path / "yolov5n-seg.pt", model, names=names)
    result = runner.invoke(cli.app, ["checkpoint", "import", str(file)], catch_exceptions=False)
    assert "yolov5n-seg, 2 classes, 640 px" in result.stdout
    folder = Workspace.here().imported / "yolov5n-seg"
    card = json.loads(runner.invoke(cli.app, ["checkpoint", "show", str(folder), "--json"]).stdout)
    assert card["class_names"] == ["cat", "dog"]
    Image.new("RGB", (60, 40)).save(tmp_path / "photo.png")
    words = ["predict", str(folder), str(tmp_path / "photo.png"), "--json"]
    assert json.loads(runner.invoke(cli.app, words, catch_exceptions=False).stdout)[0]["width"] == 60


def test_a_file_that_is_no_checkpoint_gets_a_sentence(tmp_path):
    (tmp_path / "bad.pt").write_bytes(b"nothing of the kind")
    result = runner.invoke(cli.app, ["checkpoint", "import", str(tmp_path / "bad.pt")])
    assert "bad.pt" in str(result.exception)
    assert not Workspace.here().imported.exists()


def run(*words):
    return runner.invoke(
        cli.app, ["checkpoint", *map(str, words)], catch_exceptions=False, env={"COLUMNS": "200"}
    ).stdout


def test_a_checkpoint_is_shared_by_a_hub_on_the_command_line(tmp_path):
    hub = tmp_path / "hub"
    folder = write_checkpoint(hub / "shared")
    assert "1 checkpoints" in run("index", hub)
    listed = run("list", hub)
    assert all(word in listed for word in ("shared", "yolov5n-seg", "CC0-1.0", "3/4"))
    assert json.loads(run("list", hub, "--json"))[0]["files"]["card.json"]["bytes"]
    run("get", hub, "shared")
    assert facts_of(Workspace.here().imported / "shared") == facts_of(folder)
    assert str(hub) in run("list").replace("\n", "")


def test_a_checkpoint_travels_as_a_zip(tmp_path):
    folder = write_checkpoint(tmp_path / "mine")
    assert "MB" in run("export", folder, tmp_path / "out.zip")
    assert "yolov5n-seg, 2 classes" in run("import", tmp_path / "out.zip", "--name", "theirs")
    shown = run("show", Workspace.here().imported / "theirs")
    assert all(word in shown for word in ("theirs", "tiny", "CC0-1.0", "3/4, seed 0", "not scored", "MB"))
    assert facts_of(folder)["model.safetensors"].sha256 in shown.replace("\n", "")


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/b", "..", ""])
def test_a_name_never_leads_out_of_the_work_space(tmp_path, name):
    folder = write_checkpoint(tmp_path / "mine")
    result = runner.invoke(cli.app, ["checkpoint", "import", str(folder), "--name", name])
    assert isinstance(result.exception, CheckpointError) or name == ""
    assert not (tmp_path / "outside").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", *([] if name else ["workspace"])]


def test_a_file_of_another_kind_is_not_written(tmp_path):
    folder = write_checkpoint(tmp_path / "mine")
    result = runner.invoke(cli.app, ["checkpoint", "export", str(folder), str(tmp_path / "mine.pt")])
    assert "written as .onnx or .zip" in str(result.exception)
