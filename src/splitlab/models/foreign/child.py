"""The process that reads a foreign file, with no network, no new files, limited memory and limited time.

Its standard input is the open file, its argument the folder for its two output files. The unpickler does not run any
code by itself; this process is a second line of defence.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors.numpy import save_file

from splitlab.models.foreign.archive import MAX_TENSOR_BYTES, Array, TensorReader, open_archive
from splitlab.models.foreign.pickle import RefusedError
from splitlab.models.foreign.tree import TreeWriter

ANSWER_NAME, TENSORS_NAME = "answer.json", "tensors.safetensors"
_MAX_MEMORY_BYTES = 4 * 2**30
MAX_CPU_SECONDS = 60
FORBIDDEN_EXIT, MACHINE_EXIT = 77, 78
_forbidden_exit = [FORBIDDEN_EXIT]
_QUIET_EVENTS = frozenset({"builtins.id", "cpython._PySys_ClearAuditHooks"})
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_BROKEN = (
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ArithmeticError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def main() -> None:
    """Read the file and write its tree and tensors, or the reason why it was refused.

    Exits with FORBIDDEN_EXIT if the file made the process do more than read, and with MACHINE_EXIT if the output could
    not be written.
    """
    folder = Path(sys.argv[1])
    try:
        answer = (folder / ANSWER_NAME).open("w")
    except OSError:
        sys.exit(MACHINE_EXIT)
    with answer:
        _lock_down()
        text, arrays = _answer_for(sys.stdin.buffer)
        # The file has been read; failures from here on are this machine's.
        _forbidden_exit[0] = MACHINE_EXIT
        try:
            save_file(arrays, folder / TENSORS_NAME)
            answer.write(text)
            answer.flush()
        except BaseException:  # noqa: BLE001 (a traceback would open files, which is forbidden here)
            os._exit(MACHINE_EXIT)


def _answer_for(file: BinaryIO) -> tuple[str, dict[str, Array]]:
    """Return `{"tree": ...}` as JSON with its tensors, or `{"refused": reason}` without any."""
    try:
        opened = open_archive(file)
        writer = TreeWriter(TensorReader(opened.read_storage))
        tree = writer.write_root(opened.root)
    except RefusedError as error:
        return json.dumps({"refused": str(error)}), {}
    except MemoryError:
        return json.dumps({"refused": "it needs more memory than any supported model"}), {}
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:120]
        return json.dumps({"refused": f"it is broken or truncated ({type(error).__name__}: {reason})"}), {}
    return f'{{"tree": {tree}}}', writer.arrays


def _lock_down() -> None:
    """Irrevocably give up network (where the system allows it), memory, time, files and processes."""
    # Trigger the imports that Python would otherwise make while reading.
    "".encode("cp437")
    np.lib.stride_tricks.as_strided(np.zeros(1, "<f2"), (1,), (2,))
    _leave_network()
    if sys.platform != "win32":
        _limit_resources()
    sys.addaudithook(_end_at_any_action)


def _leave_network() -> bool:
    """Move into an empty network namespace; return False if the system does not allow it."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _limit_resources() -> None:
    import resource

    limits = {
        resource.RLIMIT_AS: (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES),
        # SIGXCPU at the first limit, SIGKILL at the second.
        resource.RLIMIT_CPU: (MAX_CPU_SECONDS, MAX_CPU_SECONDS + 5),
        resource.RLIMIT_FSIZE: (MAX_TENSOR_BYTES + 2**26, MAX_TENSOR_BYTES + 2**26),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, both in limits.items():
        try:
            resource.setrlimit(kind, both)
        except (ValueError, OSError):  # macOS does not implement some limits
            continue


def _end_at_any_action(event: str, _: tuple[Any, ...]) -> None:
    """Exit before any event that Python reports to auditors: imports, files, sockets, programs."""
    if event not in _QUIET_EVENTS:
        os._exit(_forbidden_exit[0])
