import shutil

from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli import main as cli
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint


def test_a_run_is_published_under_a_name_or_its_own(tmp_path):
    workspace = Workspace.here()
    run = RunFolder.create(workspace.runs / "grid-1", RunSpec.of("tiny", 3, 4), {})
    shutil.copytree(write_checkpoint(tmp_path / "made"), run.weights, dirs_exist_ok=True)
    for words, name in ((["grid-1", "--name", "best"], "best"), ([str(run.path)], "grid-1")):
        result = CliRunner().invoke(cli.app, ["checkpoint", "publish", *words], catch_exceptions=False)
        assert result.exit_code == 0
        assert f"{name}, 3.8 MB" in result.stdout
        assert read_card(workspace.imported / name).name == name
