"""Workers are real processes here; a training is a shell that ends after milliseconds. Each run once, in order."""

import json
import time
from threading import Thread

import pytest

from splitlab.errors import SettingsError
from splitlab.io import HeldError
from splitlab.queue import worker as workers
from splitlab.queue.queue import move, place_of, waiting_runs
from splitlab.queue.worker import Worker, launch, worker_is_alive
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import RunFolder, State
from tests.runs.queue_tools import SPEC, end_of, make_queued, make_run, start_worker, starts_of, state_of, training
from tests.runs.worker.held import HOLD, UNTIL_TOLD, pid_of


def test_eight_workers_carry_out_two_hundred_runs_once_each_and_each_in_order(workspace):
    names = [f"run-{number:03d}" for number in range(200)]
    gpus = SPEC.changed(device="cuda")
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
    with pytest.raises(HeldError, match="Another worker already serves cpu"):
        Worker(workspace, device).work(until_empty=True)
    (run.path / "go").touch()
    end_of(first)
    assert not worker_is_alive(workspace, "cpu")


def test_two_apps_that_start_a_worker_at_the_same_moment_train_each_run_once(workspace):
    runs = make_queued(workspace, *"abcdef")
    workers = [start_worker(workspace, training("sleep 0.05;")) for _ in range(2)]
    complaints = [worker.communicate(timeout=60)[1] for worker in workers]
    assert sorted(worker.returncode for worker in workers) in ([0, 0], [0, 1])
    for worker, complaint in zip(workers, complaints, strict=True):
        assert worker.returncode == 0 or "Another worker already serves cpu" in complaint
    assert [starts_of(run) for run in runs] == [1] * 6
    assert {state_of(run) for run in runs} == {State.DONE}


def test_a_worker_takes_only_runs_for_its_kind_of_device(workspace):
    (other,) = make_queued(workspace, "for-a-gpu", spec=SPEC.changed(device="cuda"))
    (own,) = make_queued(workspace, "for-the-cpu")
    end_of(start_worker(workspace))
    assert (starts_of(own), starts_of(other)) == (1, 0)
    assert place_of(workspace, other.name) == 1


def test_a_gpu_is_the_only_one_that_its_training_sees(workspace, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert Device.named("cuda:1").environment() == {"CUDA_VISIBLE_DEVICES": "1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    (run,) = make_queued(workspace, "one", spec=SPEC.changed(device="cuda"))
    end_of(start_worker(workspace, training('echo $CUDA_VISIBLE_DEVICES > "$1/gpu";'), "cuda:1"))
    assert (run.path / "gpu").read_text() == "6\n"
    assert Device.named("cuda:0").label != Device.named("cuda:1").label
    with pytest.raises(SettingsError, match="CUDA_VISIBLE_DEVICES is 4,6"):
        Device.named("cuda:2").environment()


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", "cuda:-1", "", "cuda:1\n"])
def test_a_device_of_another_name_is_refused_with_the_names_there_are(name):
    with pytest.raises(SettingsError, match="choose one of cpu, mps, cuda:0"):
        Device.named(name)


def test_a_run_moved_to_the_front_while_another_trains_is_next(workspace):
    runs = make_queued(workspace, "a", "b", "c")
    worker = start_worker(workspace, training('case "$1" in *a) ' + HOLD.rstrip(";") + ";; esac;"))
    pid_of(runs[0])
    move(workspace, "c", "first")
    (runs[0].path / "go").touch()
    started = [line for line in end_of(worker).splitlines() if line.endswith("starts")]
    assert started == ["a: starts", "c: starts", "b: starts"]


def test_a_run_put_in_while_the_worker_ends_is_not_left_lying(workspace, monkeypatch):
    """The moment is forced: the worker has seen an empty queue and holds its device still."""
    late = make_run(workspace, "late")
    it = Worker(workspace, Device("cpu"), lambda run: ["/bin/sh", "-c", training(), "sh", str(run.path)])
    look, app = Worker._own, Thread(target=launch, args=(late, workspace))
    started = []
    monkeypatch.setattr(workers, "_start", lambda *words: started.append(words) or Process())

    def look_and_let_an_app_be_late(self, queue):
        app.start()
        time.sleep(0.3)
        return look(self, queue)

    monkeypatch.setattr(Worker, "_own", look_and_let_an_app_be_late)
    it.work(until_empty=True)
    app.join()
    assert place_of(workspace, "late") == 1
    assert len(started) == 1  # a new worker, because the app saw no other


class Process:
    def wait(self):
        return 0


def test_entries_of_runs_that_were_deleted_by_hand_are_dropped(workspace):
    gone, there = make_queued(workspace, "gone", "there")
    gone.spec_path.unlink()
    assert place_of(workspace, "there") == 1
    end_of(start_worker(workspace))
    assert state_of(there) == State.DONE
    assert json.loads((workspace.queue / "queue.json").read_text()) == []


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
