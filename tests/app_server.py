"""The app as a real server on loopback, for browsers and for sessions without one."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def app_server(folder: Path, script: str = "app.py") -> Iterator[str]:
    """Serve the app, or another script, with a workspace of its own in a folder; yield its address."""
    own = {
        "SPLITLAB_WORKSPACE": str(folder / "workspace"),
        # What is measured one day must not change what a test sees the next.
        "SPLITLAB_MEASURED": str(folder / "measured"),
    }
    words = [sys.executable, "-m", "streamlit", "run", script, "--server.port"]
    with served(words, ROOT, {**os.environ, **own}, folder / "log") as address:
        yield address


@contextlib.contextmanager
def served(words: list[str], folder: Path, env: dict[str, str], log_path: Path) -> Iterator[str]:
    """Start a server in a folder by these words, a free port and further options; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [*words, str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    with log_path.open("wb") as log:
        server = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 (our own server)
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not answer within 60 seconds")
