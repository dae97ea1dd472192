import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from splitlab.errors import RunError, SettingsError
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import free_run_path, list_runs

SPEC = RunSpec.of("embedded", 4, 6, steps=20)


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", SPEC, {})


def test_a_new_run_waits_and_remembers_its_settings(run):
    assert RunFolder.open(run.path).spec() == SPEC
    assert run.status().state == State.WAITING
    assert sorted(path.name for path in run.path.iterdir()) == ["spec.json", "split.json", "status.json", "weights"]


def test_a_folder_holds_one_run(run):
    with pytest.raises(RunError, match="already holds a run"):
        RunFolder.create(run.path, SPEC, {})


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(RunError, match=r"has no spec\.json"):
        RunFolder.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot be created"):
        RunFolder.create(tmp_path / "file" / "run", SPEC, {})


def test_broken_settings_and_status_are_named(run):
    run.spec_path.write_text('{"data": "x"')
    with pytest.raises(RunError, match=r"spec\.json is broken"):
        run.spec()
    (run.path / "status.json").write_text("[]")
    with pytest.raises(RunError, match=r"status\.json is broken"):
        run.status()


def test_a_running_run_whose_process_is_gone_reads_as_interrupted(run):
    child = (
        "import sys; from pathlib import Path; from splitlab.runs.run_folder import *; "
        "RunFolder(Path(sys.argv[1])).write_status(State.RUNNING, 3, 20)"
    )
    subprocess.run([sys.executable, "-c", child, str(run.path)], check=True)
    assert run.status().state == State.INTERRUPTED
    assert run.status().step == 3


def test_a_later_process_with_the_same_number_does_not_count_as_alive(run):
    run.write_status(State.RUNNING, 3, 20)
    assert run.status().state == State.RUNNING
    path = run.path / "status.json"
    status = json.loads(path.read_text())
    path.write_text(json.dumps({**status, "process_started": status["process_started"] + 500}))
    assert run.status().state == State.INTERRUPTED


def try_to_lock(path, answers):
    try:
        with RunFolder(path).lock():
            answers.put("got it")
    except RunError as error:
        answers.put(str(error))


def test_two_processes_never_train_one_run(run):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with run.lock():
        other = context.Process(target=try_to_lock, args=(run.path, answers))
        other.start()
        assert "another process" in answers.get(timeout=60)
        other.join()
    try_to_lock(run.path, answers)
    assert answers.get(timeout=60) == "got it"


def test_events_come_back_without_the_line_that_a_kill_cut_short(run):
    run.append_event({"kind": "train", "step": 1})
    run.append_event({"kind": "train", "step": 2})
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    assert [event["step"] for event in run.events()] == [1, 2]
    run.forget_events_after(1)
    run.append_event({"kind": "train", "step": 2})
    assert [event["step"] for event in run.events()] == [1, 2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_and_the_events_before_it_stay(run):
    run.append_event({"kind": "train", "step": 1})
    full = RunFolder(run.path)
    full._events_path = run.path / "full"
    full._events_path.symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left"):
        full.append_event({"kind": "train", "step": 2})
    assert len(run.events()) == 1


def test_a_wish_to_stop_is_seen_and_can_be_taken_back(run):
    assert not run.cancel_is_asked()
    RunFolder(run.path).ask_to_cancel()
    assert run.cancel_is_asked()
    run.take_back_cancel()
    assert not run.cancel_is_asked()


def test_runs_are_listed_newest_first_and_broken_folders_passed_over(tmp_path):
    first = RunFolder.create(tmp_path / "a", SPEC, {})
    RunFolder.create(tmp_path / "b", SPEC, {})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "spec.json").write_text("{")
    first.write_status(State.DONE, 20, 20)
    assert [summary.name for summary in list_runs(tmp_path)] == ["a", "b"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_new_run_gets_a_name_that_is_free(tmp_path):
    first = free_run_path(tmp_path, SPEC)
    first.mkdir()
    assert free_run_path(tmp_path, SPEC) != first
    assert "embedded-4-6" in first.name


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"full": -1},
        {"learning_rate": 0.0},
        {"plain_tail": 1.5},
        {"device": "gpu"},
        {"image_size": 0},
        {"f_size": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_that_cannot_be_are_named_with_their_value(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(SettingsError, match=f"{name} is '?{value}"):
        RunSpec.of("embedded", **{"full": 4, "weak": 6, **wrong})


def test_settings_of_another_program_are_refused():
    with pytest.raises(SettingsError, match="not the settings of a run"):
        RunSpec.from_json({"data": "x", "full": 1, "weak": 1, "colour": "red"})


@pytest.mark.parametrize(("full", "weak", "fits"), [(4, 6, False), (4, 0, True), (0, 6, True)])
def test_a_mixed_batch_must_leave_room_for_both_sets(full, weak, fits):
    if fits:
        assert RunSpec.of("embedded", full, weak, batch_size=4, f_size=4).f_size == 4
    else:
        with pytest.raises(SettingsError, match="f_size 4 must be below the batch size 4"):
            RunSpec.of("embedded", full, weak, batch_size=4, f_size=4)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status.json", '{"state": "done", "step": 1, "steps": 2, "heartbeat": "x"}'),
        ("spec.json", "[" * 200_000),
        ("scores.json", "[]"),
    ],
)
def test_a_folder_that_was_tampered_with_does_not_hide_the_others(run, name, content):
    whole = RunFolder.create(run.path.parent / "whole", SPEC, {})
    (run.path / name).write_text(content)
    assert whole.name in [summary.name for summary in list_runs(run.path.parent)]


def test_a_broken_event_is_named(run):
    (run.path / "events.jsonl").write_text("garbage\n")
    with pytest.raises(RunError, match=r"events\.jsonl is broken"):
        run.events()
