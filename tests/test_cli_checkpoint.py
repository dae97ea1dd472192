import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from splitlab.checkpoints.files import facts_of
from splitlab.cli import main as cli
from splitlab.errors import CheckpointError
from splitlab.models.registry import build_model
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.hugging_face_server import files_of, hugging_face
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


def test_a_checkpoint_is_pushed_to_a_repository_and_got_from_it_on_the_command_line(tmp_path, monkeypatch):
    folder = write_checkpoint(tmp_path / "mine")
    with hugging_face(monkeypatch) as server:
        monkeypatch.setenv("HF_TOKEN", "secret")
        told = run("push", folder, "lab/pets")
        (commit,) = server.commits["lab/pets"]
        assert told == f"Others get it with: splitlab checkpoint get lab/pets@{commit}\n"
        assert server.made == [("lab/pets", "private")]
        assert f"lab/pets@{commit} is here: {Workspace.here().imported / 'pets'}" in run("get", "lab/pets")
        run("get", f"lab/pets@{commit}", "--name", "theirs")
        run("push", folder, "lab/open", "--public")
        assert server.made[-1] == ("lab/open", "public")
    for name in ("pets", "theirs"):
        assert facts_of(Workspace.here().imported / name)["model.safetensors"] == facts_of(folder)["model.safetensors"]


def test_a_checkpoint_travels_as_a_zip(tmp_path):
    folder = write_checkpoint(tmp_path / "mine")
    assert "MB" in run("export", folder, tmp_path / "out.zip")
    assert "yolov5n-seg, 2 classes" in run("import", tmp_path / "out.zip", "--name", "theirs")
    shown = run("show", Workspace.here().imported / "theirs")
    assert all(word in shown for word in ("theirs", "tiny", "CC0-1.0", "3/4, seed 0", "not scored", "MB"))
    assert facts_of(folder)["model.safetensors"].sha256 in shown.replace("\n", "")


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/b", "..", ".hidden"])
def test_a_name_for_what_is_got_never_leads_out_of_the_workspace(tmp_path, monkeypatch, name):
    with hugging_face(monkeypatch) as server:
        server.commit("lab/pets", files_of(write_checkpoint(tmp_path / "theirs")))
        result = runner.invoke(cli.app, ["checkpoint", "get", "lab/pets", "--name", name])
    assert isinstance(result.exception, CheckpointError)
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/b", "..", ""])
def test_a_name_never_leads_out_of_the_workspace(tmp_path, name):
    folder = write_checkpoint(tmp_path / "mine")
    result = runner.invoke(cli.app, ["checkpoint", "import", str(folder), "--name", name])
    assert isinstance(result.exception, CheckpointError) or name == ""
    assert not (tmp_path / "outside").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", *([] if name else ["workspace"])]


def test_a_file_of_another_kind_is_not_written(tmp_path):
    folder = write_checkpoint(tmp_path / "mine")
    result = runner.invoke(cli.app, ["checkpoint", "export", str(folder), str(tmp_path / "mine.pt")])
    assert "written as .onnx or .zip" in str(result.exception)
