"""Runs go on, move, stop and go from the page Runs."""

import pytest

from splitlab.queue.queue import Where, enqueue, move, waiting_runs
from splitlab.queue.worker import _lock_worker
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import State
from splitlab.workspace import Workspace
from tests.ui.runs_page.on_the_page import CHANGING, can_press, make, open_runs, press, said


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("done", {"Delete"}),
        ("failed", {"Retry", "Delete"}),
        ("interrupted", {"Resume", "Delete"}),
        ("running", {"Stop"}),
        ("waiting", {"Stop", "Up", "First", "Delete"}),
    ],
)
def test_buttons_are_on_for_what_a_run_can_do(runs, name, labels):
    enqueue(Workspace.here(), make("first in the queue", age=90).name)
    move(Workspace.here(), "first in the queue", Where.FIRST)
    assert can_press(open_runs(chosen=[name])) & (CHANGING - {"Start a worker"}) == labels


def test_runs_go_on_move_and_stop(runs, no_worker_starts):
    app = press(open_runs(chosen=["failed", "interrupted"]), "Resume")
    workspace = Workspace.here()
    assert [entry.run for entry in waiting_runs(workspace)] == ["waiting", "failed", "interrupted"]
    assert no_worker_starts == ["cpu", "cpu"]
    for label, order in (
        ("Up", ["failed", "interrupted", "waiting"]),
        ("Up", ["failed", "interrupted", "waiting"]),
        ("Down", ["waiting", "failed", "interrupted"]),
        ("Down", ["waiting", "failed", "interrupted"]),
        ("First", ["failed", "interrupted", "waiting"]),
    ):
        if label in can_press(app):
            press(app, label)
        assert [entry.run for entry in waiting_runs(workspace)] == order
    press(app, "Stop")
    assert [entry.run for entry in waiting_runs(workspace)] == ["waiting"]
    assert runs["failed"].status().state == State.CANCELLED


def test_runs_sent_to_the_front_keep_their_order():
    names = ["a", "b", "c", "d"]
    for name in names:
        enqueue(Workspace.here(), make(name).name)
    press(open_runs(chosen=["d", "a"]), "First")
    assert [entry.run for entry in waiting_runs(Workspace.here())] == ["a", "d", "b", "c"]


def test_deleting_asks_first_and_leaves_what_trains(runs):
    app = press(open_runs(chosen=["done", "running"]), "Delete")
    assert runs["done"].path.exists()
    assert "- done" in said(app)
    app.button(key="delete_for_good").click().run()
    assert not app.exception
    assert not runs["done"].path.exists()
    assert runs["running"].path.exists()
    assert app.query_params["chosen"] == "running"


def test_what_cannot_be_done_is_said_and_the_rest_is_done(runs):
    app = open_runs(chosen=["failed", "cancelled"])
    (runs["failed"].path / "spec.json").unlink()
    press(app, "Resume")
    assert "holds no run" in said(app)
    assert "cancelled" in [entry.run for entry in waiting_runs(Workspace.here())]


def test_a_queue_without_a_worker_says_so_and_starts_one(runs, no_worker_starts):
    with _lock_worker(Workspace.here(), Device("cpu")):
        app = open_runs()
        assert "a worker for cpu is running" in said(app)
        assert "Start a worker" not in can_press(app)
    app = open_runs()
    assert "no worker for cpu is running" in said(app)
    press(app, "Start a worker")
    assert no_worker_starts == ["cpu"]
    assert "a worker for cpu is starting" in said(app)
