"""Names of drafts: hidden files and folders that become something when they are whole, and those that kills left.

A name says which process writes the draft. Once that process is gone, the next one that makes a draft of the same kind
in the same folder removes it. Drafts of another host are removed when nothing in them has been written for a day. So
are those of older versions, which name no process, if the beginning of their name is ours alone: `.vim-sessions` beside
a folder `vim` is somebody's own.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
import time
import zlib
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from splitlab.processes import host, process_start

OTHERS_SECONDS = 24 * 3600.0
# What stands behind the beginning of a name: the process, and letters of Python's `tempfile`.
_OWNER = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<start>\d{1,16})-[a-z0-9_]{8}")
# Older versions wrote only those letters. A digit or underscore among them tells all but a few from a word.
_OLDER = re.compile(r"(?=.*[0-9_])[a-z0-9_]{8}")
_OURS_ALONE = frozenset({".import-", ".embedded-", ".split-", ".making-", ".deleting-", ".new-", ".state.pt."})


def draft_prefix(beginning: str) -> str:
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
    return draft_prefix(beginning)


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
        return time.time() - _last_written(path) > OTHERS_SECONDS
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
