"""The process that reads a foreign file: no network, no new files, little memory, little time.

It gets the open file as standard input and the folder for its two files as argument. The unpickler runs nothing by
itself; all this is for the day that it has a hole.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, TextIO

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
    """Read the file and write its tree and tensors, or the reason why not.

    Exits with FORBIDDEN_EXIT where the file had this process do more than read, and with MACHINE_EXIT where the answer
    could not be written.
    """
    folder = Path(sys.argv[1])
    with _new_file(folder / ANSWER_NAME) as answer:
        _prepare_lazy_imports()
        _lock_down()
        text, arrays = _answer_for(sys.stdin.buffer)
        # From here on the file is read, and what goes wrong is this machine's.
        _forbidden_exit[0] = MACHINE_EXIT
        try:
            save_file(arrays, folder / TENSORS_NAME)
            answer.write(text)
            answer.flush()
        except BaseException:  # noqa: BLE001 (Python opens files to tell of what is not caught, which is forbidden here)
            os._exit(MACHINE_EXIT)


def _new_file(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError:
        sys.exit(MACHINE_EXIT)


def _answer_for(file: BinaryIO) -> tuple[str, dict[str, Array]]:
    """Return `{"tree": ...}` and its tensors, or `{"refused": reason}` and none, as JSON."""
    try:
        opened = open_archive(file)
        writer = TreeWriter(TensorReader(opened.read_storage))
        tree = writer.write_root(opened.root)
    except RefusedError as error:
        return json.dumps({"refused": str(error)}), {}
    except MemoryError:
        return json.dumps({"refused": "it asks for more memory than any model of ours"}), {}
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:120]
        return json.dumps({"refused": f"it is broken or cut off ({type(error).__name__}: {reason})"}), {}
    return f'{{"tree": {tree}}}', writer.arrays


def _prepare_lazy_imports() -> None:
    """Have Python import now what it would import while reading."""
    "".encode("cp437")
    np.lib.stride_tricks.as_strided(np.zeros(1, "<f2"), (1,), (2,))


def _lock_down() -> None:
    """Give up network (where the system lets us), memory, time, files and processes; there is no way back."""
    _leave_network()
    if sys.platform != "win32":
        _limit_resources()
    sys.addaudithook(_end_at_any_action)


def _leave_network() -> bool:
    """Move into a network of our own, which is empty; False where the system does not let us."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _limit_resources() -> None:
    import resource

    limits = {
        resource.RLIMIT_AS: (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES),
        # At the first of the two a process is told so (SIGXCPU), at the second it is killed, which says nothing.
        resource.RLIMIT_CPU: (MAX_CPU_SECONDS, MAX_CPU_SECONDS + 5),
        resource.RLIMIT_FSIZE: (MAX_TENSOR_BYTES + 2**26, MAX_TENSOR_BYTES + 2**26),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, both in limits.items():
        try:
            resource.setrlimit(kind, both)
        except (ValueError, OSError):  # macOS knows some limits by name only
            continue


def _end_at_any_action(event: str, _: tuple[Any, ...]) -> None:
    """End the process before the first thing that Python reports to auditors: imports, files, sockets, programs."""
    if event not in _QUIET_EVENTS:
        os._exit(_forbidden_exit[0])
