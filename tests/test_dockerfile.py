"""No container engine is at hand: the Dockerfile is read, its files are copied, its commands are run."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splitlab.app.hosting import _VARIABLES

ROOT = Path(__file__).parents[1]
KNOWN_VARIABLES = {*_VARIABLES.values(), "SPLITLAB_WORKSPACE", "SPLITLAB_CHECKPOINTS"}


@pytest.fixture(scope="module")
def steps():
    """The Dockerfile's lines as (instruction, arguments)."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def image(steps, tmp_path_factory):
    """A folder with what the COPY lines put into the image's /app, and nothing else."""
    folder = tmp_path_factory.mktemp("app")
    for instruction, rest in steps:
        if instruction == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                copy(ROOT / source, folder / target, into_folder=target.endswith("/") or len(sources) > 1)
    return folder


def copy(source, target, into_folder):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        target.mkdir(parents=True, exist_ok=True) if into_folder else None
        shutil.copy(source, target)


def settings(steps):
    """What ENV lines set."""
    return dict(pair.split("=", 1) for name, rest in steps if name == "ENV" for pair in shlex.split(rest))


def commands(steps):
    """What CMD and HEALTHCHECK run."""
    return {name: json.loads(rest[rest.index("[") :]) for name, rest in steps if name in ("CMD", "HEALTHCHECK")}


def shakes_hands(port, host):
    """Ask for the app's WebSocket by a name of the server."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        return b" 101 " in connection.recv(100)


def test_every_file_that_is_copied_is_there_and_not_kept_out(steps):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = {source for name, rest in steps if name == "COPY" for source in shlex.split(rest)[:-1]}
    assert {source.split("/")[0] for source in copied} == let_in
    for source in copied:
        assert (ROOT / source).exists(), source


def test_what_is_run_was_copied_before_and_may_be_run(steps):
    copied = set()
    for name, rest in steps:
        if name == "COPY":
            copied |= set(shlex.split(rest)[:-1])
        if name == "RUN" and rest.startswith("scripts/"):
            assert shlex.split(rest)[0] in copied
    for script in ("scripts/install_app.sh", "scripts/serve_app.sh"):
        assert script in copied
        assert os.access(ROOT / script, os.X_OK)


def test_ci_installs_as_the_dockerfile_does(steps):
    assert ("RUN", "scripts/install_app.sh /venv") in steps
    makefile = (ROOT / "Makefile").read_text()
    assert "PYTHON=$(PYTHON) scripts/install_app.sh $(VENV)" in makefile
    assert "pip install --quiet -r requirements.txt" not in makefile
    assert "make check" in (ROOT / ".ci" / "run").read_text()


def test_the_server_is_read_only_and_runs_as_nobody_special(steps):
    env = settings(steps)
    assert env["SPLITLAB_READ_ONLY"] == "1"
    assert {name for name in env if name.startswith("SPLITLAB_")} <= KNOWN_VARIABLES
    names = [name for name, _ in steps]
    assert dict(steps)["USER"] == "splitlab"
    assert names.index("USER") < names.index("CMD")
    assert dict(steps)["VOLUME"] == env["SPLITLAB_WORKSPACE"]


@pytest.mark.slow
def test_the_image_serves_the_app_and_its_health_check_knows(steps, image, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        **{name: value for name, value in settings(steps).items() if not name.startswith("PIP_")},
        "VENV": sys.prefix,
        "SPLITLAB_WORKSPACE": str(tmp_path / "workspace"),
        "SPLITLAB_CHECKPOINTS": str(image / "checkpoints"),
        "SPLITLAB_ADDRESS": "127.0.0.1",
        "SPLITLAB_PORT": str(port),
        "PYTHONPATH": str(image / "src"),
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "class.example other.example",
    }
    run = commands(steps)
    check = [sys.executable if word.endswith("/python") else word for word in run["HEALTHCHECK"]]
    assert subprocess.run(check, cwd=image, env=env, capture_output=True, check=False).returncode == 1
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(run["CMD"], cwd=image, env=env, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(check, cwd=image, env=env, capture_output=True, check=False).returncode:
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, "it never got healthy"
            time.sleep(0.2)
        assert [shakes_hands(port, host) for host in ("class.example", "elsewhere.example")] == [True, False]
        code = (
            "from streamlit.testing.v1 import AppTest\n"
            "from splitlab.app.hosting import Hosting\n"
            "from splitlab.app.widgets.sources import checkpoint_choices\n"
            "from splitlab.workspace import Workspace\n"
            "app = AppTest.from_file('app.py', default_timeout=60).run()\n"
            "assert not app.exception, app.exception\n"
            "assert len(app.title) == 1\n"
            "assert Hosting.here().read_only\n"
            "assert len(checkpoint_choices(Workspace.here())) >= 4\n"
        )
        subprocess.run([sys.executable, "-c", code], cwd=image, env=env, check=True, capture_output=True)
    finally:
        server.terminate()
        server.wait(timeout=20)
