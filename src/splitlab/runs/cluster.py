"""Runs of a queue on the machines of a Ray cluster, one task for each, with its share of a machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from splitlab.errors import RunError, SettingsError
from splitlab.runs.attempt import Command, train_command
from splitlab.runs.cluster_task import Order, Report, carry_out_order
from splitlab.runs.queue import status_of, waiting_runs
from splitlab.runs.ray_cluster import connected, import_ray
from splitlab.runs.run_folder import RunFolder, State
from splitlab.workspace import Workspace

LOOK_SECONDS = 1.0
# How long a run that somebody else has is left alone.
ASIDE_SECONDS = 10.0
# After Ctrl-C: the step at hand, its saving, and some patience.
STOP_SECONDS = 90.0
# So often Ray starts a task anew whose node died. Starts without progress are counted with the run and are fewer; this
# ends tasks that die before they can count.
MOST_RETRIES = 20
_ENDED_EARLY = (State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class Shares:
    """What of a machine a run takes.

    Attributes:
        gpu: of one GPU, for runs on cuda; two runs share one by 0.5.
        cpus: processor cores, for every run.
    """

    gpu: float = 1.0
    cpus: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.gpu <= 1:
            raise SettingsError(f"--gpu-share is {self.gpu}; give 0 to 1: a run trains on one GPU at most.")
        if self.cpus < 1:
            raise SettingsError(f"--cpus is {self.cpus}; a run takes one at least.")

    def of(self, device: str) -> dict[str, float]:
        """Return what a run of a device asks of Ray.

        Raises:
            SettingsError: it cannot be had.
        """
        if device == "mps":
            raise SettingsError("device is 'mps', which a cluster does not give out. Set it to cuda or cpu.")
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
    """Train runs that wait in the queue, each as a task of a cluster, until the last has ended.

    Runs that a worker or another task has are left to it, and waited for. However this ends, the trainings are asked
    to save and stop, and the cluster is left.

    Args:
        runs: in the order in which they are started.
        workspace: whose queue; on storage that each machine has at the same path.
        address: see `connected`.
        shares: what each run takes.
        tell: takes a line for each run that ends.
        command: what trains a run, on its machine.

    Returns:
        Why they did not reach their end, by name, for the runs that did not.

    Raises:
        SplitLabError: the cluster is not there or cannot be used, or the work space cannot be read.
        KeyboardInterrupt: after Ctrl-C, once the trainings are saved.
    """
    needs = {device: shares.of(device) for device in {run.spec().device for run in runs}}
    with connected(address) as ray:
        tasks = _Tasks(ray, workspace, needs, command, tell, len(runs))
        try:
            tasks.carry_out(runs)
        finally:
            tasks.stop()
    return tasks.unfinished


def _task(order: Order) -> tuple[str, Report]:
    return import_ray().get_runtime_context().get_node_id(), carry_out_order(order)


@dataclass
class _Tasks:
    """The tasks of one call, by the handles that Ray gives for them.

    Attributes:
        running: the tasks that were handed to Ray, waiting there or at work.
        aside: runs that somebody else has.
        refused: why, by node that is not fit.
        unfinished: what `train_on_cluster` returns.
    """

    ray: Any
    workspace: Workspace
    needs: dict[str, dict[str, float]]
    command: Command
    tell: Callable[[str], object]
    count: int
    running: dict[Any, RunFolder] = field(default_factory=dict)
    aside: list[RunFolder] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)
    ended: int = 0
    told: set[str] = field(default_factory=set)

    def carry_out(self, runs: Sequence[RunFolder]) -> None:
        for run in runs:
            self._submit(run)
        looked = -math.inf
        while self.running or self.aside:
            if time.monotonic() - looked > ASIDE_SECONDS:
                looked = time.monotonic()
                self._look_at_nodes()
                self._look_at_aside()
            self._wait()

    def stop(self) -> None:
        """Have what is not over saved and left in the queue, and wait for it."""
        if not self.running:
            return
        self.tell("Saving the runs at hand; they and the others stay in the queue.")
        for task in self.running:
            self.ray.cancel(task)
        self.ray.wait(list(self.running), num_returns=len(self.running), timeout=STOP_SECONDS)

    def _submit(self, run: RunFolder) -> None:
        device = run.spec().device
        options: dict[str, Any] = {"name": run.name, "max_retries": MOST_RETRIES, **self.needs[device]}
        if self.refused:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(self.refused)})"}
        task = self.ray.remote(_task).options(**options)
        self.running[task.remote(Order(self.workspace, run.name, device, self.command))] = run

    def _wait(self) -> None:
        if not self.running:
            time.sleep(LOOK_SECONDS)
            return
        over, _ = self.ray.wait(list(self.running), num_returns=len(self.running), timeout=LOOK_SECONDS)
        waiting = self._waiting() if over else set()
        for task in over:
            run = self.running.pop(task)
            try:
                node, report = self.ray.get(task)
            except self.ray.exceptions.RayError as error:
                self._end(run, status_of(run).state, _reason(error))
                continue
            if not run.spec_path.is_file():
                self._end(run, report.state, "its folder was deleted")
            elif report.refusal:
                self._refuse(node, report.refusal)
                self._submit(run)
            elif report.state == State.DONE or (report.state in _ENDED_EARLY and run.name not in waiting):
                self._end(run, report.state, f"{report.message} (on {report.machine})".strip())
            else:
                self.aside.append(run)

    def _look_at_aside(self) -> None:
        waiting = self._waiting() if self.aside else set()
        aside, self.aside = self.aside, []
        for run in aside:
            status = status_of(run)
            if status.state == State.RUNNING:
                self.aside.append(run)
            elif run.name in waiting:
                self._submit(run)
            else:
                self._end(run, status.state, status.message)

    def _look_at_nodes(self) -> None:
        """Say so where no node can take a run; a fixed cluster would keep it waiting for good, without a word."""
        nodes = [node for node in self.ray.nodes() if node["Alive"]]
        for device, needs in self.needs.items():
            able = [node["NodeID"] for node in nodes if _has(node["Resources"], needs)]
            if able and all(node in self.refused for node in able):
                raise RunError(f"No machine of the cluster can train these runs. {self.refused[able[0]]}")
            line = f"No machine of the cluster has what a run on {device} takes ({_shown(needs)}). Waits for one."
            if not able and line not in self.told:
                self.told.add(line)
                self.tell(line)

    def _refuse(self, node: str, refusal: str) -> None:
        if node not in self.refused:
            self.refused[node] = refusal
            self.tell(f"{refusal} No run is given to it.")
            self._look_at_nodes()

    def _end(self, run: RunFolder, state: State, message: str) -> None:
        self.ended += 1
        self.tell(f"[{self.ended}/{self.count}] {run.name}: {state} {message}".rstrip())
        if state != State.DONE:
            self.unfinished[run.name] = message

    def _waiting(self) -> set[str]:
        return {entry.run for entry in waiting_runs(self.workspace)}


def _reason(error: Exception) -> str:
    """Return the first line of what went wrong in a task, without Ray's trace."""
    return (str(getattr(error, "cause", None) or error).strip() or type(error).__name__).splitlines()[0]


def _has(resources: dict[str, float], needs: dict[str, float]) -> bool:
    return resources.get("CPU", 0) >= needs["num_cpus"] and resources.get("GPU", 0) >= needs["num_gpus"]


def _shown(needs: dict[str, float]) -> str:
    gpus = f", {needs['num_gpus']:g} of a GPU" if needs["num_gpus"] else ""
    return f"{needs['num_cpus']:g} CPUs{gpus}"
