"""A disk that can only be read: what is there is shown, and what would change it is refused in one sentence."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.files import publish
from splitlab.cli.main import app as commands
from splitlab.errors import SplitLabError
from splitlab.queue.queue import Where, cancel, delete, enqueue, move
from splitlab.runs.notes import Notes, add_tag, write_notes
from splitlab.runs.run_folder import RunFolder, State
from splitlab.training.experiment import carry_out, prepare_run
from tests.runs.queue_tools import make_queued, workspace_in
from tests.small_disk import read_only
from tests.ui.opened import open_page, texts

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def workspace(tiny_spec, tiny_folder, tmp_path_factory):
    """A workspace with a run that is done, one that failed and one that waits; nothing of it can be written."""
    workspace = workspace_in(tmp_path_factory.mktemp("disk") / "workspace")
    run = prepare_run(workspace.runs / "done", tiny_spec.changed(steps=1), workspace.data)
    carry_out(run, workspace.data)
    shutil.copytree(tiny_folder, workspace.data / "tiny")
    make_queued(workspace, "waits", "waits-too")
    failed = RunFolder.create(workspace.runs / "failed", tiny_spec, {})
    failed.write_status(State.FAILED, 0, 6, "for a reason")
    with read_only(workspace.root):
        yield workspace


@pytest.fixture(autouse=True)
def here(workspace, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(workspace.root))
    monkeypatch.chdir(ROOT)


CHANGES = {
    "queue": lambda w: enqueue(w, "failed"),
    "cancel": lambda w: cancel(w, "waits"),
    "move": lambda w: move(w, "waits", Where.LAST),
    "delete": lambda w: delete(w, "done"),
    "note": lambda w: write_notes(w.runs / "done", Notes("new")),
    "tag": lambda w: add_tag(w.runs / "done", "new"),
    "publish": lambda w: publish(w.runs / "done", "new", w.imported),
    "train": lambda w: carry_out(RunFolder(w.runs / "failed"), w.data),
    "make": lambda w: prepare_run(w.runs / "new", RunFolder(w.runs / "done").spec(), w.data),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_refused_in_a_sentence(workspace, change):
    with pytest.raises(SplitLabError, match="Read-only file system"):
        CHANGES[change](workspace)


def test_runs_and_queue_are_listed():
    def said(*words):
        result = CliRunner().invoke(commands, words, catch_exceptions=False)
        assert result.exit_code == 0
        return json.loads(result.stdout)

    assert {run["name"]: run["status"]["state"] for run in said("runs", "--json")} == {
        "done": "done",
        "failed": "failed",
        "waits": "waiting",
        "waits-too": "waiting",
    }
    assert [entry["name"] for entry in said("queue", "--json")] == ["waits", "waits-too"]


def test_the_command_line_refuses_to_train_in_one_sentence(workspace):
    ended = subprocess.run(
        [sys.executable, "-m", "splitlab", "retry", "failed"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ")
    assert "Read-only file system" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_ends_with_a_sentence(workspace):
    result = CliRunner().invoke(commands, ["worker", "--until-empty"])
    assert isinstance(result.exception, SplitLabError)
    assert "Read-only file system" in str(result.exception)


def test_the_pages_show_the_runs_and_a_start_is_one_sentence(workspace):
    app = open_page("train", run="done", data="tiny")
    assert "**done**" in texts(app)
    app.button[0].click().run()
    assert not app.exception
    assert "Read-only file system" in " ".join(error.value for error in app.error)
    open_page("runs")
    open_page("home")
