"""Read a foreign .pt or .pth file as plain data, in a process that can do nothing else."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.numpy import load_file

from splitlab.errors import CheckpointError
from splitlab.models.foreign_child import ANSWER_NAME, FORBIDDEN_EXIT, TENSORS_NAME
from splitlab.models.foreign_tree import read_tree

MAX_FILE_BYTES = 4 * 2**30
MAX_ANSWER_BYTES = 64 * 2**20
MAX_SECONDS = 120
SOURCE_FOLDER = Path(__file__).parents[2]
# -I leaves environment and current folder out of Python's path, so the child is told where we are.
CHILD = "import sys; sys.path.append(sys.argv.pop()); from splitlab.models.foreign_child import main; main()"


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
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            raise CheckpointError(f"{path} is no file, or one over {MAX_FILE_BYTES // 2**30} GiB. Choose a .pt file.")
        with path.open("rb") as file, tempfile.TemporaryDirectory(prefix="splitlab-import-") as folder:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return ForeignFile(path, digest, _read_in_child(path, file, Path(folder)))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}).") from error


def _read_in_child(path: Path, file: BinaryIO, folder: Path) -> Any:
    file.seek(0)
    command = [sys.executable, "-I", "-c", CHILD, str(folder), str(SOURCE_FOLDER)]
    try:
        ended = subprocess.run(
            command,
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1"},
            cwd=folder,
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(f"{path}: reading it was stopped after {MAX_SECONDS} s; weights take a few.") from error
    if ended.returncode == FORBIDDEN_EXIT:
        raise CheckpointError(f"{path}: reading it was stopped, as it was about to act on this machine. Delete it.")
    if ended.returncode != 0:
        raise CheckpointError(
            f"{path}: reading it ended early (code {ended.returncode}): it asks for more memory or time than weights "
            "need, or is made to harm. Take the file from its source again."
        )
    return _take_answer(path, folder)


def _take_answer(path: Path, folder: Path) -> Any:
    """Read what the child wrote, as doubtful as the file itself."""
    answer_path = folder / ANSWER_NAME
    try:
        if answer_path.stat().st_size > MAX_ANSWER_BYTES:
            raise CheckpointError(f"{path}: it holds over {MAX_ANSWER_BYTES // 2**20} MiB beside its tensors.")
        text = answer_path.read_bytes()
        if text.startswith(b'{"refused"'):
            raise CheckpointError(f"{path}: {json.loads(text)['refused']}.")
        return read_tree(text, load_file(folder / TENSORS_NAME))["tree"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: what was read of it makes no sense ({type(error).__name__}).") from error
