"""What every command says that puts a run into the queue."""

from __future__ import annotations

from splitlab.cli.output import err, out
from splitlab.runs.devices import worker_is_alive
from splitlab.runs.queue import place_of, run_named
from splitlab.workspace import Workspace


def tell_queued(workspace: Workspace, name: str) -> None:
    """Say which place a run has, and how the queue is worked off where no worker runs."""
    run = run_named(workspace, name)
    device = run.spec().device
    out.print(f"{run.name}: place {place_of(workspace, run.name)} in the queue")
    if not worker_is_alive(workspace, device):
        way_out = f"Start one with: splitlab worker --device {device}"
        err.print(f"No worker looks after {device} on this machine. {way_out}", soft_wrap=True)
