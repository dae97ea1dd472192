"""Read a foreign checkpoint in a child process with limits, and start weights from it."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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

_MAX_FILE_BYTES = 4 * 2**30
_MAX_ANSWER_BYTES = 64 * 2**20
_MAX_SECONDS = 120
_SOURCE_FOLDER = Path(__file__).parents[3]
_FREE = "Free some memory and try again."
_NO_ROOM = (
    "the folder for temporary files has no room for its tensors, or cannot be written. Free some space, or let the "
    "environment variable TMPDIR name another folder."
)
_TOO_SLOW = (
    f"reading it was stopped after {MAX_CPU_SECONDS} s of work or {_MAX_SECONDS} s in all; weights take a few. Try "
    "again when this machine has less to do, or take the file from its source again."
)
# A file that is written through memory ends its process with a signal where the disk is full or a file may not grow.
_MACHINE_CODES = (MACHINE_EXIT, -signal.SIGBUS, -signal.SIGXFSZ)
# -I leaves environment and current folder out of Python's path, so the child is told where we are. It takes this very
# SplitLab where another one is installed, and everything else as it is installed.
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop()); import splitlab; sys.path.append(sys.path.pop(0)); "
    "from splitlab.models.foreign.child import main; main()"
)


@dataclass(frozen=True)
class ForeignFile:
    """A foreign file as plain data.

    Attributes:
        path: where it was.
        sha256: of its bytes, in hexadecimal digits.
        tree: dicts with text keys, lists, numbers, text, None, numpy arrays and `ForeignObject`s.
    """

    path: Path
    sha256: str
    tree: Any


def read_foreign(path: Path) -> ForeignFile:
    """Read a PyTorch file (.pt, .pth) of any origin; nothing in it is run.

    Raises:
        CheckpointError: it cannot be read, is no PyTorch file, is broken, too large, or names what weights do not
            need.
    """
    try:
        if not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
            raise CheckpointError(f"{path} is no file, or one over {_MAX_FILE_BYTES // 2**30} GiB. Choose a .pt file.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            with _temporary_folder(path) as folder:
                return ForeignFile(path, digest, _read_in_child(path, file, folder))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}).") from error


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    try:
        place = tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-import-"), ignore_cleanup_errors=True)
    except OSError as error:
        raise CheckpointError(f"{path}: {_NO_ROOM}") from error
    with place as folder:
        yield Path(folder)


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
    """Say why the reading process gave no answer: an act of the file, or a fault of this machine."""
    if code == FORBIDDEN_EXIT:
        return (
            "reading it was stopped, as it asked for a step that reading weights never takes. Do not use this file; "
            "take it from its source again."
        )
    if code in _MACHINE_CODES:
        return _NO_ROOM
    if code == -signal.SIGKILL:
        return f"the process that read it was killed, as happens where memory runs out. {_FREE}"
    if code == -signal.SIGXCPU:
        return _TOO_SLOW
    return (
        f"the process that read it ended early (code {code}). The file may be broken: take it from its source again. "
        "Where other files end in the same way, this installation is broken."
    )


def _take_answer(path: Path, folder: Path) -> Any:
    """Read what the child wrote, as doubtful as the file itself."""
    answer_path = folder / ANSWER_NAME
    try:
        if answer_path.stat().st_size > _MAX_ANSWER_BYTES:
            raise CheckpointError(f"{path}: it holds over {_MAX_ANSWER_BYTES // 2**20} MiB beside its tensors.")
        text = answer_path.read_bytes()
        if text.startswith(b'{"refused"'):
            raise CheckpointError(f"{path}: {json.loads(text)['refused']}.")
        return read_tree(text, load_file(folder / TENSORS_NAME))["tree"]
    except MemoryError as error:
        raise CheckpointError(f"{path}: this machine has too little memory for its tensors. {_FREE}") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: what was read of it makes no sense ({type(error).__name__}).") from error


# Pixels of an image size, not learnt: see `SegmentationModel.take_scales`.
_NOT_LEARNT = ".anchors"


@dataclass(frozen=True)
class StartReport:
    """How a model was started.

    Attributes:
        copied: names of the tensors that were copied.
        left: names of the model's other tensors, which keep their random start.
    """

    copied: list[str]
    left: list[str]

    def __str__(self) -> str:
        return f"{len(self.copied)} of {len(self.copied) + len(self.left)} tensors"


def start_from(model: SegmentationModel, weights: Weights) -> StartReport:
    """Copy each tensor that the model has under the same name and shape; anchors stay the model's own.

    `start_from(model, backbone_of(weights))` takes the backbone alone.

    Raises:
        CheckpointError: nothing fits.
    """
    own, copied = model.state_dict(), fitting(model, weights)
    with torch.no_grad():
        for name in copied:
            own[name].copy_(torch.from_numpy(weights[name]))
    return StartReport(copied, [name for name in _learnt(own) if name not in set(copied)])


def fitting(model: SegmentationModel, weights: Weights) -> list[str]:
    """Name the tensors that the model would copy; it may be on PyTorch's `meta` device.

    Raises:
        CheckpointError: nothing fits.
    """
    own = model.state_dict()
    names = [name for name in _learnt(own) if name in weights and weights[name].shape == tuple(own[name].shape)]
    if not names:
        raise CheckpointError(
            "None of the checkpoint's tensors fits this model. Choose one of the same family and size."
        )
    return names


def _learnt(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.endswith(_NOT_LEARNT)]
