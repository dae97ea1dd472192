"""How the work on an atlas ends before its end: a run that fails, time that is over, Ctrl-C, kill -9; and goes on."""

import os
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from splitlab.atlas.work import AtlasWork, Deadline
from splitlab.checkpoints.checkpoint import read_weights
from splitlab.cli import main as cli
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.store import list_runs
from splitlab.workspace import Workspace
from tests.experiments.atlas_tools import open_tiny, rows, start_worker, told, work, write_plan

# Other work may want the cores.
PATIENCE = 900


def test_a_run_that_fails_does_not_stop_the_others(tiny_folder, monkeypatch):
    write_plan(tiny_folder, full=[4], weak=[0, 4])
    broken, _ = open_tiny().planned
    broken.path.mkdir(parents=True)
    (broken.path / "spec.json").write_text("{")
    outcome = work().work_through()
    assert list(outcome.failed) == [broken.path.name]
    assert "spec.json is broken" in outcome.failed[broken.path.name]
    assert [one.weak for one in rows()] == [4]


def test_when_the_time_is_over_the_run_at_hand_is_saved_and_goes_on_with_the_next_call(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0], steps=6, every=6)
    ticks = iter([False, False, False, True, True, True])

    class Soon(Deadline):
        is_over = property(lambda _: next(ticks, True))

    outcome = AtlasWork(open_tiny(), Workspace.here(), Soon()).work_through()
    assert (outcome.measured, outcome.stopped, rows()) == ([], True, ())
    (run,) = open_tiny().planned
    assert 0 < RunFolder(run.path).status().step < 6
    assert len(work().work_through().measured) == 1


def test_a_stop_that_comes_in_the_last_step_ends_the_work_after_that_run(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0, 4])

    def stop(what: str, _done: int, _total: int) -> None:
        if what == "evaluate":
            RunFolder(open_tiny().planned[0].path).ask_to_cancel()

    outcome = AtlasWork(open_tiny(), Workspace.here(), progress=stop).work_through()
    assert (len(outcome.measured), outcome.stopped) == (1, True)
    assert len(work().work_through().measured) == 1


@pytest.mark.slow
def test_a_failed_run_is_told_also_where_the_time_is_over(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0, 4], steps=5000)
    broken, _ = open_tiny().planned
    broken.path.mkdir(parents=True)
    (broken.path / "spec.json").write_text("{")
    words = ["atlas", "run", "tiny", "--minutes", "0.05"]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 1, done.output
    assert "saved at step" in done.output


def wait_for_a_saved_state() -> None:
    end = time.monotonic() + PATIENCE
    while not any(Workspace.here().runs.glob("*/weights/state.pt")):
        assert time.monotonic() < end
        time.sleep(0.05)


def kill_in_training(worker: subprocess.Popen) -> None:
    """Kill a worker with -9 once it has saved a state and is not done."""
    wait_for_a_saved_state()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()


@pytest.mark.slow
def test_killed_with_9_it_goes_on_where_it_was_and_ends_as_if_it_had_not_been(tiny_folder, tmp_path, monkeypatch):
    write_plan(tiny_folder, full=[4], weak=[0, 4], steps=12, every=3)
    worker = start_worker()
    kill_in_training(worker)
    assert worker.returncode == -signal.SIGKILL
    assert len(rows()) < 2
    second = start_worker()
    assert second.wait(PATIENCE) == 0, told()
    ended, weights = {one.key: one for one in rows()}, weights_of_runs()
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "undisturbed"))
    (Workspace.here().measured / "tiny.csv").unlink()
    undisturbed = start_worker()
    assert undisturbed.wait(PATIENCE) == 0, told()
    for one in rows():
        assert repr(as_if_at_once(one)) == repr(as_if_at_once(ended[one.key]))
    for name, tensors in weights_of_runs().items():
        assert all(np.array_equal(tensor, weights[name][part]) for part, tensor in tensors.items())


def weights_of_runs():
    return {run.name: read_weights(run / "weights") for run in Workspace.here().runs.glob("atlas-*")}


def as_if_at_once(measured):
    """Without what another hour or a commit in between changes."""
    return replace(measured, train_seconds=0.0, code_version="-", date="-")


@pytest.mark.slow
def test_two_workers_side_by_side_train_every_run_once(tiny_folder):
    write_plan(tiny_folder, full=[2, 4], weak=[0, 2, 4], steps=12, every=4)
    workers = [start_worker("--json"), start_worker("--json")]
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0], told()
    assert len(rows()) == len({one.key for one in rows()}) == 6
    for summary in list_runs(Workspace.here().runs):
        starts = [event for event in RunFolder(summary.path).events() if event["kind"] == "start"]
        assert len(starts) == 1


@pytest.mark.slow
def test_ctrl_c_saves_the_run_at_hand_and_ends_with_130(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0], steps=2000, every=5)
    worker = start_worker()
    wait_for_a_saved_state()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE) == 130
    assert "saved at step" in told()
