"""A run counts as alive by its process on this host and by its heartbeat on another, whatever the clock says."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from splitlab import io as locks
from splitlab import io as processes
from splitlab.errors import RunError
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec


@pytest.fixture
def run(tmp_path):
    run = RunFolder.create(tmp_path / "run", RunSpec.of("embedded", 4, 6, steps=20), {})
    run.write_status(State.RUNNING, 3, 20)
    return run


def change_status(run, **changes):
    path = run.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def let_pass(seconds, *paths):
    """Make files look as if so much time of their file system had gone by."""
    for path in paths:
        when = path.stat().st_mtime - seconds
        os.utime(path, (when, when))


def test_the_start_of_a_process_does_not_move_with_the_clock(run, monkeypatch):
    before = processes.process_start(os.getpid())
    # What a clock that was set forward by a day does to everything counted in seconds since 1970.
    monkeypatch.setattr(psutil, "boot_time", lambda: time.time() + 86400)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: time.time() + 86400, raising=False)
    assert processes.process_start(os.getpid()) == before
    assert run.status().state == State.RUNNING


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_jumped_since_a_run_wrote_its_status_does_not_end_it(run, jump):
    change_status(run, heartbeat=time.time() + jump)
    assert run.status().state == State.RUNNING


def test_a_process_that_ended_or_was_not_waited_for_has_no_start():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.process_start(child.pid) is None
    assert processes.wall_start(child.pid) is None
    child.wait()
    assert processes.process_start(child.pid) is None
    assert processes.process_start(10**30) is None
    assert processes.wall_start(10**30) is None


def test_a_program_with_brackets_and_blanks_in_its_name_has_a_start(tmp_path):
    odd = tmp_path / "a) Z 1 (b"
    odd.symlink_to(sys.executable)
    starts = []
    for program in (sys.executable, odd):
        with subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE) as child:
            starts.append(processes.process_start(child.pid))
            child.communicate(b"\n")
    assert starts[0] <= starts[1] <= starts[0] + 600


def test_a_run_of_another_host_is_alive_by_its_heartbeat_alone(run):
    beat = run.path / "heartbeat"
    change_status(run, host="another machine", pid=1, process_started=0)
    beat.touch()
    let_pass(3600, run.path / "status.json")
    assert run.status().state == State.RUNNING
    let_pass(3600, beat)
    assert run.status().state == State.INTERRUPTED


def test_a_run_of_another_host_that_just_started_lives_before_its_first_beat(run):
    change_status(run, host="another machine")
    assert run.status().state == State.RUNNING


def test_the_age_of_a_heartbeat_is_taken_from_the_file_system_not_from_this_machines_clock(run, monkeypatch):
    change_status(run, host="another machine")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert run.status().state == State.RUNNING


def test_a_status_of_an_older_version_is_judged_by_the_time_of_its_process(run):
    path = run.path / "status.json"
    content = json.loads(path.read_text())
    del content["host"]
    path.write_text(json.dumps({**content, "process_started": psutil.Process().create_time()}))
    assert run.status().state == State.RUNNING
    change_status(run, process_started=psutil.Process().create_time() - 500)
    assert run.status().state == State.INTERRUPTED


@pytest.mark.parametrize("change", [{"host": 3}, {"message": None}, {"pid": 1.5}])
def test_a_status_with_values_of_another_type_is_named(run, change):
    change_status(run, **change)
    with pytest.raises(RunError, match=r"status\.json is broken"):
        run.status()


def test_the_heart_beats_while_the_main_thread_works_and_is_gone_afterwards(run, monkeypatch):
    monkeypatch.setattr(locks, "_BEAT_SECONDS", 0.01)
    beat = run.path / "heartbeat"
    with run.beating():
        deadline = time.monotonic() + 20
        while not beat.exists():
            assert time.monotonic() < deadline
        first = beat.stat().st_mtime_ns
        while beat.stat().st_mtime_ns == first:
            assert time.monotonic() < deadline
    assert not beat.exists()


def test_a_heartbeat_that_cannot_be_written_does_not_end_the_training(run, monkeypatch):
    monkeypatch.setattr(locks, "_BEAT_SECONDS", 0.01)
    with locks.beating(run.path / "nowhere" / "heartbeat"):
        time.sleep(0.05)


@pytest.mark.parametrize(("age", "state"), [(100, State.RUNNING), (140, State.INTERRUPTED)])
def test_two_minutes_without_a_heartbeat_are_the_end_of_a_run_of_another_host(run, age, state):
    change_status(run, host="another machine", pid=1, process_started=0)
    beat = run.path / "heartbeat"
    beat.touch()
    let_pass(age, beat)
    let_pass(age, run.path / "status.json")
    assert run.status().state == state
