"""The page of all runs in a real Chromium: its table is a canvas, so ticks are clicks at places."""

import csv
import json
from pathlib import Path

import pytest

from splitlab.queue.queue import enqueue
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from tests.app_server import app_server
from tests.runs.queue_tools import workspace_in

ROW = 35


@pytest.fixture
def runs(tmp_path):
    """Three runs, `run0` the newest; one waits, so that the table refreshes itself."""
    folder = tmp_path / "workspace" / "runs"
    for number, state in enumerate([State.WAITING, State.DONE, State.DONE]):
        make(folder, f"run{number}", state, 1000 - number)
    enqueue(workspace_in(tmp_path / "workspace"), "run0")
    give_heartbeat(folder / "run0", 1000)
    return folder


def make(folder, name, state, heartbeat):
    run = RunFolder.create(folder / name, RunSpec.of("embedded", 30, 150, steps=20), {})
    run.write_status(state, 20 if state == State.DONE else 0, 20)
    give_heartbeat(run.path, heartbeat)


def give_heartbeat(folder, heartbeat):
    path = folder / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "heartbeat": heartbeat}))


def tick(opened, row):
    box = opened.get_by_test_id("stDataFrame").first.bounding_box()
    opened.mouse.click(box["x"] + 16, box["y"] + ROW * (row + 1) + ROW / 2)


@pytest.mark.slow
def test_ticks_stay_with_their_runs_when_a_new_one_comes_and_a_question_stays_open(page, runs, tmp_path):
    with app_server(tmp_path) as address:
        page.goto(f"{address}/runs")
        page.get_by_text("None chosen").wait_for()
        page.get_by_test_id("stDataFrame").first.wait_for()
        page.wait_for_timeout(1000)
        tick(page, 1)
        page.get_by_text("1 chosen").wait_for()
        tick(page, 2)
        page.get_by_text("2 chosen").wait_for()
        make(runs, "newest", State.DONE, 2000)
        page.get_by_text("4 runs").wait_for()
        tick(page, 2)
        page.get_by_text("1 chosen").wait_for()
        assert page.url.endswith("?chosen=run2")
        page.get_by_role("button", name="Delete").click()
        make(runs, "newer still", State.DONE, 3000)
        page.get_by_text("5 runs").wait_for()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").wait_for(state="hidden")
        with page.expect_download() as download:
            page.get_by_test_id("stDownloadButton").get_by_role("button").click()
        rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
        assert [row["run"] for row in rows] == ["newer still", "newest", "run0", "run1", "run2"]
        assert rows[2]["place"] == "1"
        assert len(list(runs.iterdir())) == 5
