"""Workers are real processes here, killed for real; a training is a shell that ends after milliseconds."""

import os
import signal
import time
from dataclasses import replace

import pytest

from splitlab.errors import SettingsError
from splitlab.runs.attempt import MOST_STARTS
from splitlab.runs.devices import Device, live_workers, worker_is_alive
from splitlab.runs.locks import HeldError
from splitlab.runs.queue import cancel, enqueue, move, place_of, retry, waiting_runs
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.worker import Worker
from tests.runs.queue_tools import (
    SPEC,
    end_of,
    make_queued,
    make_run,
    start_worker,
    starts_of,
    state_of,
    training,
    wait_until,
    workspace_in,
)

# Says its pid and waits to be told to go on, so that a test can act in the middle of a training.
HOLD = 'echo $$ > "$1/new"; mv "$1/new" "$1/pid"; while [ ! -e "$1/go" ]; do sleep 0.01; done;'
UNTIL_TOLD = training(HOLD)
# A training that saves and stops when it is asked to, as the real one does.
STOPPABLE = training(
    'trap \'echo "{\\"state\\": \\"cancelled\\", \\"step\\": 5, \\"steps\\": 20, \\"pid\\": 1, '
    '\\"process_started\\": 0, \\"heartbeat\\": 9}" > "$1/status.json"; exit 130\' TERM; ' + HOLD
)


@pytest.fixture
def workspace(tmp_path):
    return workspace_in(tmp_path)


def pid_of(run):
    wait_until((run.path / "pid").exists)
    return int((run.path / "pid").read_text())


def kill(worker):
    worker.kill()
    worker.communicate()


def test_eight_workers_carry_out_two_hundred_runs_once_each_and_each_in_order(workspace):
    names = [f"run-{number:03d}" for number in range(200)]
    gpus = replace(SPEC, device="cuda")
    runs = make_queued(workspace, *names, spec=gpus)
    told = [end_of(worker) for worker in [start_worker(workspace, device=f"cuda:{gpu}") for gpu in range(8)]]
    assert [starts_of(run) for run in runs] == [1] * 200
    assert {state_of(run) for run in runs} == {State.DONE}
    assert waiting_runs(workspace) == []
    assert len({(run.path / "starts").read_text() for run in runs}) > 4  # so many workers at least had a share
    for lines in told:
        started = [line.split(":")[0] for line in lines.splitlines() if line.endswith("starts")]
        assert started == sorted(started)


def test_a_device_has_one_worker_and_the_second_says_so(workspace):
    device = Device.named("cpu")
    (run,) = make_queued(workspace, "one")
    first = start_worker(workspace, UNTIL_TOLD)
    pid_of(run)
    assert worker_is_alive(workspace, "cpu")
    assert not worker_is_alive(workspace, "cuda")
    assert live_workers(workspace) == [device.label]
    with pytest.raises(HeldError, match="Another worker looks after cpu"):
        Worker(workspace, device).work_until_empty()
    (run.path / "go").touch()
    end_of(first)
    assert not worker_is_alive(workspace, "cpu")
    assert live_workers(workspace) == []


def test_two_apps_that_start_a_worker_at_the_same_moment_train_each_run_once(workspace):
    runs = make_queued(workspace, *"abcdef")
    workers = [start_worker(workspace, training("sleep 0.05;")) for _ in range(2)]
    complaints = [worker.communicate(timeout=60)[1] for worker in workers]
    assert sorted(worker.returncode for worker in workers) in ([0, 0], [0, 1])
    for worker, complaint in zip(workers, complaints, strict=True):
        assert worker.returncode == 0 or "Another worker looks after cpu" in complaint
    assert [starts_of(run) for run in runs] == [1] * 6
    assert {state_of(run) for run in runs} == {State.DONE}


def test_a_worker_takes_only_runs_for_its_kind_of_device(workspace):
    (other,) = make_queued(workspace, "for-a-gpu", spec=replace(SPEC, device="cuda"))
    (own,) = make_queued(workspace, "for-the-cpu")
    end_of(start_worker(workspace))
    assert (starts_of(own), starts_of(other)) == (1, 0)
    assert place_of(workspace, other.name) == 1


