"""The page of all runs, run by Streamlit's own AppTest on real run folders."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from splitlab.hosting import Hosting
from splitlab.runs.checkpoint import read_card
from splitlab.runs.devices import Device, lock_worker
from splitlab.runs.notes import Notes, read_notes, write_notes
from splitlab.runs.queue import Where, enqueue, move, waiting_runs
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.ui.runs_notes import change_notes
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint

ROOT = Path(__file__).parents[2]
SCORES = {"mask": {"ap50": 41.26, "ap70": 30.0, "ap75": 25.0, "ap50_95": 20.0}, "box": {"ap50": 50.0}}
CHANGING = {"Go on", "Retry", "Stop", "First", "Up", "Down", "Delete", "Start a worker", "Publish", "Add", "Take away"}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(autouse=True)
def no_worker_starts(monkeypatch):
    """Which workers would have been started."""
    asked = []
    monkeypatch.setattr("splitlab.ui.runs_table.ensure_worker", lambda workspace, kind: asked.append(kind))
    monkeypatch.setattr("splitlab.runs.launch.ensure_worker", lambda workspace, kind: asked.append(kind))
    return asked


def make(name, state=State.WAITING, step=0, age=0.0, **settings):
    """Make a run that was last heard of so many seconds ago; the younger, the later in a test."""
    spec = RunSpec(**{"data": "embedded", "full": 30, "weak": 150, "steps": 20, **settings})
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


def open_page(**parameters):
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    for key, value in parameters.items():
        app.query_params[key] = value
    app.switch_page("pages/runs.py").run()
    assert not app.exception
    return app


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


def test_a_work_space_without_runs_says_what_to_do_next():
    app = open_page()
    assert "No runs yet. Start one on the Train page" in said(app)
    assert not app.dataframe


def test_the_table_shows_each_run_with_what_is_running_first_then_the_newest(runs):
    rows = table(open_page())
    assert list(rows["run"]) == ["running", "waiting", "interrupted", "cancelled", "failed", "done"]
    assert [state for (state,) in rows["state"]] == list(rows["run"])
    by_name = rows.set_index("run")
    assert by_name.loc["waiting", "place"] == 1
    assert by_name.loc["waiting", "data"] == "pets"
    done = by_name.loc["done"]
    assert (done["step"], done["ap50"], done["ap70"], done["seed"]) == (100, 41.26, 30.0, 1)
    assert done["cost_hours"] == pytest.approx((30 * 239.7 + 150 * 38.1) / 3600)
    assert by_name["ap50"].notna().sum() == 1
    assert by_name.loc["failed", "message"] == "It failed."


def test_rows_are_filtered_by_data_state_tag_and_text_which_a_link_may_say(runs):
    write_notes(runs["done"].path, Notes("Stalls EARLY", ("grid", "paper")))
    write_notes(runs["failed"].path, Notes("", ("grid",)))
    app = open_page(run_state=["done", "failed"], run_tag=["grid"])
    assert list(table(app)["run"]) == ["failed", "done"]
    app.text_input(key="run_text").set_value("early stalls").run()
    assert list(table(app)["run"]) == ["done"]
    app.multiselect(key="run_tag").set_value([]).run()
    app.multiselect(key="run_data").set_value(["pets"]).run()
    assert "No run is like that" in said(app)
    press(app, "Show all runs")
    assert len(table(app)) == 6


def test_runs_named_by_a_link_are_ticked_and_stay_so_when_rows_move(runs):
    app = open_page(chosen=["done", "waiting", "../../etc", "nobody"])
    assert app.session_state["runs_table"]["selection"]["rows"] == [1, 5]
    assert "**2** chosen" in said(app)
    make("newest", State.DONE, 20)
    run_listing_anew(app)
    assert list(table(app)["run"])[:2] == ["running", "newest"]
    assert app.session_state["runs_table"]["selection"]["rows"] == [2, 6]
    assert app.query_params["chosen"] == ["done", "waiting"]
    assert "etc" not in said(app)


def run_listing_anew(app):
    from splitlab.ui.runs_listing import runs_listing

    runs_listing(Workspace.here().runs).retake()
    app.run()


def test_ticks_are_read_by_the_rows_they_were_made_in_and_hidden_runs_stay_chosen(runs):
    app = open_page(chosen=["done"])
    app.session_state["runs_table"] = {"selection": {"rows": [2, 5], "columns": [], "cells": []}}
    app.run()
    assert app.query_params["chosen"] == ["done", "interrupted"]
    app.multiselect(key="run_state").set_value(["interrupted", "failed"]).run()
    assert app.session_state["runs_table"]["selection"]["rows"] == [0]
    assert app.query_params["chosen"] == ["done", "interrupted"]
    app.session_state["runs_table"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app.run()
    assert app.query_params["chosen"] == ["done", "failed"]
    press(app, "Untick all")
    assert "None chosen" in said(app)
    assert "chosen" not in app.query_params


def test_a_work_space_that_cannot_be_written_still_shows_its_runs(runs):
    with lock_worker(Workspace.here(), Device("cpu")):
        pass
    queue = Workspace.here().queue
    (queue / ".lock").unlink()
    (queue / ".lock").mkdir()
    app = open_page()
    assert len(table(app)) == 6
    assert len(app.error) == 1


def test_curves_of_the_newest_are_drawn_where_nothing_is_ticked(runs):
    app = open_page()
    assert "these are the newest 3 of the table that have begun" in said(app)
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert {trace["name"] for trace in figure["data"]} == {"running", "interrupted", "cancelled"}


def test_a_failed_run_says_why(runs):
    assert "failed failed: It failed." in said(open_page(chosen=["failed"]))


def test_eight_runs_at_most_are_drawn_and_the_page_says_so():
    names = [f"run{number}" for number in range(10)]
    for name in names:
        make(name, State.DONE, 20)
    app = open_page(chosen=names)
    assert "The first 8 of 10 are drawn" in said(app)
    assert len(app.get("plotly_chart")) == 1


def test_settings_show_what_differs_and_all_on_request(runs):
    app = open_page(chosen=["failed", "interrupted"], runs_view="Settings")
    settings = app.dataframe[1].value
    assert settings.to_dict("index") == {"learning_rate": {"failed": "0.0015", "interrupted": "0.0001"}}
    app.toggle(key="runs_all_settings").set_value(True).run()
    assert len(app.dataframe[1].value) > 40
    assert "background-color" in app.dataframe[1].proto.arrow_data.styler.styles
    assert open_page(chosen=["failed", "cancelled"], runs_view="Settings").caption[-1].value.startswith("All their")


def test_a_note_and_tags_are_kept_as_they_are_written_and_neither_loses_the_other(runs):
    app = open_page(chosen=["done"], runs_view="Notes and tags")
    app.text_area(key="note of done").set_value("the best").run()
    write_notes(runs["done"].path, Notes("the best, says somebody else", ()))
    app.multiselect(key="tags of done").set_value(["paper"]).run()
    assert read_notes(runs["done"].path) == Notes("the best, says somebody else", ("paper",))
    assert app.multiselect(key="run_tag").options == ["paper"]


def test_tags_are_put_on_all_chosen_runs_and_taken_away(runs):
    write_notes(runs["done"].path, Notes("mine", ("old",)))
    app = open_page(chosen=["done", "failed"], runs_view="Notes and tags")
    app.multiselect(key="tags_for_all").set_value(["old"]).run()
    press(app, "Add")
    assert [read_notes(runs[name].path) for name in ("done", "failed")] == [
        Notes("mine", ("old",)),
        Notes("", ("old",)),
    ]
    app.multiselect(key="tags_for_all").set_value(["old"]).run()
    press(app, "Take away")
    assert [read_notes(runs[name].path).tags for name in ("done", "failed")] == [(), ()]


def test_notes_that_are_too_long_are_refused_with_a_sentence(runs):
    app = open_page(chosen=["done"], runs_view="Notes and tags")
    app.multiselect(key="tags of done").set_value([" "]).run()
    assert "cannot be kept" in said(app)
    assert read_notes(runs["done"].path) == Notes()


def test_a_run_is_published_by_a_name_after_its_card_was_seen(runs, tmp_path):
    shutil.copytree(write_checkpoint(tmp_path / "made", name="done"), runs["done"].weights, dirs_exist_ok=True)
    app = open_page(chosen=["done", "failed"], runs_view="Publish")
    assert "licence of the data: CC0" in said(app)
    assert "about 3.8 MB" in said(app)
    app.text_input(key="publish_done").set_value("../out").run()
    press(app, "Publish")
    assert "is no name for a checkpoint" in said(app)
    app.text_input(key="publish_done").set_value("best").run()
    press(app, "Publish")
    assert "'best' is among the checkpoints" in said(app)
    assert read_card(Workspace.here().imported / "best").name == "best"
    assert "none of these is" in said(open_page(chosen=["failed"], runs_view="Publish"))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("done", {"Delete"}),
        ("failed", {"Retry", "Delete"}),
        ("interrupted", {"Go on", "Delete"}),
        ("running", {"Stop"}),
        ("waiting", {"Stop", "Up", "First", "Delete"}),
    ],
)
def test_buttons_are_on_for_what_a_run_can_do(runs, name, labels):
    enqueue(Workspace.here(), make("first in the queue", age=90).name)
    move(Workspace.here(), "first in the queue", Where.FIRST)
    assert can_press(open_page(chosen=[name])) & (CHANGING - {"Start a worker"}) == labels


def test_runs_go_on_move_and_stop(runs, no_worker_starts):
    app = press(open_page(chosen=["failed", "interrupted"]), "Go on")
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
    press(open_page(chosen=["d", "a"]), "First")
    assert [entry.run for entry in waiting_runs(Workspace.here())] == ["a", "d", "b", "c"]


def test_deleting_asks_first_and_leaves_what_trains(runs):
    app = press(open_page(chosen=["done", "running"]), "Delete")
    assert runs["done"].path.exists()
    assert "- done" in said(app)
    app.button(key="delete_for_good").click().run()
    assert not app.exception
    assert not runs["done"].path.exists()
    assert runs["running"].path.exists()
    assert app.query_params["chosen"] == "running"


def test_what_cannot_be_done_is_said_and_the_rest_is_done(runs):
    app = open_page(chosen=["failed", "cancelled"])
    (runs["failed"].path / "spec.json").unlink()
    press(app, "Go on")
    assert "holds no run" in said(app)
    assert "cancelled" in [entry.run for entry in waiting_runs(Workspace.here())]


def test_a_queue_without_a_worker_says_so_and_starts_one(runs, no_worker_starts):
    with lock_worker(Workspace.here(), Device("cpu")):
        app = open_page()
        assert "a worker looks after cpu" in said(app)
        assert "Start a worker" not in can_press(app)
    app = open_page()
    assert "no worker for cpu runs here" in said(app)
    press(app, "Start a worker")
    assert no_worker_starts == ["cpu"]
    assert "a worker for cpu starts" in said(app)


def test_broken_folders_are_named_with_the_way_out(runs):
    (runs["done"].path / "spec.json").write_text("{")
    (runs["failed"].path / "status.json").write_text("[]")
    (Workspace.here().runs / "no run").mkdir()
    app = open_page()
    assert len(table(app)) == 4
    assert app.expander[0].label == "2 run folders are broken"
    assert "Start the run again in a new folder" in said(app)
    assert "Go on with: splitlab train" in said(app)


def test_broken_events_are_a_sentence_and_the_other_curves_are_drawn(runs):
    (runs["failed"].path / "events.jsonl").write_text("[]\n")
    app = open_page(chosen=["failed", "done"])
    assert "events.jsonl is broken" in said(app)
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize("view", ["Curves", "Settings", "Notes and tags", "Publish"])
def test_a_read_only_server_shows_all_and_changes_nothing(runs, view, monkeypatch, tmp_path):
    shutil.copytree(write_checkpoint(tmp_path / "made"), runs["done"].weights, dirs_exist_ok=True)
    write_notes(runs["done"].path, Notes("look here", ("grid",)))
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    app = open_page(chosen=["done", "waiting"], runs_view=view)
    assert len(table(app)) == 6
    assert "Changing runs is off: this server is read-only" in said(app)
    assert not CHANGING & {found.label for found in app.button}
    assert not app.text_area
    if view == "Notes and tags":
        assert "look here" in [text.value for text in app.text]


def test_notes_are_refused_on_a_read_only_server_however_they_are_asked_for(runs, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    assert Hosting.here().read_only
    with pytest.raises(Exception, match="read-only"):
        change_notes(runs["done"].path, lambda _: Notes("changed"))
    assert read_notes(runs["done"].path) == Notes()


def test_the_page_opens_without_torch(runs):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        "app = AppTest.from_file(sys.argv[1], default_timeout=60).run().switch_page('pages/runs.py').run(); "
        "sys.exit(bool(app.exception) or not app.dataframe or 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(ROOT / "app.py")]
    result = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
