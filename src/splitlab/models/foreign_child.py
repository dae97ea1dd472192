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
from typing import Any, BinaryIO

import numpy as np
from safetensors.numpy import save_file

from splitlab.models.foreign_archive import open_archive
from splitlab.models.foreign_pickle import RefusedError
from splitlab.models.foreign_tensors import MAX_TENSOR_BYTES, TensorReader
from splitlab.models.foreign_tree import TreeWriter

ANSWER_NAME, TENSORS_NAME = "answer.json", "tensors.safetensors"
MAX_MEMORY_BYTES = 4 * 2**30
MAX_CPU_SECONDS = 60
FORBIDDEN_EXIT = 77
QUIET_EVENTS = frozenset({"builtins.id", "cpython._PySys_ClearAuditHooks"})
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
BROKEN = (
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
    """Read the file and write its tree and tensors, or the reason why not."""
    folder = Path(sys.argv[1])
    with (folder / ANSWER_NAME).open("w") as answer:
        prepare_lazy_imports()
        lock_down()
        answer.write(answer_for(sys.stdin.buffer, folder / TENSORS_NAME))


def answer_for(file: BinaryIO, tensors_path: Path) -> str:
    """Return `{"tree": ...}` or `{"refused": reason}` as JSON."""
    try:
        opened = open_archive(file)
        writer = TreeWriter(TensorReader(opened.read_storage))
        tree = writer.write_root(opened.root)
        save_file(writer.arrays, tensors_path)
    except RefusedError as error:
        return json.dumps({"refused": str(error)})
    except MemoryError:
        return json.dumps({"refused": "it asks for more memory than any model of ours"})
    except BROKEN as error:
        reason = " ".join(str(error).split())[:120]
        return json.dumps({"refused": f"it is broken or cut off ({type(error).__name__}: {reason})"})
    return f'{{"tree": {tree}}}'


def prepare_lazy_imports() -> None:
    """Have Python import now what it would import while reading."""
    "".encode("cp437")
    np.lib.stride_tricks.as_strided(np.zeros(1, "<f2"), (1,), (2,))


def lock_down() -> None:
    """Give up network (where the system lets us), memory, time, files and processes; there is no way back."""
    leave_network()
    if sys.platform != "win32":
        _limit_resources()
    sys.addaudithook(_end_at_any_action)


def leave_network() -> bool:
    """Move into a network of our own, which is empty; False where the system does not let us."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)


def _limit_resources() -> None:
    import resource

    limits = {
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_CPU: MAX_CPU_SECONDS,
        resource.RLIMIT_FSIZE: MAX_TENSOR_BYTES + 2**26,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # macOS knows some limits by name only
            continue


def _end_at_any_action(event: str, _: tuple[Any, ...]) -> None:
    """End the process before the first thing that Python reports to auditors: imports, files, sockets, programs."""
    if event not in QUIET_EVENTS:
        os._exit(FORBIDDEN_EXIT)