def test_a_gpu_is_the_only_one_that_its_training_sees(workspace, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert Device.named("cuda:1").environment() == {"CUDA_VISIBLE_DEVICES": "1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    (run,) = make_queued(workspace, "one", spec=replace(SPEC, device="cuda"))
    end_of(start_worker(workspace, training('echo $CUDA_VISIBLE_DEVICES > "$1/gpu";'), "cuda:1"))
    assert (run.path / "gpu").read_text() == "6\n"
    assert Device.named("cuda:0").label != Device.named("cuda:1").label
    with pytest.raises(SettingsError, match="CUDA_VISIBLE_DEVICES is 4,6"):
        Device.named("cuda:2").environment()


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", "cuda:-1", "", "cuda:1\n"])
def test_a_device_of_another_name_is_refused_with_the_names_there_are(name):
    with pytest.raises(SettingsError, match="choose one of cpu, mps, cuda:0"):
        Device.named(name)


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
    assert starts_of(first) == MOST_STARTS
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
    retry(workspace, "one")
    assert state_of(run) == State.WAITING
    end_of(start_worker(workspace))
    assert state_of(run) == State.DONE


def test_a_training_that_ends_before_it_writes_a_status_is_failed_with_its_last_words(workspace):
    run, silent = make_queued(workspace, "one", "silent")
    run.log_path.write_text("what an earlier start said\n")
    speak = 'case "$1" in *one) echo Traceback; echo "ImportError: no torch"; echo; esac; exit 1;'
    end_of(start_worker(workspace, training(speak)))
    assert state_of(run) == state_of(silent) == State.FAILED
    assert run.status().message == "The training ended before its end: ImportError: no torch"
    assert "ended with code 1" in silent.status().message
    assert waiting_runs(workspace) == []


def test_a_run_that_waits_is_cancelled_and_never_started(workspace):
    first, second = make_queued(workspace, "first", "second")
    worker = start_worker(workspace, UNTIL_TOLD)
    pid_of(first)
    assert cancel(workspace, "second") == State.CANCELLED
    (first.path / "go").touch()
    end_of(worker)
    assert (state_of(first), state_of(second)) == (State.DONE, State.CANCELLED)
    assert starts_of(second) == 0


def test_a_run_that_trains_is_cancelled_saves_and_leaves_the_queue(workspace):
    run, after = make_queued(workspace, "run", "after")
    worker = start_worker(workspace, STOPPABLE)
    pid_of(run)
    (after.path / "go").touch()
    assert cancel(workspace, "run") == State.RUNNING
    end_of(worker)
    assert (state_of(run), run.status().step) == (State.CANCELLED, 5)
    assert state_of(after) == State.DONE


def test_a_run_cancelled_before_its_training_could_hear_of_it_is_stopped_as_well(workspace):
    (run,) = make_queued(workspace, "run")
    worker = start_worker(workspace, UNTIL_TOLD)
    pid_of(run)
    cancel(workspace, "run")
    run.take_back_cancel()  # as a training does when it begins
    end_of(worker)
    assert state_of(run) == State.CANCELLED
    assert starts_of(run) == 1


def test_a_run_cancelled_and_queued_again_at_once_is_trained_again(workspace):
    (run,) = make_queued(workspace, "run")
    worker = start_worker(workspace, UNTIL_TOLD)
    pid_of(run)
    cancel(workspace, "run")
    enqueue(workspace, "run")
    (run.path / "pid").unlink()
    pid_of(run)
    (run.path / "go").touch()
    end_of(worker)
    assert state_of(run) == State.DONE
    assert starts_of(run) == 2


def test_a_worker_that_is_asked_to_end_leaves_its_run_in_the_queue(workspace):
    run, after = make_queued(workspace, "run", "after")
    for _ in range(MOST_STARTS + 1):  # however often: it was no failure
        worker = start_worker(workspace, STOPPABLE)
        pid_of(run)
        worker.terminate()
        end_of(worker)
        (run.path / "pid").unlink()
        assert (state_of(run), run.status().step) == (State.WAITING, 5)
    assert [entry.run for entry in waiting_runs(workspace)] == ["run", "after"]
    assert starts_of(after) == 0
    end_of(start_worker(workspace))
    assert state_of(run) == State.DONE


def test_a_run_moved_to_the_front_while_another_trains_is_next(workspace):
    runs = make_queued(workspace, "a", "b", "c")
    worker = start_worker(workspace, training('case "$1" in *a) ' + HOLD.rstrip(";") + ";; esac;"))
    pid_of(runs[0])
    move(workspace, "c", "first")
    (runs[0].path / "go").touch()
    started = [line for line in end_of(worker).splitlines() if line.endswith("starts")]
    assert started == ["a: starts", "c: starts", "b: starts"]


def test_a_run_put_in_while_the_worker_ends_is_not_left_lying(workspace, monkeypatch):
    """The moment is forced: the queue is empty, the worker has its lock still, and who puts a run in sees it."""
    late = make_run(workspace, "late")
    it = Worker(workspace, Device("cpu"), lambda run: ["/bin/sh", "-c", training(), "sh", str(run.path)])
    look = Worker._own_entries
    found = []

    def look_and_be_late(self):
        found.append(look(self))
        if len(found) == 1:
            enqueue(workspace, "late")
            assert worker_is_alive(workspace, "cpu")
        return found[-1]

    monkeypatch.setattr(Worker, "_own_entries", look_and_be_late)
    it.work_until_empty()
    assert found[0] == []
    assert state_of(late) == State.DONE


def test_entries_of_runs_that_were_deleted_by_hand_are_dropped(workspace):
    gone, there = make_queued(workspace, "gone", "there")
    gone.spec_path.unlink()
    assert place_of(workspace, "there") == 1
    end_of(start_worker(workspace))
    assert state_of(there) == State.DONE
    assert [path.name for path in workspace.queue.iterdir()] == [".lock"]


def test_a_run_moved_back_and_forth_while_it_trains_is_not_taken_for_cancelled(workspace):
    run, *_ = make_queued(workspace, *"abc")
    worker = start_worker(workspace, UNTIL_TOLD)
    pid_of(run)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        for where in ("last", "up", "first", "down"):
            move(workspace, "a", where)
    for name in "abc":
        (workspace.runs / name / "go").touch()
    end_of(worker)
    assert [starts_of(RunFolder(workspace.runs / name)) for name in "abc"] == [1, 1, 1]
    assert state_of(run) == State.DONE


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
