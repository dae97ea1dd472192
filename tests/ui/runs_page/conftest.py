"""One run of each state, and no worker that really starts."""

import json

import pytest

from splitlab.queue.queue import enqueue
from splitlab.runs.run_folder import State
from splitlab.workspace import Workspace
from tests.ui.runs_page.on_the_page import make


@pytest.fixture(autouse=True)
def no_worker_starts(monkeypatch):
    """Which workers would have been started."""
    asked = []
    monkeypatch.setattr("splitlab.app.runs.table.ensure_worker", lambda workspace, kind: asked.append(kind))
    monkeypatch.setattr("splitlab.queue.worker.ensure_worker", lambda workspace, kind: asked.append(kind))
    return asked


@pytest.fixture
def runs():
    """One run of each state, the oldest first; `interrupted` was written by a process that is gone."""
    made = {
        "done": make("done", State.DONE, 20, 500, seed=1),
        "failed": make("failed", State.FAILED, 10, 400),
        "cancelled": make("cancelled", State.CANCELLED, 10, 300),
        "interrupted": make("interrupted", State.RUNNING, 10, 200, learning_rate=1e-4),
        "running": make("running", State.RUNNING, 10, 250),
        "waiting": make("waiting", age=100, data="pets", full=4),
    }
    path = made["interrupted"].path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "process_started": 1.0}))
    enqueue(Workspace.here(), "waiting")
    return made
