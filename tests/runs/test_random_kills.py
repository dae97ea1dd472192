"""Workers and trainings killed at random moments: in the end every run is done, and no step is lost or done twice."""

import os
import random
import shutil
import signal
import time
from contextlib import suppress

import psutil
import pytest

from splitlab.queue.queue import enqueue, waiting_runs
from splitlab.runs.run_folder import State
from tests.runs.queue_tools import SPEC, end_of, make_queued, start_worker, state_of, training, workspace_in

STEPS, SAVED_EVERY, KILLS = 60, 5, 50
# Holds the run as a training does, goes on from the saved step, and saves every five steps.
STEPWISE = training(
    f"""
    exec 9>> "$1/run.lock"; flock -n 9 || exit 1; echo $$ > "$1/pid"
    saved=$(cat "$1/saved" 2> "$1/nothing" || echo 0); echo "from $saved" >> "$1/steps"
    step=$saved
    while [ $step -lt {STEPS} ]; do
        step=$((step + 1)); sleep 0.005; echo $step >> "$1/steps"
        if [ $((step % {SAVED_EVERY})) -eq 0 ]; then
            echo '{{"kind": "evaluation", "step": '$step'}}' >> "$1/events.jsonl"
            echo $step > "$1/draft"; mv "$1/draft" "$1/saved"
        fi
    done;
    """
)


def trainings_of(runs):
    """The processes that train a run now; a number that was given to another process since is not among them."""
    found = []
    for run in runs:
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((run.path / "pid").read_text()))
            if str(run.path) in process.cmdline():
                found.append(process.pid)
    return found


def stretches_of(run):
    """What each process of a run did: the step it went on from, and the steps it took."""
    stretches = []
    for line in (run.path / "steps").read_text().splitlines():
        if line.startswith("from"):
            stretches.append((int(line.split()[1]), []))
        else:
            stretches[-1][1].append(int(line))
    return stretches


def work_to_the_end(workspace, runs):
    """Finish what was killed too often as well: the third try of a person."""
    for _ in range(3):
        end_of(start_worker(workspace, STEPWISE, "cuda:0"))
        for run in runs:
            if state_of(run) == State.FAILED:
                assert "killed each time" in run.status().message
                enqueue(workspace, run.name)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flock") is None, reason="the shell that stands for a training locks with flock")
def test_fifty_kills_at_random_moments_lose_no_run_and_no_saved_step(tmp_path):
    workspace, chance = workspace_in(tmp_path), random.Random(8)
    runs = make_queued(workspace, *(f"run-{number:02d}" for number in range(40)), spec=SPEC.changed(device="cuda"))
    workers = {device: start_worker(workspace, STEPWISE, device) for device in ("cuda:0", "cuda:1")}
    killed = {"worker": 0, "training": 0}
    while sum(killed.values()) < KILLS:
        time.sleep(chance.uniform(0.05, 0.5))
        trainings = trainings_of(runs)
        if chance.random() < 0.5 and trainings:
            with suppress(ProcessLookupError):
                os.killpg(chance.choice(trainings), signal.SIGKILL)
                killed["training"] += 1
        else:
            device = chance.choice(list(workers))
            workers[device].kill()
            workers[device].communicate()
            workers[device] = start_worker(workspace, STEPWISE, device)
            killed["worker"] += 1
    for worker in workers.values():
        end_of(worker)
    work_to_the_end(workspace, runs)
    assert min(killed.values()) > 10
    assert waiting_runs(workspace) == []
    assert {state_of(run) for run in runs} == {State.DONE}
    for run in runs:
        reached = 0
        for start, steps in stretches_of(run):
            # A kill between the last step of five and its saving costs those five.
            assert reached - 2 * SAVED_EVERY < start <= reached
            assert steps == list(range(start + 1, start + 1 + len(steps)))
            reached = max([start, *steps])
        assert reached == STEPS
