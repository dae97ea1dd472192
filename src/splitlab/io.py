"""Files and processes: JSON, progress, processes, drafts, files written in one step, locks and heartbeats."""

from __future__ import annotations

import glob
import json
import math
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NoReturn

import psutil
from filelock import FileLock, Timeout

from splitlab.errors import DataError, RunError

# ---- JSON

# A float has at most 309 digits.
_MOST_DIGITS = 300


def plain_json(content: bytes | str) -> Any:
    """Parse JSON from outside.

    Raises:
        ValueError: not JSON, or it holds NaN, an infinite number or half a surrogate pair.
        RecursionError: it is nested too deeply.
    """
    text = content.decode() if isinstance(content, bytes) else content
    found = json.loads(text, parse_float=_finite, parse_int=_whole, parse_constant=_refuse)
    # Python accepts an escaped half of a surrogate pair, and fails when somebody prints it.
    if "\\ud" in text.lower():
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else _refuse(digits)


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number[:40]} is not a finite number")


# ---- Progress

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is in all."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Ignore progress."""


# ---- Processes

_STATE, _START = 0, 19  # fields after the program's name in /proc/PID/stat


@cache
def host() -> str:
    """Name the scope in which a process id is unique: the machine, its boot and its container."""
    boot = _text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        container = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        container = ""
    return " ".join(part for part in (platform.node(), boot, container) if part)


def process_start(pid: int) -> float | None:
    """Return when a process of this host started, or None if it is not running. With the pid it identifies a process.

    On Linux these are seconds since boot, which clock changes do not move (psutil adds the wall clock's boot time);
    elsewhere seconds since 1970.
    """
    if not Path("/proc/self/stat").exists():
        return wall_start(pid)
    # The program's name is in brackets and may itself contain brackets.
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if len(fields) <= _START or fields[_STATE] in "ZX":
        return None
    return int(fields[_START]) / os.sysconf("SC_CLK_TCK")


def wall_start(pid: int) -> float | None:
    """Return when a process started in seconds since 1970, or None if it is not running."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (psutil.Error, OverflowError, ValueError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except (OSError, ValueError):
        return ""


# ---- Drafts: temporary files whose names say which process owns them

_OTHER_HOST_SECONDS = 24 * 3600.0
_OWNER = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<start>\d{1,16})-[a-z0-9_]{8}")


def swept(beginning: str, folder: Path) -> str:
    """Remove drafts that ended processes left in a folder; return the prefix of a new draft for Python's `tempfile`.

    The drafts' names begin with `beginning`, such as ".import-". The folder may be missing.
    """
    for path in folder.glob(f"{glob.escape(beginning)}*"):
        with suppress(OSError):
            if _is_left(path, beginning):
                _remove(path)
    return f"{beginning}{_own_mark(os.getpid())}-"


def swept_in_temp(beginning: str) -> str:
    """Do what `swept` does in the folder for temporary files."""
    return swept(beginning, Path(tempfile.gettempdir()))


@lru_cache(maxsize=4096)
def _swept_once(beginning: str, folder: Path) -> str:
    """Do what `swept` does once in a process, for small files that are written often."""
    return swept(beginning, folder)


@cache
def _own_mark(pid: int) -> str:
    return f"{_host_mark()}-{pid}-{_ticks(process_start(pid) or 0.0)}"


def _host_mark() -> str:
    return f"{zlib.crc32(host().encode()):08x}"


def _ticks(seconds: float) -> int:
    return round(seconds * 100)


def _is_left(path: Path, beginning: str) -> bool:
    owner = _OWNER.fullmatch(path.name.removeprefix(beginning))
    if owner is None:
        return False
    if owner["host"] != _host_mark():
        return time.time() - _last_written(path) > _OTHER_HOST_SECONDS
    started = process_start(int(owner["pid"]))
    return started is None or abs(_ticks(started) - int(owner["start"])) > _ticks(1.0)


def _last_written(path: Path) -> float:
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    newest: float = max(one.lstat().st_mtime for one in (path, *inside))
    return newest


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


# ---- Files and folders written in one step


def write_json(path: Path, content: Any) -> None:
    """Write JSON as `write_bytes` does."""
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file in one step: readers see the old content or the new one.

    Raises:
        RunError: the folder cannot be written or the disk is full; the old file stays.
    """
    with _draft_of(path, content) as draft:
        draft.replace(path)


