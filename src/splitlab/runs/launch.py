"""Training in a process of its own, which outlives the one that started it."""

from __future__ import annotations

import subprocess
import sys
import threading

from splitlab.errors import RunError
from splitlab.runs.run_folder import RunFolder, State


def launch(run: RunFolder) -> None:
    """Start `splitlab train RUN` detached, with its output in the run's log.

    Raises:
        RunError: it is being trained already, or its folder cannot be written.
    """
    status = run.status()
    if status.state == State.RUNNING:
        raise RunError(f"{run.path} is being trained already. Stop it first, or wait for its end.")
    run.take_back_cancel()
    run.write_status(State.WAITING, status.step, status.steps)
    try:
        with run.log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "splitlab", "train", str(run.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise RunError(f"{run.path}: the training cannot be started ({error.strerror}).") from error
    # Without a wait the ended process would stay in the system's table for as long as this one lives.
    threading.Thread(target=process.wait, daemon=True, name=f"wait for {run.name}").start()
