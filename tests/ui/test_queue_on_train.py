"""Runs that wait, on the Train page."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from splitlab.queue.queue import place_of
from splitlab.queue.worker import _lock_worker
from splitlab.runs import store
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import State
from splitlab.workspace import Workspace
from tests.runs.queue_tools import make_queued, make_run, state_of
from tests.ui.opened import open_page

SCRIPT = """
from splitlab.app.widgets.live_run import watch_run
from splitlab.workspace import Workspace
watch_run(Workspace.here(), "{name}")
"""


def watched(name):
    return AppTest.from_string(SCRIPT.format(name=name), default_timeout=60).run()


def labels(app):
    return [button.label for button in app.button]


def age_status(run, seconds=60):
    """Let a run have waited for longer than a worker needs to start."""
    status = run.status()
    text = (run.path / "status.json").read_text()
    (run.path / "status.json").write_text(text.replace(str(status.heartbeat), str(status.heartbeat - seconds)))


def test_a_run_that_waits_shows_its_place_and_can_be_taken_out():
    _, second = make_queued(Workspace.here(), "first", "second")
    app = watched("second")
    assert "waiting to start, place 2 in the queue" in app.markdown[0].value
    assert labels(app) == ["Stop"]
    app.button[0].click().run()
    assert not app.exception
    assert state_of(second) == State.CANCELLED
    assert place_of(Workspace.here(), "second") is None
    assert labels(app) == ["Resume"]


def test_a_run_that_waits_for_nobody_can_be_given_a_worker(monkeypatch):
    (run,) = make_queued(Workspace.here(), "one")
    age_status(run)
    with _lock_worker(Workspace.here(), Device("cpu")):
        assert labels(watched("one")) == ["Stop"]
    started = []
    monkeypatch.setattr("splitlab.app.widgets.live_run.launch", lambda run, workspace: started.append(run.name))
    app = watched("one")
    assert labels(app) == ["Stop", "Resume"]
    app.button[1].click().run()
    assert started == ["one"]


def test_what_a_run_is_called_and_says_is_no_markup():
    run = make_run(Workspace.here(), "[free](evil.org) **run**")
    run.write_status(State.FAILED, 1, 20, "[Click](evil.org) *now*")
    app = watched(run.name)
    assert app.markdown[0].value.startswith(r"**\[free\](evil.org) \*\*run\*\*** ·")
    assert app.error[0].value == r"\[Click\](evil.org) \*now\*"


def test_the_link_names_the_run_that_is_shown_first(monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    make_run(Workspace.here(), "one")
    app = open_page("train")
    assert app.query_params["run"] == "one"
    make_run(Workspace.here(), "two")
    app.run()
    assert not app.exception
    assert app.selectbox(key="run").value == "one"
    again = open_page("train", run="two")
    assert again.selectbox(key="run").value == "two"


@pytest.fixture
def tiny(tiny_folder):
    shutil.copytree(tiny_folder, Workspace.here().data / "tiny")


@pytest.fixture
def listed_long_ago(monkeypatch):
    """No listing of runs grows old during a test."""
    monkeypatch.setattr("splitlab.app.runs.rows._FRESH_SECONDS", 600.0)


def test_a_click_on_train_lists_no_runs_and_reads_no_cards_anew(tiny, listed_long_ago, monkeypatch):
    reads, plain = [], store._read_folders
    monkeypatch.setattr(store, "_read_folders", lambda folder, *words: (reads.append(folder), plain(folder, *words))[1])
    make_run(Workspace.here(), "one")
    app = open_page("train", data="tiny")
    before = len(reads)
    app.number_input(key="seed").set_value(1).run()
    assert not app.exception
    assert len(reads) == before


def test_a_run_that_is_started_is_shown_at_once(tiny, listed_long_ago, monkeypatch):
    monkeypatch.setattr("splitlab.app.train.launch", lambda *_: None)
    make_run(Workspace.here(), "one")
    app = open_page("train", data="tiny")
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    assert app.selectbox(key="run").value.startswith("tiny-")
    assert app.selectbox(key="run").value in app.selectbox(key="run").options


def test_a_link_to_a_run_that_came_since_the_last_listing_leads_to_it(listed_long_ago, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    make_run(Workspace.here(), "one")
    open_page("train")
    make_run(Workspace.here(), "two")
    assert open_page("train", run="two").selectbox(key="run").value == "two"
    make_run(Workspace.here(), "three")
    assert open_page("train", run="../runs/three").selectbox(key="run").options == ["two", "one"]
