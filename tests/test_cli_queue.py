import json

import pytest
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.queue.queue import place_of
from splitlab.runs.run_folder import RunFolder, State
from splitlab.workspace import Workspace
from tests.runs.queue_tools import make_queued, make_run, state_of

runner = CliRunner()


@pytest.fixture
def workspace():
    return Workspace.here()


def run(*words, **options):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False, **options)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails_with(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["splitlab", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("command", ["queue", "queue add", "queue move", "cancel", "retry", "delete", "worker"])
def test_every_command_of_the_queue_explains_itself_with_an_example(command):
    text = run(*command.split(), "--help")
    assert "Example" in text
    assert f"splitlab {command}" in text


def test_the_queue_is_listed_as_a_table_and_as_json(workspace):
    assert "No run waits" in run("queue")
    assert json.loads(run("queue", "--json")) == []
    make_queued(workspace, "first", "second")
    assert "second" in run("queue")
    assert json.loads(run("queue", "--json"))[1] == {
        "place": 2,
        "name": "second",
        "device": "cpu",
        "state": "waiting",
        "step": 0,
        "steps": 20,
    }


def test_runs_are_put_in_moved_and_taken_out(workspace, monkeypatch):
    for name in "abc":
        make_run(workspace, name)
    added = runner.invoke(cli.app, ["queue", "add", "a", "b", str(workspace.runs / "c")])
    assert "c: place 3 in the queue" in added.stdout
    assert "splitlab worker --device cpu" in added.stderr
    assert "c: place 1" in run("queue", "move", "c", "first")
    run("cancel", "a")
    assert [row["name"] for row in json.loads(run("queue", "--json"))] == ["c", "b"]


def test_a_run_is_cancelled_retried_and_deleted_after_a_question(workspace):
    (waiting,) = make_queued(workspace, "a")
    assert "taken out of the queue" in run("cancel", "a")
    assert state_of(waiting) == State.CANCELLED
    assert "place 1" in run("retry", "a")
    declined = runner.invoke(cli.app, ["delete", "a"], input="n\n")
    assert declined.exit_code == 1
    assert waiting.spec_path.exists()
    run("delete", "a", input="y\n")
    assert not waiting.path.exists()
    other = make_run(workspace, "b")
    run("delete", "b", "--yes")
    assert not other.path.exists()


def test_a_running_run_is_asked_to_stop(workspace):
    training = make_run(workspace, "a")
    training.write_status(State.RUNNING, 3, 20)
    assert "stops after the current step" in run("cancel", "a")
    assert training.cancel_is_asked()


def test_mistakes_get_one_sentence(workspace, capsys, monkeypatch):
    assert "is not a run of the workspace" in fails_with(capsys, monkeypatch, "delete", "../runs", "--yes")
    assert "holds no run" in fails_with(capsys, monkeypatch, "cancel", "nothing")
    assert "choose one of cpu, mps, cuda:0" in fails_with(capsys, monkeypatch, "worker", "--device", "gpu")


def test_a_worker_for_a_device_that_is_not_there_takes_no_run(workspace, capsys, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "'cuda:99' is not on this machine" in fails_with(capsys, monkeypatch, "worker", "--device", "cuda:99")
    assert not workspace.workers.exists()


def test_train_puts_a_new_run_into_the_queue_when_asked(workspace, tiny_folder, capsys, monkeypatch):
    words = ("train", tiny_folder, "--full", "4", "--weak", "6", "--steps", "2", "--image-size", "64")
    words += ("--batch-size", "4", "--f-size", "2", "--model", "yolov5n-seg", "--queue")
    assert "place 1 in the queue" in run(*words, "--out", workspace.runs / "mine")
    assert place_of(workspace, "mine") == 1
    assert state_of(RunFolder(workspace.runs / "mine")) == State.WAITING
    outside = workspace.root.parent / "outside"
    assert "is not a run of the workspace" in fails_with(capsys, monkeypatch, *words, "--out", outside)
    assert not outside.exists()
