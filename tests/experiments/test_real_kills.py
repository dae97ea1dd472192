"""App, worker and training killed at random moments of real trainings: nothing is lost or done twice.

`KILLS=50 pytest tests/experiments/test_real_kills.py` takes minutes; the figures of such a run are in
docs/reliability.md.
"""

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import psutil
import pytest
import torch

from splitlab.checkpoints.checkpoint import read_weights
from splitlab.queue.queue import enqueue, waiting_runs
from splitlab.runs.run_folder import RunFolder, State
from splitlab.training.experiment import prepare_run
from splitlab.workspace import Workspace
from tests.app_server import ROOT
from tests.runs.queue_tools import state_of, wait_until, workspace_in

KILLS = int(os.environ.get("KILLS", "5"))
STEPS, EVERY = 40, 10
LONGEST_PAUSE = 6.0


@dataclass
class Body:
    """Runs of one spec, with the processes that could be killed."""

    workspace: Workspace
    spec: object
    runs: list[RunFolder] = field(default_factory=list)
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    saved: dict[str, int] = field(default_factory=dict)

    def add_run(self) -> RunFolder:
        run = prepare_run(self.workspace.runs / f"run-{len(self.runs)}", self.spec, self.workspace.data)
        self.runs.append(run)
        enqueue(self.workspace, run.name)
        return run

    def start(self, who: str) -> None:
        words = {
            "app": ["streamlit", "run", "app.py", "--server.headless", "true", "--server.port", "0"],
            "worker": ["splitlab", "worker"],
        }[who]
        with (self.workspace.root / f"{who}.log").open("ab") as log:
            self.processes[who] = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=ROOT,
                env={**os.environ, "SPLITLAB_WORKSPACE": str(self.workspace.root)},
                stdout=log,
                stderr=log,
            )

    def kill(self, who: str) -> bool:
        """Kill the app, the worker (both are started again) or a training; say whether there was one."""
        if who != "training":
            self.processes[who].kill()
            self.processes[who].wait()
            self.start(who)
            return True
        for run in self.runs:
            for process in trainings_of(run):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                    psutil.wait_procs([process], timeout=10)
                    self.look_at_saved(run)
                    return True
        return False

    def look_at_saved(self, run: RunFolder) -> None:
        """The saved state is at most one evaluation behind the last that was noted, and never goes back."""
        noted = max((e["step"] for e in run.events() if e["kind"] == "evaluation"), default=0)
        step = torch.load(run.state_path, weights_only=True)["step"] if run.state_path.exists() else 0
        assert noted - EVERY <= step <= noted
        assert step >= self.saved.get(run.name, 0)
        self.saved[run.name] = step


def trainings_of(run):
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if words[-2:] == ["train", str(run.path)]:
                found.append(process)
    return found


@pytest.fixture
def body(tiny_spec, tmp_path):
    (tmp_path / "workspace").mkdir()
    spec = tiny_spec.changed(steps=STEPS, evaluate_every=EVERY)
    body = Body(workspace_in(tmp_path / "workspace"), spec)
    body.start("app")
    body.start("worker")
    yield body
    for process in body.processes.values():
        process.kill()
        process.wait()


@pytest.mark.slow
def test_real_trainings_killed_at_random_moments_end_bit_for_bit_as_if_they_had_not_been(body):
    undisturbed = body.add_run()
    wait_until(lambda: state_of(undisturbed) in (State.DONE, State.FAILED), seconds=180)
    assert state_of(undisturbed) == State.DONE
    killed, given_up, chance = {"app": 0, "worker": 0, "training": 0}, 0, random.Random(KILLS)
    body.add_run()
    while sum(killed.values()) < KILLS:
        if state_of(body.runs[-1]) == State.DONE:
            body.add_run()
        time.sleep(chance.uniform(0, LONGEST_PAUSE))
        who = chance.choice(["app", "worker", "training", "training"])
        killed[who] += body.kill(who)
        given_up += retry_what_was_given_up(body)
    for _ in body.runs:
        wait_until(lambda: not waiting_runs(body.workspace), seconds=180)
        given_up += retry_what_was_given_up(body)
    print(f"\n{killed} killed over {len(body.runs) - 1} runs of {STEPS} steps, {given_up} given up and tried again")
    assert {state_of(run) for run in body.runs} == {State.DONE}
    weights = read_weights(undisturbed.weights)
    for run in body.runs:
        windows = [event for event in run.events() if event["kind"] == "train"]
        assert [s for w in windows for s in range(w["from_step"], w["step"] + 1)] == list(range(1, STEPS + 1))
        evaluated = [event["step"] for event in run.events() if event["kind"] == "evaluation"]
        assert evaluated == list(range(EVERY, STEPS + 1, EVERY))
        assert all(np.array_equal(tensor, weights[name]) for name, tensor in read_weights(run.weights).items())
        assert (run.path / "scores.json").read_bytes() == (undisturbed.path / "scores.json").read_bytes()


def retry_what_was_given_up(body) -> int:
    """Try again what was killed too often before it saved another step, as a person would."""
    failed = [run for run in body.runs if state_of(run) == State.FAILED]
    for run in failed:
        assert "its process was killed each time" in run.status().message
        enqueue(body.workspace, run.name)
    return len(failed)
