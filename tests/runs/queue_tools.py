"""A workspace whose trainings are shells of milliseconds, and workers for it that are real processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from splitlab.queue.queue import enqueue, status_of
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace

SPEC = RunSpec.of("embedded", 4, 6, steps=20)
# What a training leaves at its end; the pid is of no process.
DONE = json.dumps({"state": "done", "step": 20, "steps": 20, "pid": 1, "process_started": 0, "heartbeat": 9})
# Each start of a training leaves a line; in its middle it may do anything.
SCRIPT = 'echo "$WORKER" >> "$1/starts"; WHILE_TRAINING echo \'DONE\' > "$1/new"; mv "$1/new" "$1/status.json"'
WORKER = """
import os, signal, sys
from pathlib import Path
from splitlab.queue import worker
from splitlab.runs.devices import Device
from splitlab.workspace import Workspace
worker._IDLE_SECONDS = 0.02
workspace = Workspace(Path(sys.argv[1]), Path(sys.argv[1]))
command = lambda run: ["/bin/sh", "-c", sys.argv[3], "sh", str(run.path)]
it = worker.Worker(workspace, Device.named(sys.argv[2]), command, lambda line: print(line, flush=True))
def stop(*_):
    it.stopping = True
signal.signal(signal.SIGTERM, stop)
it.work(until_empty=True)
"""


def workspace_in(folder: Path) -> Workspace:
    return Workspace(folder, folder / "checkpoints")


def make_run(workspace: Workspace, name: str, spec: RunSpec = SPEC) -> RunFolder:
    return RunFolder.create(workspace.runs / name, spec, {})


def make_queued(workspace: Workspace, *names: str, spec: RunSpec = SPEC) -> list[RunFolder]:
    runs = [make_run(workspace, name, spec) for name in names]
    for run in runs:
        enqueue(workspace, run.name)
    return runs


def training(while_training: str = "") -> str:
    return SCRIPT.replace("WHILE_TRAINING", while_training).replace("DONE", DONE)


def start_worker(workspace: Workspace, script: str = "", device: str = "cpu", limit: str = "") -> subprocess.Popen:
    words = [sys.executable, "-c", WORKER, str(workspace.root), device, script or training()]
    return subprocess.Popen(
        ["/bin/sh", "-c", f'{limit} exec "$@"', "sh", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "WORKER": device},
    )


def end_of(worker: subprocess.Popen) -> str:
    """Wait for a worker that ends well; return what it told."""
    told, complaints = worker.communicate(timeout=120)
    assert worker.returncode == 0, complaints
    return told


def starts_of(run: RunFolder) -> int:
    path = run.path / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


def state_of(run: RunFolder) -> str:
    return status_of(run).state


def wait_until(happened, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"nothing happened for {seconds} seconds"
        time.sleep(0.01)
