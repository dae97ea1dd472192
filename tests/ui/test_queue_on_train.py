from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from splitlab.runs.devices import Device, lock_worker
from splitlab.runs.queue import place_of
from splitlab.runs.run_folder import State
from splitlab.workspace import Workspace
from tests.runs.queue_tools import make_queued, state_of

SCRIPT = """
from splitlab.ui.live_run import watch_run
from splitlab.workspace import Workspace
watch_run(Workspace.here(), "{name}")
"""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])


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
    assert labels(app) == ["Go on"]


def test_a_run_that_waits_for_nobody_can_be_given_a_worker(monkeypatch):
    (run,) = make_queued(Workspace.here(), "one")
    age_status(run)
    with lock_worker(Workspace.here(), Device("cpu")):
        assert labels(watched("one")) == ["Stop"]
    started = []
    monkeypatch.setattr("splitlab.ui.live_run.launch", lambda run, workspace: started.append(run.name))
    app = watched("one")
    assert labels(app) == ["Stop", "Go on"]
    app.button[1].click().run()
    assert started == ["one"]
