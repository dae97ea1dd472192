"""Files and processes: JSON with finite numbers, atomic writing, drafts that leave nothing behind, locks, progress."""

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

# Larger than anything that is counted here; a float ends at 309 digits.
_MOST_DIGITS = 300


def plain_json(content: bytes | str) -> Any:
    """Read JSON.

    Raises:
        ValueError: it is none, or holds NaN, an infinite number, or half a letter.
        RecursionError: it is nested too deeply.
    """
    text = content.decode() if isinstance(content, bytes) else content
    found = json.loads(text, parse_float=_finite, parse_int=_whole, parse_constant=_refuse)
    # An escaped half of a letter passes as text, until somebody prints it.
    if "\\ud" in text.lower():
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else _refuse(digits)


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number[:40]} is no number that can be reckoned with")


# What is being done, how much of it, out of how much.
Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Take a progress report and show nothing."""


_STATE, _START = 0, 19  # of the fields behind the program's name, in /proc/PID/stat


@cache
def host() -> str:
    """Name where a process number means something: the machine, since its last start, and its container."""
    boot = _text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        container = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        container = ""
    return " ".join(part for part in (platform.node(), boot, container) if part)


def process_start(pid: int) -> float | None:
    """Return when a process of this host started, None where there is none: with the pid it names the process for good.

    In seconds since the system's start on Linux, which no change of the clock moves. Other systems keep the time of
    the start as it was, in seconds since 1970.
    """
    if Path("/proc/self/stat").exists():
        # The program's name stands in brackets and may hold anything, even brackets.
        behind_name = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        if len(behind_name) <= _START or behind_name[_STATE] in "ZX":
            return None
        return int(behind_name[_START]) / os.sysconf("SC_CLK_TCK")
    return wall_start(pid)


def wall_start(pid: int) -> float | None:
    """Return when a process started in seconds since 1970, by today's clock; None where there is none."""
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


_OTHERS_SECONDS = 24 * 3600.0
# What stands behind the beginning of a name: the process, and letters of Python's `tempfile`.
_OWNER = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<start>\d{1,16})-[a-z0-9_]{8}")
# Older versions wrote only those letters. A digit or underscore among them tells all but a few from a word.
_OLDER = re.compile(r"(?=.*[0-9_])[a-z0-9_]{8}")
_OURS_ALONE = frozenset({".import-", ".embedded-", ".split-", ".making-", ".deleting-", ".new-", ".state.pt."})


def _draft_prefix(beginning: str) -> str:
    """Return the prefix of a new draft of this process, for Python's `tempfile`."""
    return f"{beginning}{_own_mark(os.getpid())}-"


def swept(beginning: str, folder: Path) -> str:
    """Remove the drafts of a kind that processes which are gone have left in a folder; return a new draft's prefix.

    Args:
        beginning: of the names of this kind, such as ".import-".
        folder: where they lie; it may be missing.
    """
    for path in folder.glob(f"{glob.escape(beginning)}*"):
        with suppress(OSError):
            if _is_left(path, beginning):
                _remove(path)
    return _draft_prefix(beginning)


def swept_in_temp(beginning: str) -> str:
    """As `swept`, in the folder for temporary files; of other users' drafts there, none can be removed."""
    return swept(beginning, Path(tempfile.gettempdir()))


@lru_cache(maxsize=4096)
def swept_once(beginning: str, folder: Path) -> str:
    """As `swept`, which looks once in a process: for small files that are written again and again."""
    return swept(beginning, folder)


@cache
def _own_mark(pid: int) -> str:
    return f"{_host_mark()}-{pid}-{_ticks(process_start(pid) or 0.0)}"


def _host_mark() -> str:
    return f"{zlib.crc32(host().encode()):08x}"


def _ticks(seconds: float) -> int:
    return round(seconds * 100)


def _is_left(path: Path, beginning: str) -> bool:
    rest = path.name.removeprefix(beginning)
    owner = _OWNER.fullmatch(rest)
    if owner is None and not (beginning in _OURS_ALONE and _OLDER.fullmatch(rest)):
        return False
    if owner is None or owner["host"] != _host_mark():
        return time.time() - _last_written(path) > _OTHERS_SECONDS
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


