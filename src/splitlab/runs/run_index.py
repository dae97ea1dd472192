"""The JSON files of many run folders, kept in one file, so that a listing reads only those that changed.

The folders are the truth and the index is only a cache. It is believed for a folder as long as the sizes and times of
the folder's files are those it was read with; a folder that is gone is not looked up. It is one file, written anew
under another name and renamed: that needs no lock, so several processes and machines may share it, and the last one to
write wins. Where it is missing, broken, of another version or cannot be written, the folders are read.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from splitlab.errors import RunError
from splitlab.runs.atomic_files import write_bytes
from splitlab.runs.plain_json import plain_json

VERSION = 1
MAX_INDEX_BYTES = 1_000_000_000
MAX_FILE_BYTES = 8_000_000
# A file may change twice within one tick of its clock; what is younger than this is read again next time.
SETTLED_NS = 2_000_000_000
# Reading so many folders is cheaper than writing the index, which is done for more than these, and this share of all.
FEW, FEW_SHARE = 50, 0.01

Contents = dict[str, Any]
"""What a folder's files hold, by their names; those that are missing or broken are left out."""
Stamp = list[int]
"""Time of the content, time of the entry (nanoseconds) and size of each file; -1 for one that is missing."""
_MISSING = [-1, -1, -1]


Kept = dict[str, tuple[Stamp, Contents]]
"""What an index holds, by the folder's name."""


def read_folders(folder: Path, names: Sequence[str], index: Path) -> dict[str, Contents]:
    """Read JSON files of each folder directly in `folder`, by the folder's name.

    Args:
        folder: what holds the run folders.
        names: the files to read; folders without the first are passed over.
        index: the cache, which belongs to these names.
    """
    before = _read_index(index, names)
    now: Kept = {}
    found: dict[str, Contents] = {}
    changed = 0
    for name in _folders_in(folder):
        stamp = _stamp(f"{folder}/{name}", names)
        if stamp is None:
            continue
        if name in before and before[name][0] == stamp:
            now[name] = before[name]
            found[name] = before[name][1]
            continue
        settled = time.time_ns() - max(stamp) > SETTLED_NS
        found[name] = _read_files(f"{folder}/{name}", names)
        if settled:
            now[name] = stamp, found[name]
            changed += 1
    if changed > max(FEW, FEW_SHARE * len(found)):
        _write_index(index, names, now)
    return found


def _folders_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _stamp(folder: str, names: Sequence[str]) -> Stamp | None:
    stamp: Stamp = []
    for name in names:
        try:
            # Strings, because a Path costs more than the look itself.
            seen = os.stat(f"{folder}/{name}")  # noqa: PTH116
        except OSError:
            if not stamp:
                return None
            stamp += _MISSING
        else:
            stamp += (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size)
    return stamp


def _read_files(folder: str, names: Sequence[str]) -> Contents:
    contents = {}
    for name in names:
        with suppress(OSError, ValueError, RecursionError), open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123
            text = file.read(MAX_FILE_BYTES + 1)
            if len(text) <= MAX_FILE_BYTES:
                contents[name] = plain_json(text)
    return contents


def _read_index(path: Path, names: Sequence[str]) -> Kept:
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            return {}
        head, _, body = path.read_bytes().partition(b"\n")
        if json.loads(head) != _head(names, body):
            return {}
        kept: Kept = {name: (stamp, dict(contents)) for name, (stamp, contents) in json.loads(body).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return kept


def _write_index(path: Path, names: Sequence[str], kept: Kept) -> None:
    body = json.dumps(kept, separators=(",", ":")).encode()
    with suppress(RunError):
        write_bytes(path, json.dumps(_head(names, body)).encode() + b"\n" + body)


def _head(names: Sequence[str], body: bytes) -> dict[str, Any]:
    return {"version": VERSION, "files": list(names), "crc32": zlib.crc32(body)}