def write_with_last(path: Path, last: Path, content: bytes | memoryview) -> None:
    """Write a file that survives a power failure, and keep the file before it as `last`.

    At any moment one of the two is complete on disk.

    Raises:
        RunError: the folder cannot be written or the disk is full; both files stay as they are.
    """
    with _draft_of(path, content) as draft:
        _sync(draft)
        if path.exists():
            path.replace(last)
        draft.replace(path)
        _sync(path.parent)


def check_place(path: Path) -> None:
    """Raise RunError if no file can be written at `path`: called before the work on its content."""
    with _draft_of(path, b""):
        if path.is_dir():
            raise RunError(f"{path} is a folder. Give the name of a file, such as one in it.")


def make_folder(path: Path) -> None:
    """Create a folder if it is missing. Raise RunError if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be made ({error.strerror}). Choose another workspace.") from error


def refuse_taken(folder: Path) -> None:
    """Raise DataError if `folder` exists and is not an empty folder: called before the work on its content."""
    try:
        is_taken = folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir())))
    except (OSError, ValueError) as error:
        raise DataError(_cannot_write(folder, error)) from error
    if is_taken:
        raise DataError(f"{folder} is there already and not an empty folder. Choose another place, or empty it.")


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield a draft folder that is renamed to `folder` if the block succeeds, and removed otherwise.

    Raises:
        DataError: `folder` exists and is not empty, or the disk cannot be written.
    """
    refuse_taken(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=swept(f".{folder.name[:40]}-", folder.parent), dir=folder.parent))
    except (OSError, ValueError) as error:
        raise DataError(_cannot_write(folder, error)) from error
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError as error:
        raise DataError(_cannot_write(folder, error)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _draft_of(path: Path, content: bytes | memoryview) -> Iterator[Path]:
    draft: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=_swept_once(f".{path.name}.", path.parent), dir=path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        yield draft
    except OSError as error:
        raise RunError(_cannot_write(path, error.strerror or error)) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _cannot_write(path: Path, why: object) -> str:
    return f"{path}: cannot be written ({why}). Free some space or choose another folder."


def _sync(path: Path) -> None:
    """Flush a file or folder to disk; Windows cannot open folders."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- Locks and heartbeats

_BEAT_SECONDS = 10.0
# Twelve beats, because the storage of a busy cluster may stall.
_DEAD_SECONDS = 120.0


class HeldError(RunError):
    """Another process holds the lock."""


@contextmanager
def holding(path: Path, refusal: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock file, created if missing, for the duration of the block.

    Raises:
        HeldError: it is still held after `patience` seconds; the message is `refusal`.
        RunError: the file cannot be created, or its folder is gone.
    """
    # FileLock would create the folder again, such as that of a run that was just deleted.
    if not path.parent.is_dir():
        raise RunError(f"{path.parent} is gone. Look at what is there now.")
    lock = FileLock(path, timeout=patience)
    try:
        lock.acquire()
    except Timeout as error:
        raise HeldError(refusal) from error
    except OSError as error:
        raise RunError(_cannot_write(path, error.strerror)) from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return whether a lock file is held. Raise RunError if it cannot be written."""
    if not path.exists():
        return False
    try:
        with holding(path, ""):
            return False
    except HeldError:
        return True


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Touch a file every ten seconds during the block, then remove it. Failures to touch it are ignored."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.is_set():
            with suppress(OSError):
                path.touch()
            ended.wait(_BEAT_SECONDS)

    thread = threading.Thread(target=beat, daemon=True, name=f"heartbeat {path}")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def has_beaten(paths: Sequence[Path]) -> bool:
    """Return whether one of these files of one folder was written within the last two minutes."""
    beats = [path.stat().st_mtime for path in paths if path.exists()]
    try:
        # The file server's clock, which may differ from ours.
        with tempfile.TemporaryFile(dir=paths[0].parent) as file:
            now = os.fstat(file.fileno()).st_mtime
    except OSError:
        now = time.time()
    return bool(beats) and now - max(beats) < _DEAD_SECONDS
