"""The app killed while a training that it started runs: the training goes on, and the next app shows it."""

import shutil
from contextlib import suppress

import psutil
import pytest

from splitlab.queue.worker import worker_is_alive
from splitlab.runs.run_folder import State
from splitlab.runs.store import list_runs
from tests.app_server import app_server
from tests.runs.queue_tools import wait_until, workspace_in

STEPS = 4


def kill_app():
    alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    apps = [child for child in alive if "streamlit" in child.cmdline()]
    assert len(apps) == 1
    apps[0].kill()
    with suppress(psutil.NoSuchProcess):
        apps[0].wait(20)


@pytest.mark.slow
def test_a_training_goes_on_when_its_app_is_killed_and_the_next_app_shows_it(page, tiny_folder, tmp_path):
    workspace = workspace_in(tmp_path / "workspace")
    shutil.copytree(tiny_folder, workspace.data / "tiny")
    with app_server(tmp_path) as address:
        page.goto(f"{address}/train?data=tiny")
        page.get_by_role("button", name="Start training").wait_for()
        size = page.get_by_role("combobox", name="Image size, pixels")
        size.fill("96")
        size.press("Enter")
        steps = page.get_by_label("Steps")
        steps.fill(str(STEPS))
        steps.press("Enter")
        page.get_by_text(f"{STEPS} steps of 16 images on cpu").wait_for()
        page.get_by_role("button", name="Start training").click()
        wait_until(lambda: [run.status.state for run in list_runs(workspace.runs)] == [State.RUNNING], seconds=120)
        kill_app()
    (run,) = list_runs(workspace.runs)
    assert run.status.state == State.RUNNING
    assert worker_is_alive(workspace, "cpu")
    with app_server(tmp_path) as address:
        page.goto(f"{address}/train?run={run.name}")
        page.get_by_text("training", exact=False).first.wait_for()
        page.get_by_text(f"step {STEPS} of {STEPS}").wait_for(timeout=120_000)
        page.get_by_text("mask AP50").first.wait_for(timeout=120_000)
    wait_until(lambda: not worker_is_alive(workspace, "cpu"))
    (done,) = list_runs(workspace.runs)
    assert (done.status.state, done.status.step) == (State.DONE, STEPS)
