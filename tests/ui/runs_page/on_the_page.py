"""What the tests of the page Runs do on it, and the runs they make."""

import json

from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.ui.opened import open_page

SCORES = {"mask": {"ap50": 41.26, "ap70": 30.0, "ap75": 25.0, "ap50_95": 20.0}, "box": {"ap50": 50.0}}
CHANGING = {"Resume", "Retry", "Stop", "First", "Up", "Down", "Delete", "Start a worker", "Publish", "Add", "Remove"}


def make(name, state=State.WAITING, step=0, age=0.0, **settings):
    """Make a run that was last heard of so many seconds ago; the younger, the later in a test."""
    spec = RunSpec.of(**{"data": "embedded", "full": 30, "weak": 150, "steps": 20, **settings})
    run = RunFolder.create(Workspace.here().runs / name, spec, {})
    run.write_status(state, step, spec.steps, "It failed." if state == State.FAILED else "")
    if state == State.DONE:
        run.scores_path.write_text(json.dumps(SCORES))
    for end in range(10, step + 1, 10):
        losses = {"box": 1.0 / end, "mask": 2.0 / end}
        run.append_event({"kind": "train", "step": end, "losses": losses, "images_per_second": 20.0})
    path = run.path / "status.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "heartbeat": content["heartbeat"] - age}))
    return run


def open_runs(**parameters):
    return open_page("runs", **parameters)


def said(app):
    kinds = (app.markdown, app.caption, app.info, app.error, app.success, app.toast)
    return " ".join(element.value for kind in kinds for element in kind).replace("\\", "")


def table(app):
    return app.dataframe[0].value


def button(app, label):
    return next(found for found in app.button if found.label == label)


def can_press(app):
    return {found.label for found in app.button if not found.disabled}


def press(app, label):
    button(app, label).click().run()
    assert not app.exception
    return app
