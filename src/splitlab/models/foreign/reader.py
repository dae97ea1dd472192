"""Read a foreign checkpoint in a child process with limits, and load start weights from it."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from splitlab.checkpoints.weights import Weights
from splitlab.errors import CheckpointError
from splitlab.io import swept_in_temp
from splitlab.models.contract import SegmentationModel
from splitlab.models.foreign.child import ANSWER_NAME, FORBIDDEN_EXIT, MACHINE_EXIT, MAX_CPU_SECONDS, TENSORS_NAME
from splitlab.models.foreign.tree import read_tree

# Measured in pixels, not learnt; see `SegmentationModel.take_scales`.
_NOT_LEARNT = ".anchors"
_MAX_FILE_BYTES = 4 * 2**30
_MAX_ANSWER_BYTES = 64 * 2**20
_MAX_SECONDS = 120
_SOURCE_FOLDER = Path(__file__).parents[3]
_FREE = "Free some memory and try again."
_NO_ROOM = (
    "the folder for temporary files has no space for its tensors, or cannot be written. Free some space, or set the "
    "environment variable TMPDIR to another folder."
)
_TOO_SLOW = (
    f"reading it was stopped after {MAX_CPU_SECONDS} s of processor time or {_MAX_SECONDS} s in all; it should take a "
    "few. Try again when this machine is less busy, or download the file again."
)
# Writing a memory-mapped file raises a signal if the disk is full or the file may not grow.
_MACHINE_CODES = (MACHINE_EXIT, -signal.SIGBUS, -signal.SIGXFSZ)
# -I ignores PYTHONPATH and the current folder, so the child is given this SplitLab's folder. It imports this SplitLab
# even if another is installed, and everything else as installed.
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop()); import splitlab; sys.path.append(sys.path.pop(0)); "
    "from splitlab.models.foreign.child import main; main()"
)


@dataclass(frozen=True)
class ForeignFile:
    """A foreign file as plain data."""

    path: Path  # of the file
    sha256: str  # of its bytes, in hexadecimal digits
    tree: Any  # dicts with text keys, lists, numbers, text, None, numpy arrays and `ForeignObject`s


def read_foreign(path: Path) -> ForeignFile:
    """Read an untrusted PyTorch file (.pt, .pth) without running code in it.

    Raises:
        CheckpointError: it cannot be read, is not a PyTorch file, is broken or too large, or names what weights do not
            need.
    """
    try:
        if not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
            raise CheckpointError(
                f"{path} is not a file of at most {_MAX_FILE_BYTES // 2**30} GiB. Choose a .pt or .pth file."
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            try:
                place = tempfile.TemporaryDirectory(
                    prefix=swept_in_temp("splitlab-import-"), ignore_cleanup_errors=True
                )
            except OSError as error:
                raise CheckpointError(f"{path}: {_NO_ROOM}") from error
            with place as folder:
                return ForeignFile(path, digest, _read_in_child(path, file, Path(folder)))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}).") from error


def _read_in_child(path: Path, file: BinaryIO, folder: Path) -> Any:
    file.seek(0)
    command = [sys.executable, "-I", "-c", _CHILD, str(folder), str(_SOURCE_FOLDER)]
    try:
        ended = subprocess.run(
            command,
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1"},
            cwd=folder,
            timeout=_MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(f"{path}: {_TOO_SLOW}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: no process could be started to read it ({error.strerror}). {_FREE}") from error
    if ended.returncode != 0:
        raise CheckpointError(f"{path}: {_why_ended(ended.returncode)}")
    return _take_answer(path, folder)


def _why_ended(code: int) -> str:
    """Explain the exit code of the child: an action of the file, or a problem of this machine."""
    if code == FORBIDDEN_EXIT:
        return (
            "reading it was stopped because it tried something that weights never need. Do not use this file; download "
            "it again from its source."
        )
    if code in _MACHINE_CODES:
        return _NO_ROOM
    if code == -signal.SIGKILL:
        return f"the process that read it was killed, probably for lack of memory. {_FREE}"
    if code == -signal.SIGXCPU:
        return _TOO_SLOW
    return (
        f"the process that read it ended early (code {code}). The file may be broken: download it again from its "
        "source. If other files fail in the same way, this installation is broken."
    )


def _take_answer(path: Path, folder: Path) -> Any:
    """Read the child's output, which is as untrusted as the file itself."""
    answer_path = folder / ANSWER_NAME
    try:
        if answer_path.stat().st_size > _MAX_ANSWER_BYTES:
            raise CheckpointError(f"{path}: it holds over {_MAX_ANSWER_BYTES // 2**20} MiB besides its tensors.")
        text = answer_path.read_bytes()
        if text.startswith(b'{"refused"'):
            raise CheckpointError(f"{path}: {json.loads(text)['refused']}.")
        return read_tree(text, load_file(folder / TENSORS_NAME))["tree"]
    except MemoryError as error:
        raise CheckpointError(f"{path}: this machine has too little memory for its tensors. {_FREE}") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its content is invalid ({type(error).__name__}).") from error


@dataclass(frozen=True)
class _StartReport:
    """Which tensors of a model were copied."""

    copied: list[str]  # names of the copied tensors
    left: list[str]  # names of the model's other tensors, which stay random

    def __str__(self) -> str:
        return f"{len(self.copied)} of {len(self.copied) + len(self.left)} tensors"


def start_from(model: SegmentationModel, weights: Weights) -> _StartReport:
    """Copy each tensor that the model has under the same name and shape, except anchors.

    Raises:
        CheckpointError: no tensor fits.
    """
    own, copied = model.state_dict(), fitting(model, weights)
    with torch.no_grad():
        for name in copied:
            own[name].copy_(torch.from_numpy(weights[name]))
    return _StartReport(copied, [name for name in _learnt(own) if name not in set(copied)])


def fitting(model: SegmentationModel, weights: Weights) -> list[str]:
    """Return the names of the tensors that `start_from` would copy; the model may be on PyTorch's `meta` device."""
    own = model.state_dict()
    names = [name for name in _learnt(own) if name in weights and weights[name].shape == tuple(own[name].shape)]
    if not names:
        raise CheckpointError(
            "None of the checkpoint's tensors fits this model. Choose a checkpoint of the same family and size."
        )
    return names


def _learnt(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.endswith(_NOT_LEARNT)]
