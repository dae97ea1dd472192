"""Workers and trainings are killed for real, and disks refuse: what becomes of their runs."""

import os
import signal

import pytest

from splitlab.queue.queue import enqueue, place_of, waiting_runs
from splitlab.queue.worker import _MOST_STARTS, Worker
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import State
from tests.runs.queue_tools import end_of, make_queued, start_worker, starts_of, state_of, training, wait_until
from tests.runs.worker.held import UNTIL_TOLD, kill, pid_of


def test_the_run_of_a_killed_worker_is_left_to_its_orphan_and_then_to_nobody(workspace):
    """An orphan holds the run's lock, as every training does; here the test holds it in its place."""
    orphaned, after = make_queued(workspace, "orphaned", "after")
    first = start_worker(workspace, UNTIL_TOLD)
    pid_of(orphaned)
    with orphaned.lock():
        kill(first)
        second = start_worker(workspace)
        wait_until(lambda: state_of(after) == State.DONE)
        assert starts_of(orphaned) == 1
        assert place_of(workspace, orphaned.name) == 1
        (orphaned.path / "go").touch()
        wait_until(lambda: state_of(orphaned) == State.DONE)
    end_of(second)
    assert starts_of(orphaned) == 1
    assert waiting_runs(workspace) == []


def test_a_run_that_another_machine_trains_is_left_alone(workspace):
    """Its storage shares no locks, so its heartbeat is all there is to see of it."""
    far, near = make_queued(workspace, "far", "near")
    far.write_status(State.RUNNING, 3, 20)
    path = far.path / "status.json"
    path.write_text(path.read_text().replace('"host": "', '"host": "elsewhere '))
    worker = start_worker(workspace)
    wait_until(lambda: state_of(near) == State.DONE)
    assert starts_of(far) == 0
    os.utime(path, (1, 1))
    end_of(worker)
    assert starts_of(far) == 1


def test_a_run_whose_worker_and_training_were_killed_is_finished_by_the_next_worker(workspace):
    (run,) = make_queued(workspace, "one")
    first = start_worker(workspace, UNTIL_TOLD)
    child = pid_of(run)
    kill(first)
    os.kill(child, signal.SIGKILL)
    end_of(start_worker(workspace))
    assert state_of(run) == State.DONE
    assert starts_of(run) == 2
    assert waiting_runs(workspace) == []


def test_a_training_that_is_killed_goes_on_by_itself(workspace):
    (run,) = make_queued(workspace, "one")
    worker = start_worker(workspace, UNTIL_TOLD)
    os.kill(pid_of(run), signal.SIGKILL)
    wait_until(lambda: starts_of(run) == 2)
    (run.path / "go").touch()
    assert "signal 9" in end_of(worker)
    assert state_of(run) == State.DONE


def test_a_training_that_is_killed_again_and_again_without_progress_is_given_up(workspace):
    first, second = make_queued(workspace, "killed", "after")
    end_of(start_worker(workspace, training('case "$1" in *killed) kill -9 $$;; esac;')))
    assert starts_of(first) == _MOST_STARTS
    assert state_of(first) == State.FAILED
    assert "4 times at step 0" in first.status().message
    assert "signal 9" in first.status().message
    assert state_of(second) == State.DONE
    assert waiting_runs(workspace) == []


def test_a_training_that_gets_further_each_time_is_never_given_up(workspace):
    (run,) = make_queued(workspace, "one")
    saves = (
        'n=$(wc -l < "$1/starts"); echo "{\\"kind\\": \\"evaluation\\", \\"step\\": $n}" >> "$1/events.jsonl"; '
        '[ "$n" -eq 9 ] || kill -9 $$;'
    )
    end_of(start_worker(workspace, training(saves)))
    assert starts_of(run) == 9
    assert state_of(run) == State.DONE


def test_a_run_that_was_given_up_can_be_tried_again(workspace):
    (run,) = make_queued(workspace, "one")
    end_of(start_worker(workspace, training("kill -9 $$;")))
    assert state_of(run) == State.FAILED
    enqueue(workspace, "one")
    assert state_of(run) == State.WAITING
    end_of(start_worker(workspace))
    assert state_of(run) == State.DONE


def test_a_training_that_ends_before_it_writes_a_status_is_failed_with_its_last_words(workspace):
    run, silent = make_queued(workspace, "one", "silent")
    run.log_path.write_text("what an earlier start said\n")
    speak = 'case "$1" in *one) echo Traceback; echo "ImportError: no torch"; echo; esac; exit 1;'
    end_of(start_worker(workspace, training(speak)))
    assert state_of(run) == state_of(silent) == State.FAILED
    assert run.status().message == "The training stopped early: ImportError: no torch"
    assert "ended with code 1" in silent.status().message
    assert waiting_runs(workspace) == []


def test_a_worker_that_cannot_write_a_byte_ends_and_leaves_the_queue_as_it_was(workspace):
    run, _ = make_queued(workspace, "a", "b")
    worker = start_worker(workspace, limit="ulimit -f 0;")
    _, complaint = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert "cannot be written (File too large). Free some space" in complaint
    assert [entry.run for entry in waiting_runs(workspace)] == ["a", "b"]
    assert starts_of(run) == 0
    end_of(start_worker(workspace))
    assert state_of(run) == State.DONE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_that_a_worker_may_not_write_stays_and_holds_up_no_other(workspace):
    closed, after = make_queued(workspace, "closed", "after")
    closed.path.chmod(0o500)
    try:
        end_of(start_worker(workspace))
    finally:
        closed.path.chmod(0o700)
    assert (starts_of(closed), state_of(after)) == (0, State.DONE)
    assert place_of(workspace, "closed") == 1


def test_a_training_that_ends_while_another_process_trains_the_run_fails_nothing(workspace):
    (run,) = make_queued(workspace, "one")
    (entry,) = waiting_runs(workspace)

    def refused(_run):
        return ["/bin/sh", "-c", "echo the run is locked; exit 1"]

    worker = Worker(workspace, Device("cpu"), refused)
    with run.lock():
        worker._carry_out(run, entry)
    assert state_of(run) == State.WAITING
    assert place_of(workspace, "one") == 1
    worker.take(entry)
    assert state_of(run) == State.FAILED
    assert waiting_runs(workspace) == []
