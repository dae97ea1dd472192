"""Runs through a Ray cluster, for the commands that know `--cluster`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from splitlab.cli.output import err
from splitlab.cli.sweep_work import Ended, enqueue_missing
from splitlab.errors import SettingsError
from splitlab.runs.cluster import Shares, train_on_cluster
from splitlab.runs.queue import status_of
from splitlab.runs.run_folder import RunFolder
from splitlab.workspace import Workspace

ADDRESS_HELP = "Train on this Ray cluster: HOST:PORT of its head, or `auto` on one of its machines."
GpuShareOption = Annotated[
    float, typer.Option("--gpu-share", help="With --cluster: of one GPU for each cuda run; 0.5 lets two share it.")
]
CpusOption = Annotated[int, typer.Option("--cpus", help="With --cluster: processor cores for each run.")]


def work_on_cluster(runs: Sequence[RunFolder], workspace: Workspace, address: str, shares: Shares) -> list[Ended]:
    """Put runs into the queue and train them on a cluster; return the runs that ended early.

    Raises:
        SplitLabError: the cluster or the work space cannot be used.
        KeyboardInterrupt: after Ctrl-C, once the trainings are saved.
    """
    enqueue_missing(runs, workspace)
    if not runs:
        return []
    unfinished = train_on_cluster(runs, workspace, address, shares, lambda line: err.print(line, soft_wrap=True))
    return [Ended(run.name, status_of(run).state, unfinished[run.name]) for run in runs if run.name in unfinished]


def refuse_without_cluster(gpu_share: float, cpus: int) -> None:
    """Refuse shares of a machine where no cluster is asked for.

    Raises:
        SettingsError: one was given.
    """
    if Shares(gpu_share, cpus) != Shares():
        raise SettingsError("--gpu-share and --cpus are for a cluster. Give its address: --cluster HOST:PORT.")
