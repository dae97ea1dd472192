import json

from PIL import Image
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.models.registry import build_model
from splitlab.workspace import Workspace
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
