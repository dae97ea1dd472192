"""Pages over broken files and clocks that jump: a sentence where something is broken, and all else as ever."""

import json
import os
import random
import shutil
import time
from dataclasses import replace

import pytest

from splitlab.app.runs.rows import _run_rows
from splitlab.app.widgets.live_run import _seconds_left
from splitlab.runs import store as run_index
from splitlab.runs.run_folder import State
from splitlab.runs.store import free_run_path, list_runs
from splitlab.training.experiment import carry_out, prepare_run
from splitlab.workspace import Workspace
from tests.runs.broken import FAULTS
from tests.runs.queue_tools import SPEC, make_queued, make_run
from tests.ui.opened import open_page
from tests.ui.test_queue_on_train import age_status, labels, watched

FILES = ("status.json", "spec.json", "events.jsonl", "scores.json", "notes.json", "weights/card.json", "split.json")
DAY = 86400.0


@pytest.fixture(scope="module")
def trained(tiny_spec, tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    run = prepare_run(root / "run", tiny_spec.changed(steps=1), root)
    carry_out(run, root)
    (run.path / "notes.json").write_text(json.dumps({"note": "Grün 😀", "tags": ["grid"]}))
    return run


def test_pages_answer_whatever_is_broken(trained, monkeypatch):
    """Two runs for each file, each broken in its own way."""
    runs, chance = Workspace.here().runs, random.Random(5)
    for name in FILES:
        for fault in chance.sample(list(dict.fromkeys(FAULTS)), 2):
            folder = runs / f"{name.split('/')[-1].split('.')[0]}-{fault.__name__}"
            shutil.copytree(trained.path, folder)
            (folder / name).write_bytes(fault((folder / name).read_bytes(), chance))
    shutil.copytree(trained.path, runs / "whole")
    for page in ("runs", "cost_against_ap"):
        open_page(page)
    # A script that is no page has no pages to link to.
    monkeypatch.setattr("splitlab.app.widgets.live_run.st.page_link", lambda *_, **__: None)
    for folder in runs.glob("[!.]*"):
        watching = watched(folder.name)
        assert not watching.exception, folder.name
        assert watching.markdown or watching.error, folder.name


def test_a_run_that_was_queued_before_the_clock_was_set_back_can_be_given_a_worker():
    (run,) = make_queued(Workspace.here(), "one")
    age_status(run, -DAY)
    assert labels(watched("one")) == ["Stop", "Resume"]


def test_runs_of_any_time_are_listed_in_their_order_and_have_rows():
    folder = Workspace.here().runs
    times = {"first": 0.0, "long-ago": 1.0, "today": time.time(), "tomorrow": time.time() + DAY, "never": 2.0**52}
    for name, when in times.items():
        run = make_run(Workspace.here(), name)
        content = json.loads((run.path / "status.json").read_text())
        (run.path / "status.json").write_text(json.dumps({**content, "heartbeat": when}))
    listed = list_runs(folder)
    assert [run.name for run in listed] == list(times)[::-1]
    assert list(_run_rows(listed)["run"]) == list(times)[::-1]


def test_a_file_that_the_clock_dates_to_tomorrow_is_read_at_each_listing(monkeypatch):
    workspace = Workspace.here()
    monkeypatch.setattr(run_index, "_FEW", -1)
    run = make_run(workspace, "one")
    tomorrow = time.time_ns() + int(DAY * 1e9)
    for step in (1, 2, 3):
        run.write_status(State.DONE, step, 20)
        # Its time and its size stay the same while its content changes.
        os.utime(run.path / "status.json", ns=(tomorrow, tomorrow))
        assert list_runs(workspace.runs)[0].status.step == step


def test_a_free_name_is_free_whatever_the_clock_says(monkeypatch):
    workspace = Workspace.here()
    names, now = [], time.time()
    for jump in (0, DAY, -DAY):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        path = free_run_path(workspace.runs, SPEC)
        names.append(make_run(workspace, path.name).name)
    assert len(set(names)) == 3


def test_the_time_left_is_judged_without_the_clock(tiny_spec, tmp_path, monkeypatch):
    run = prepare_run(tmp_path / "run", tiny_spec.changed(steps=4, evaluate_every=2), tmp_path)
    jumps, clock = iter(range(10**6)), time.time
    monkeypatch.setattr(time, "time", lambda: clock() + DAY * (-1) ** next(jumps))
    assert carry_out(run, tmp_path) == State.DONE
    left = _seconds_left(replace(run.status(), step=2), run.events())
    assert 0 < left < 60
    assert all(0 < event["seconds"] < 60 for event in run.events() if event["kind"] == "train")


def test_who_starts_a_training_just_after_somebody_else_takes_the_next_name(tiny_folder, monkeypatch):
    workspace = Workspace.here()
    shutil.copytree(tiny_folder, workspace.data / "tiny")
    names = []

    def overtaken(path, *words):
        if not names:
            prepare_run(path, *words)
        names.append(path.name)
        return prepare_run(path, *words)

    monkeypatch.setattr("splitlab.training.experiment.prepare_run", overtaken)
    monkeypatch.setattr("splitlab.app.train.launch", lambda *_: None)
    app = open_page("train", data="tiny")
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    assert not app.error
    first, second = names
    assert {run.name for run in list_runs(workspace.runs)} == {first, second}
    assert app.session_state["run"] == second
