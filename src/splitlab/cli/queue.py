"""Commands for queued runs: the queue, the worker that trains them, and how to stop, retry or delete a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from splitlab.cli.output import JsonOption, app, err, out, print_json
from splitlab.cli.sweep_work import ADDRESS_HELP, CpusOption, GpuShareOption, work_on_cluster
from splitlab.cli.train_settings import CANCELLED_EXIT, leave_to_worker
from splitlab.errors import SettingsError
from splitlab.queue import queue
from splitlab.queue.cluster import Shares
from splitlab.queue.worker import Worker
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import RunFolder, State
from splitlab.workspace import Workspace

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run of the workspace: its name, or its folder.")]

_queue_app = typer.Typer(
    invoke_without_command=True,
    epilog="Examples: `splitlab queue --json` · `splitlab queue add pets-30-450-1` · "
    "`splitlab queue move pets-30-450-1 first`",
)
app.add_typer(_queue_app, name="queue")


@_queue_app.callback()
def show(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the queued runs in the order in which `splitlab worker` trains them; or change the queue."""
    if context.invoked_subcommand:
        return
    workspace = Workspace.here()
    rows: list[dict[str, Any]] = []
    for place, entry in enumerate(queue.waiting_runs(workspace), start=1):
        status = queue.status_of(RunFolder(workspace.runs / entry.run))
        progress = {"state": status.state, "step": status.step, "steps": status.steps}
        rows.append({"place": place, "name": entry.run, "device": entry.device, **progress})
    if as_json:
        print_json(rows)
        return
    table = Table("", Column("run", no_wrap=True), "device", "state", "step")
    for row in rows:
        table.add_row(str(row["place"]), row["name"], row["device"], row["state"], f"{row['step']}/{row['steps']}")
    out.print(table if rows else "No run waits. Add one with: splitlab queue add RUN")


@_queue_app.command(epilog="Example: `splitlab queue add pets-30-0-1 pets-30-450-1`")
def add(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs of the workspace, in this order.")],
) -> None:
    """Add runs at the end of the queue; queued runs keep their place."""
    leave_to_worker(Workspace.here(), *runs)


@_queue_app.command(epilog="Example: `splitlab queue move pets-30-450-1 first`")
def move(run: RunArgument, where: Annotated[queue.Where, typer.Argument(help="`up` is one place earlier.")]) -> None:
    """Move a queued run: first, last, up or down."""
    workspace = Workspace.here()
    queue.move(workspace, run, where)
    name = queue.run_name(workspace, run)
    out.print(f"{name}: place {queue.place_of(workspace, name)}")


@_queue_app.command(epilog="Example: `splitlab queue run --cluster 10.0.0.5:6379 --gpu-share 0.5`")
def run(
    cluster: Annotated[str, typer.Option(metavar="ADDRESS", help=ADDRESS_HELP)],
    gpu_share: GpuShareOption = 1.0,
    cpus: CpusOption = 1,
) -> None:
    """Train the runs that are queued now on a Ray cluster, and stop after the last of them.

    Ctrl-C saves the current runs, leaves them in the queue and stops.
    """
    workspace = Workspace.here()
    waiting = [RunFolder(workspace.runs / entry.run) for entry in queue.waiting_runs(workspace)]
    try:
        ended = work_on_cluster(waiting, workspace, cluster, Shares(gpu_share, cpus))
    except KeyboardInterrupt:
        raise typer.Exit(CANCELLED_EXIT) from None
    if ended:
        err.print(f"{len(ended)} runs stopped early: {', '.join(one.name for one in ended)}", soft_wrap=True)
        raise typer.Exit(1)


@app.command(epilog="Examples: `splitlab cancel pets-30-450-1` · to continue later: `splitlab retry pets-30-450-1`")
def cancel(run: RunArgument) -> None:
    """Stop a queued or running training run; its progress is saved."""
    state = queue.cancel(Workspace.here(), run)
    out.print(f"{run}: " + ("taken out of the queue" if state == State.CANCELLED else "stops after the current step"))


@app.command(epilog="Example: `splitlab retry pets-30-450-1`")
def retry(run: RunArgument) -> None:
    """Queue a run again that failed, was stopped or lost its process; it continues from its last saved state."""
    leave_to_worker(Workspace.here(), run)


@app.command(epilog="Example: `splitlab delete pets-30-450-1 --yes`")
def delete(run: RunArgument, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete a run folder with its weights and scores permanently; asks first."""
    workspace = Workspace.here()
    path = queue.run_named(workspace, run).path
    if not yes:
        typer.confirm(f"Delete {path} and everything in it?", abort=True, err=True)
    queue.delete(workspace, run)
    out.print(f"Deleted: {path}")


@app.command(epilog="Examples: `splitlab worker` · `splitlab worker --device cuda:1 --until-empty`")
def worker(
    device: Annotated[str, typer.Option(help="cpu, mps, or a GPU: cuda:0, cuda:1 …")] = "cpu",
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Stop when no run is queued.")] = False,
) -> None:
    """Train the queued runs for a device, one after the other; each device has one worker.

    Ctrl-C saves the current run, leaves it in the queue and stops.
    """
    chosen = Device.named(device)
    if chosen.kind != "cpu":
        _check_presence(chosen)
    worker = Worker(Workspace.here(), chosen, tell=partial(err.print, soft_wrap=True))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(worker, "stopping", True))
    if not until_empty:
        err.print(f"Waiting for runs on {chosen.name}. Press Ctrl-C to stop.")
    worker.work(until_empty)


def _check_presence(device: Device) -> None:
    """Refuse a missing device, on which every run would fail."""
    # In a separate process: torch would occupy hundreds of megabytes for as long as the worker runs.
    code = "import sys, splitlab.models.precision as it; sys.exit(sys.argv[1] not in it.available_devices())"
    command = [sys.executable, "-c", code, device.kind]
    if subprocess.run(command, env={**os.environ, **device.environment()}, check=False).returncode:
        raise SettingsError(f"device '{device.name}' is not on this machine. Choose another, such as cpu.")
