"""Train queued runs on a Ray cluster."""

from __future__ import annotations

import importlib
import math
import os
import platform
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import splitlab
from splitlab.errors import RunError, SettingsError
from splitlab.queue.leash import leashed
from splitlab.queue.queue import status_of, waiting_runs
from splitlab.queue.worker import Command, Worker, train_command
from splitlab.runs.devices import Device
from splitlab.runs.run_folder import RunFolder, State
from splitlab.workspace import Workspace

_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_ASIDE_SECONDS = 10.0  # before a run that another process trains is looked at again
_STOP_SECONDS = 90.0  # after Ctrl-C, for the current step and for saving
# Ends tasks that die before the queue could count their start; the queue's own limit is lower.
_MOST_RETRIES = 20
_SEE = "docs/cluster.md says how to start a cluster."
_ADDRESS = re.compile(r"auto|(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class Shares:
    """What each run uses of a machine: a share of one GPU (cuda runs only), and processor cores."""

    gpu: float = 1.0
    cpus: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.gpu <= 1:
            raise SettingsError(f"--gpu-share is {self.gpu}; give 0 to 1, because a run trains on one GPU.")
        if self.cpus < 1:
            raise SettingsError(f"--cpus is {self.cpus}; give 1 or more.")

    def of(self, device: str) -> dict[str, float]:
        """Return the resources that Ray reserves for a run on a device. Raise SettingsError if it cannot run there."""
        if device == "mps":
            raise SettingsError("device is 'mps', which a cluster cannot assign. Set it to cuda or cpu.")
        if device == "cuda" and not self.gpu:
            raise SettingsError("--gpu-share is 0, but the runs' device is cuda. Give a share, or set device=cpu.")
        return {"num_cpus": float(self.cpus), "num_gpus": self.gpu if device == "cuda" else 0.0}


def train_on_cluster(
    runs: Sequence[RunFolder],
    workspace: Workspace,
    address: str,
    shares: Shares,
    tell: Callable[[str], object],
    command: Command = train_command,
) -> dict[str, str]:
    """Train queued runs on a cluster, and wait for the last to end, including runs that other processes train.

    However this ends, trainings are asked to save and stop, and the cluster is disconnected.

    Args:
        runs: in the order in which they are started.
        workspace: of the queue; on storage that every machine mounts at the same path.
        address: HOST:PORT of Ray's head, or `auto` for the cluster that this machine is part of.
        shares: what each run uses.
        tell: receives a line for each run that ends.
        command: returns the command that trains a run on its machine.

    Returns:
        Why a run stopped early, by name.

    Raises:
        SplitLabError: the cluster cannot be reached or used, or the workspace cannot be read.
        KeyboardInterrupt: after Ctrl-C, once the trainings are saved.
    """
    needs = {device: shares.of(device) for device in {run.spec().device for run in runs}}
    with _connected(address) as ray:
        tasks = _Tasks(ray, workspace, needs, command, tell, {run.name: run for run in runs}, len(runs))
        try:
            tasks.carry_out()
        finally:
            tasks.stop()
    return tasks.unfinished


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Yield the module `ray`, connected to a cluster that this machine is a node of.

    Raise SettingsError if the address is invalid, RunError if Ray is missing or the cluster cannot be joined.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"] or 0) > 65535:
        raise SettingsError(
            f"--cluster is '{address[:80]}'; give the HOST:PORT of a Ray head, such as 10.0.0.5:6379, or auto on a "
            f"machine of the cluster. {_SEE}"
        )
    ray = _import_ray()
    try:
        if match["host"]:
            # Ray itself would try for more than a minute.
            socket.create_connection((match["host"].strip("[]"), int(match["port"])), _CONNECT_SECONDS).close()
    except OSError as error:
        raise RunError(f"No Ray cluster answers at {address} ({error.strerror or error}). {_SEE}") from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    # Ray exits if something else listens there.
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError, SystemExit) as error:
        raise RunError(
            f"The Ray cluster at {address} refused the connection ({error}). This machine must be one of its nodes, "
            f"with the same token and the same versions of Ray and Python. {_SEE}"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    """Import Ray, with token authentication unless RAY_AUTH_MODE is set. Raise RunError if it is not installed."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # read during the import
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise RunError(
            f"A cluster needs Ray, which is not installed ({error}). Install it on every machine, in SplitLab's "
            "folder: pip install -e '.[ray]'"
        ) from error


def _train(workspace: Workspace, name: str, device: str, version: str, command: Command) -> tuple[str, str, str]:
    """Train a run as a worker would, on a machine of the cluster; SIGINT, with which Ray cancels, makes it save.

    Return the node, its host name, and why it cannot train any run of the workspace, empty if it can.
    """
    node, machine = _import_ray().get_runtime_context().get_node_id(), platform.node()
    run = RunFolder(workspace.runs / name)
    if splitlab.__version__ != version:
        return node, machine, f"It has SplitLab {splitlab.__version__}, not {version}: install the same everywhere."
    if not run.spec_path.is_file():
        return node, machine, f"{run.path} does not exist there: mount the shared storage at the same path."
    os.environ["SPLITLAB_WORKSPACE"] = str(workspace.root)
    os.environ["SPLITLAB_CHECKPOINTS"] = str(workspace.checkpoints)
    worker = Worker(workspace, Device(device), lambda run: leashed(command(run)))
    before = signal.signal(signal.SIGINT, lambda *_: setattr(worker, "stopping", True))
    try:
        taken = True
        while taken and not worker.stopping:
            taken = any(worker.take(entry) for entry in waiting_runs(workspace) if entry.run == name)
    finally:
        signal.signal(signal.SIGINT, before)
    return node, machine, ""


@dataclass
class _Tasks:
    """The tasks of one call of `train_on_cluster`."""

    ray: Any
    workspace: Workspace
    needs: dict[str, dict[str, float]]
    command: Command
    tell: Callable[[str], object]
    left: dict[str, RunFolder]  # runs that have not ended, by name
    count: int  # runs at the start
    running: dict[Any, RunFolder] = field(default_factory=dict)  # by Ray's task; other processes train the other runs
    refused: dict[str, str] = field(default_factory=dict)  # why a node cannot train, by node
    machines: dict[str, str] = field(default_factory=dict)  # where each run was trained last
    unfinished: dict[str, str] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)  # devices that no node has
    looked: float = -math.inf

    def carry_out(self) -> None:
        while self.left:
            queued = {entry.run for entry in waiting_runs(self.workspace)}
            for run in self._without_task():
                if run.name not in queued:
                    self._end(run, status_of(run).message if run.spec_path.is_file() else "its folder was deleted")
            if time.monotonic() - self.looked > _ASIDE_SECONDS:
                self.looked = time.monotonic()
                self._look_at_nodes()
                for run in self._without_task():
                    self._submit(run)
            self._wait()

    def stop(self) -> None:
        """Ask the trainings to save and stop, and wait for them."""
        if self.running:
            self.tell("Saving the current runs; they and the others stay in the queue.")
            for task in self.running:
                self.ray.cancel(task)
            self.ray.wait(list(self.running), num_returns=len(self.running), timeout=_STOP_SECONDS)

    def _without_task(self) -> list[RunFolder]:
        handed_out = {run.name for run in self.running.values()}
        runs = [run for run in self.left.values() if run.name not in handed_out]
        return [run for run in runs if status_of(run).state != State.RUNNING]

    def _submit(self, run: RunFolder) -> None:
        device = run.spec().device
        options: dict[str, Any] = {"name": run.name, "max_retries": _MOST_RETRIES, **self.needs[device]}
        if self.refused:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(self.refused)})"}
        task = self.ray.remote(_train).options(**options)
        self.running[task.remote(self.workspace, run.name, device, splitlab.__version__, self.command)] = run

    def _wait(self) -> None:
        if not self.running:
            time.sleep(_LOOK_SECONDS)
            return
        ended, _ = self.ray.wait(list(self.running), num_returns=len(self.running), timeout=_LOOK_SECONDS)
        for task in ended:
            run = self.running.pop(task)
            try:
                node, self.machines[run.name], refusal = self.ray.get(task)
            except self.ray.exceptions.RayError as error:
                reason = str(getattr(error, "cause", None) or error).strip() or type(error).__name__
                self._end(run, reason.splitlines()[0])  # without Ray's trace
                continue
            if refusal and node not in self.refused and run.spec_path.is_file():
                self.refused[node] = f"{self.machines[run.name]}: {refusal}"
                self.tell(f"{self.refused[node]} It receives no more runs.")
                self.looked = -math.inf

    def _look_at_nodes(self) -> None:
        """Check that a node can train each kind of run; Ray itself would wait for one silently."""
        nodes = [node for node in self.ray.nodes() if node["Alive"]]
        for device, needs in self.needs.items():
            cpus, gpus = needs["num_cpus"], needs["num_gpus"]
            has = {node["NodeID"]: (node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0)) for node in nodes}
            able = [node for node, (own_cpus, own_gpus) in has.items() if own_cpus >= cpus and own_gpus >= gpus]
            if able and all(node in self.refused for node in able):
                raise RunError(f"No machine of the cluster can train these runs. {self.refused[able[0]]}")
            if not able and device not in self.reported:
                self.reported.add(device)
                needed = f"{cpus:g} CPUs" + (f", {gpus:g} of a GPU" if gpus else "")
                self.tell(f"No machine of the cluster has what a run on {device} needs ({needed}). Waiting for one.")

    def _end(self, run: RunFolder, message: str) -> None:
        del self.left[run.name]
        state = status_of(run).state
        where = f"(on {self.machines[run.name]})" if run.name in self.machines else ""
        line = f"[{self.count - len(self.left)}/{self.count}] {run.name}: {state} {message} {where}"
        self.tell(re.sub(" +", " ", line).rstrip())
        if state != State.DONE:
            self.unfinished[run.name] = message
