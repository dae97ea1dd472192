"""The connection to a Ray cluster: the one place that imports Ray, and only when a cluster is asked for."""

from __future__ import annotations

import importlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from splitlab.errors import RunError, SettingsError

DOCUMENT = "docs/cluster.md says how to start a cluster."
KNOCK_SECONDS = 5.0
_ADDRESS = re.compile(r"auto|(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield the module `ray`, connected to a cluster whose node this machine is, and leave the cluster at the end.

    The cluster's token is asked for unless RAY_AUTH_MODE says otherwise.

    Args:
        address: HOST:PORT of the head, or `auto` for the cluster that this machine is part of.

    Raises:
        SettingsError: the address is none.
        RunError: Ray is not installed, the cluster is not there, has another version or another token.
    """
    host, port = _parts(address)
    # Read when Ray is imported.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    ray = import_ray()
    if host:
        _knock(host, port)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    # Ray ends the process where what listens there is no Ray.
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError, SystemExit) as error:
        raise RunError(
            f"The Ray cluster at {address} does not let us in ({error}). Its token must be that of this machine, its "
            f"versions of Ray and Python those of this environment, and this machine one of its nodes. {DOCUMENT}"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def import_ray() -> Any:
    """Import Ray.

    Raises:
        RunError: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise RunError(
            f"A cluster needs Ray, which is not installed ({error}). Install it on every machine, in "
            "SplitLab's folder: pip install -e '.[ray]'"
        ) from error


def _parts(address: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"] or 0) > 65535:
        raise SettingsError(
            f"--cluster is '{address[:80]}'; give the HOST:PORT of a Ray head, such as 10.0.0.5:6379, or auto on a "
            f"machine of the cluster. {DOCUMENT}"
        )
    return (match["host"] or "").strip("[]"), int(match["port"] or 0)


def _knock(host: str, port: int) -> None:
    # Ray itself would try for more than a minute.
    try:
        socket.create_connection((host, port), KNOCK_SECONDS).close()
    except OSError as error:
        raise RunError(f"No Ray cluster answers at {host}:{port} ({error.strerror or error}). {DOCUMENT}") from error
