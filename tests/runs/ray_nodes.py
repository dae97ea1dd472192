"""A Ray of two nodes on this machine, each a set of real processes that can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.runs.queue_tools import wait_until

TOKEN = "0123456789abcdef0123456789abcdef"
# All processes of a node have it in their environment, its trainings included.
MARK = "SPLITLAB_TEST_NODE"
SMALL = (
    "--disable-usage-stats",
    "--include-log-monitor=false",
    "--object-store-memory=80000000",
    "--block",
)


class Nodes:
    def __init__(self) -> None:
        # Ray's sockets allow for no long path.
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))
        self.started: list[subprocess.Popen] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.env = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_NUM_REDIS_GET_RETRIES": "2",
        }

    def start(self) -> None:
        port = self.address.partition(":")[2]
        self._start(
            "head",
            "--head",
            "--num-cpus=1",
            "--num-gpus=0",
            f"--port={port}",
            "--include-dashboard=false",
            f"--temp-dir={self.folder}",
        )
        self.wait_for("head")
        # No GPU need be there: Ray only counts it, and says to a run which one it has.
        self._start("second", f"--address={self.address}", "--num-cpus=2", "--num-gpus=1")

    def wait_for(self, node: str) -> None:
        wait_until(lambda: "Ray runtime started" in (self.folder / f"{node}.log").read_text())

    def kill(self, node: str) -> None:
        """Kill all that a node is made of at once, as a loss of power does."""
        for process in self.processes(node):
            process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        for node in ("second", "head"):
            while processes := self.processes(node):
                for process in processes:
                    with_no_fuss(process.kill)
                psutil.wait_procs(processes, timeout=10)
        for process in self.started:
            process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self, node: str) -> list[psutil.Process]:
        mark = f"{self.address} {node}"
        return [process for process in psutil.process_iter() if with_no_fuss(process.environ).get(MARK) == mark]

    def _start(self, node: str, *words: str) -> None:
        with (self.folder / f"{node}.log").open("w") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("ray"), "start", *words, *SMALL],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**self.env, MARK: f"{self.address} {node}"},
                start_new_session=True,
            )
        self.started.append(process)


def with_no_fuss(look):
    try:
        return look() or {}
    except psutil.Error:
        return {}
