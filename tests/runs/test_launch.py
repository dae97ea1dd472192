"""What the app starts: a worker of its own process, and through it a training."""

import os
import subprocess
import sys

import pytest

from splitlab.queue.queue import waiting_runs
from splitlab.queue.worker import _lock_worker, ensure_worker, launch, worker_is_alive
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import State
from splitlab.training.experiment import prepare_run
from tests.runs.queue_tools import SPEC, make_run, state_of, wait_until, workspace_in


@pytest.fixture
def workspace(tmp_path):
    return workspace_in(tmp_path)


@pytest.fixture
def started(monkeypatch):
    """The commands that would have been started, with their workspaces."""
    commands = []

    class FakeProcess:
        def __init__(self, command, env, **_options):
            commands.append((command[2:], env["SPLITLAB_WORKSPACE"]))

        def wait(self):
            return 0

    monkeypatch.setattr("splitlab.queue.worker.subprocess.Popen", FakeProcess)
    return commands


def test_a_launched_run_waits_and_gets_a_worker_for_its_device(workspace, started):
    launch(make_run(workspace, "one"), workspace)
    launch(make_run(workspace, "two", SPEC.changed(device="cuda")), workspace)
    assert [entry.run for entry in waiting_runs(workspace)] == ["one", "two"]
    assert started == [
        (["splitlab", "worker", "--device", device, "--until-empty"], str(workspace.root)) for device in ("cpu", "cuda")
    ]


def test_a_worker_that_runs_gets_no_second_one(workspace, started):
    with _lock_worker(workspace, Device("cpu")), _lock_worker(workspace, Device("cuda", 3)):
        ensure_worker(workspace, "cpu")
        ensure_worker(workspace, "cuda")
        assert started == []
        ensure_worker(workspace, "mps")
    ensure_worker(workspace, "cpu")
    assert [command[3] for command, _ in started] == ["mps", "cpu"]


def test_a_real_training_goes_on_when_the_app_that_launched_it_has_ended(tiny_spec, workspace):
    run = prepare_run(workspace.runs / "real", tiny_spec.changed(steps=2, evaluate_every=2), workspace.data)
    app = (
        "import sys; from pathlib import Path; from splitlab.queue.worker import launch; "
        "from splitlab.queue.queue import run_named; from splitlab.workspace import Workspace; "
        "here = Workspace.here(); launch(run_named(here, 'real'), here)"
    )
    environment = {**os.environ, "SPLITLAB_WORKSPACE": str(workspace.root)}
    subprocess.run([sys.executable, "-c", app], env=environment, check=True)
    wait_until(lambda: state_of(run) in (State.DONE, State.FAILED), seconds=120)
    assert state_of(run) == State.DONE, run.log_path.read_text()
    wait_until(lambda: not worker_is_alive(workspace, "cpu"))
    assert waiting_runs(workspace) == []
    assert "Done" in run.log_path.read_text()
    (log,) = workspace.workers.glob("*-cpu.log")
    assert "real: done, step 2 of 2" in log.read_text()
