"""The table and the curves of all runs, by Streamlit's own AppTest on real run folders."""

import json
import os
import subprocess
import sys

import pytest

from splitlab.queue.worker import _lock_worker
from splitlab.runs.devices import Device
from splitlab.runs.notes import Notes, write_notes
from splitlab.runs.run_folder import State
from splitlab.workspace import Workspace
from tests.ui.opened import ROOT
from tests.ui.runs_page.on_the_page import make, open_runs, press, said, table


def test_a_workspace_without_runs_says_what_to_do_next():
    app = open_runs()
    assert "No runs yet. Start one on the Train page" in said(app)
    assert not app.dataframe


def test_the_table_shows_each_run_with_what_is_running_first_then_the_newest(runs):
    rows = table(open_runs())
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
    app = open_runs(run_state=["done", "failed"], run_tag=["grid"])
    assert list(table(app)["run"]) == ["failed", "done"]
    app.text_input(key="run_text").set_value("early stalls").run()
    assert list(table(app)["run"]) == ["done"]
    app.multiselect(key="run_tag").set_value([]).run()
    app.multiselect(key="run_data").set_value(["pets"]).run()
    assert "No run matches the filter" in said(app)
    press(app, "Show all runs")
    assert len(table(app)) == 6


def test_a_link_that_asks_for_what_no_run_has_at_the_moment_shows_none(runs):
    app = open_runs(run_state="training soon")
    assert len(table(app)) == 6
    runs["running"].write_status(State.DONE, 20, 20)
    for asked in ({"run_state": "running"}, {"run_data": "moons"}, {"run_tag": "later"}):
        app = open_runs(**asked)
        run_listing_anew(app)
        assert "No run matches the filter" in said(app), asked
        (key,) = asked
        assert app.multiselect(key=key).value == [asked[key]]
    write_notes(runs["done"].path, Notes("", ("later",)))
    run_listing_anew(app)
    assert list(table(app)["run"]) == ["done"]


def test_a_filter_that_fits_no_run_any_more_stays_as_it_was_chosen(runs):
    write_notes(runs["done"].path, Notes("", ("grid",)))
    app = open_runs()
    run_listing_anew(app)
    app.multiselect(key="run_tag").set_value(["grid"]).run()
    write_notes(runs["done"].path, Notes())
    run_listing_anew(app)
    assert app.multiselect(key="run_tag").value == ["grid"]
    assert "No run matches the filter" in said(app)


def test_runs_named_by_a_link_are_ticked_and_stay_so_when_rows_move(runs):
    app = open_runs(chosen=["done", "waiting", "../../etc", "nobody"])
    assert app.session_state["runs_table"]["selection"]["rows"] == [1, 5]
    assert "**2** chosen" in said(app)
    make("newest", State.DONE, 20)
    run_listing_anew(app)
    assert list(table(app)["run"])[:2] == ["running", "newest"]
    assert app.session_state["runs_table"]["selection"]["rows"] == [2, 6]
    assert app.query_params["chosen"] == ["done", "waiting"]
    assert "etc" not in said(app)


def run_listing_anew(app):
    from splitlab.app.runs.rows import runs_listing

    runs_listing(Workspace.here().runs).retake()
    app.run()


def test_ticks_are_read_by_the_rows_they_were_made_in_and_hidden_runs_stay_chosen(runs):
    app = open_runs(chosen=["done"])
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


def test_a_workspace_that_cannot_be_written_still_shows_its_runs(runs):
    with _lock_worker(Workspace.here(), Device("cpu")):
        pass
    queue = Workspace.here().queue
    (queue / ".lock").unlink()
    (queue / ".lock").mkdir()
    app = open_runs()
    assert len(table(app)) == 6
    assert len(app.error) == 1


def test_curves_of_the_newest_are_drawn_where_nothing_is_ticked(runs):
    app = open_runs()
    assert "these are the newest 3 in the table that have started" in said(app)
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert {trace["name"] for trace in figure["data"]} == {"running", "interrupted", "cancelled"}


def test_a_failed_run_says_why(runs):
    assert "failed failed: It failed." in said(open_runs(chosen=["failed"]))


def test_eight_runs_at_most_are_drawn_and_the_page_says_so():
    names = [f"run{number}" for number in range(10)]
    for name in names:
        make(name, State.DONE, 20)
    app = open_runs(chosen=names)
    assert "Only the first 8 of 10 are drawn" in said(app)
    assert len(app.get("plotly_chart")) == 1


def test_broken_folders_are_named_with_the_way_out(runs):
    (runs["done"].path / "spec.json").write_text("{")
    (runs["failed"].path / "status.json").write_text("[]")
    (Workspace.here().runs / "no run").mkdir()
    app = open_runs()
    assert len(table(app)) == 4
    assert app.expander[0].label == "2 run folders are broken"
    assert "Start the run again in a new folder" in said(app)
    assert "Resume: splitlab train" in said(app)


def test_broken_events_are_a_sentence_and_the_other_curves_are_drawn(runs):
    (runs["failed"].path / "events.jsonl").write_text("[]\n")
    app = open_runs(chosen=["failed", "done"])
    assert "events.jsonl is broken" in said(app)
    assert len(app.get("plotly_chart")) == 1


def test_the_page_opens_without_torch(runs):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        "app = AppTest.from_file(sys.argv[1], default_timeout=60).run().switch_page('pages/runs.py').run(); "
        "sys.exit(bool(app.exception) or not app.dataframe or 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(ROOT / "app.py")]
    result = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
