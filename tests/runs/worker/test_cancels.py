"""Runs are cancelled before, while and after they are started."""

from splitlab.queue.queue import cancel, enqueue, waiting_runs
from splitlab.queue.worker import _MOST_STARTS
from splitlab.runs.run_folder import State
from tests.runs.queue_tools import end_of, make_queued, start_worker, starts_of, state_of
from tests.runs.worker.held import STOPPABLE, UNTIL_TOLD, pid_of


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
    for _ in range(_MOST_STARTS + 1):  # however often: it was no failure
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
