"""Trainings that outlive the app: a run is put into the queue, and a worker of its own process looks after it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from splitlab.errors import RunError
from splitlab.runs.devices import Device, worker_is_alive
from splitlab.runs.queue import enqueue
from splitlab.runs.run_folder import RunFolder
from splitlab.workspace import Workspace


def launch(run: RunFolder, workspace: Workspace) -> None:
    """Put a run into the queue, and start a worker for its device where none runs on this machine.

    Raises:
        RunError: it is being trained already or done, or its folder cannot be written.
    """
    enqueue(workspace, run.name)
    ensure_worker(workspace, run.spec().device)


def ensure_worker(workspace: Workspace, kind: str) -> None:
    """Start a worker that ends with the queue, detached, where none looks after a device of this kind: cpu, cuda, mps.

    Raises:
        RunError: it cannot be started, or the work space cannot be written.
    """
    if worker_is_alive(workspace, kind):
        return
    label = Device(kind).label
    try:
        workspace.workers.mkdir(parents=True, exist_ok=True)
        with (workspace.workers / f"{label}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "splitlab", "worker", "--device", kind, "--until-empty"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "SPLITLAB_WORKSPACE": str(workspace.root),
                    "SPLITLAB_CHECKPOINTS": str(workspace.checkpoints),
                },
                start_new_session=True,
            )
    except OSError as error:
        raise RunError(f"{workspace.workers}: a worker cannot be started ({error.strerror}).") from error
    # Without a wait the ended process would stay in the system's table for as long as this one lives.
    threading.Thread(target=process.wait, daemon=True, name=f"wait for worker {label}").start()