def write_json(path: Path, content: Any) -> None:
    """Write JSON in one step; a reader sees the old file or the new one.

    Raises:
        RunError: the folder cannot be written or the disk is full.
    """
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file in one step; a reader sees the old file or the new one.

    Raises:
        RunError: the folder cannot be written or the disk is full; the old file stays.
    """
    with _draft_of(path, content) as draft:
        draft.replace(path)


def make_folder(path: Path) -> None:
    """Make a folder where it is missing. Raise RunError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be made ({error.strerror}). Choose another workspace.") from error


def check_place(path: Path) -> None:
    """Refuse a place where no file can be written, before the work on what would go there.

    Raises:
        RunError: it is a folder, or its folder is not there or cannot be written.
    """
    with _draft_of(path, b""):
        if path.is_dir():
            raise RunError(f"{path} is a folder. Name a file to write, such as one in it.")


def write_with_last(path: Path, last: Path, content: bytes | memoryview) -> None:
    """Write a file that outlasts a loss of power, and keep the file before it under another name.

    At any moment one of the two is whole on the disk.

    Args:
        path: the file.
        last: beside it; where the file before it goes. Nothing is moved where there is none.
        content: of the new file.

    Raises:
        RunError: the folder cannot be written or the disk is full; both files stay as they are.
    """
    with _draft_of(path, content) as draft:
        _sync(draft)
        if path.exists():
            path.replace(last)
        draft.replace(path)
        _sync(path.parent)


@contextmanager
def _draft_of(path: Path, content: bytes | memoryview) -> Iterator[Path]:
    draft: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=swept_once(f".{path.name}.", path.parent), dir=path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        yield draft
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}). Free some space or choose another folder."
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have a file or folder on the disk itself; Windows opens no folders."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield a draft folder that becomes `folder` where the block ends well, and is removed where it does not.

    Raises:
        DataError: something stands at `folder` already, or the disk cannot be written.
    """
    _refuse_taken(folder)
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


def _refuse_taken(folder: Path) -> None:
    try:
        taken = folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir())))
    except (OSError, ValueError) as error:
        raise DataError(_cannot_write(folder, error)) from error
    if taken:
        raise DataError(f"{folder} is there already and not an empty folder. Choose another place, or empty it.")


def _cannot_write(folder: Path, error: Exception) -> str:
    return f"{folder}: cannot be written ({error}). Free some space or choose another place."


_BEAT_SECONDS = 10.0
# Twelve beats, because the storage of a busy cluster may stall.
_DEAD_SECONDS = 120.0


class HeldError(RunError):
    """Another process holds the lock."""


@contextmanager
def holding(path: Path, refusal: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock file, made where it is missing, while the context lasts.

    Raises:
        HeldError: it is still held, by any process, after `patience` seconds; the message is `refusal`.
        RunError: the file cannot be made, or its folder is gone.
    """
    # FileLock would make the folder again, such as that of a run that was just deleted.
    if not path.parent.is_dir():
        raise RunError(f"{path.parent} is gone. Look at what is there now.")
    lock = FileLock(path, timeout=patience)
    try:
        lock.acquire()
    except Timeout as error:
        raise HeldError(refusal) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). Choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Say whether a lock file is held, by holding it for a moment. Raise RunError if it cannot be written."""
    if not path.exists():
        return False
    try:
        with holding(path, ""):
            return False
    except HeldError:
        return True


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Touch a file every ten seconds while the context lasts, then remove it. A failed beat ends nothing."""
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
    """Say whether one of these files of one folder was written within the last two minutes."""
    beats = [path.stat().st_mtime for path in paths if path.exists()]
    try:
        with tempfile.TemporaryFile(dir=paths[0].parent) as file:
            now = os.fstat(file.fileno()).st_mtime
    except OSError:
        now = time.time()  # a read-only folder leaves no other clock
    return bool(beats) and now - max(beats) < _DEAD_SECONDS
