"""All training runs of a workspace, with an index that makes listing fast."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from splitlab.checkpoints.checkpoint import CARD_NAME, Card, list_checkpoints, read_card
from splitlab.checkpoints.scores import checked_scores
from splitlab.errors import CheckpointError, RunError, SettingsError
from splitlab.io import plain_json, write_bytes
from splitlab.runs.notes import NOTES_NAME, Notes
from splitlab.runs.run_folder import Status
from splitlab.runs.spec import RunSpec

_VERSION = 1
_MAX_INDEX_BYTES = 1_000_000_000
_MAX_FILE_BYTES = 8_000_000
# A file may change twice within one tick of its clock, so younger files are read again next time.
SETTLED_NS = 2_000_000_000
# The index is written if more than this number and this share of folders changed; else reading them again is cheaper.
_FEW, _FEW_SHARE = 50, 0.01

_Contents = dict[str, Any]
"""The content of a folder's files by name, without missing or broken ones."""
_Stamp = list[int]
"""Modification time, change time (nanoseconds) and size of each file; -1 if it is missing."""
_MISSING = [-1, -1, -1]
_Kept = dict[str, tuple[_Stamp, _Contents]]
"""The content of an index, by the folder's name."""
_SUMMARY_FILES = ("spec.json", "status.json", "scores.json", NOTES_NAME)
_CARD_FILE = f"weights/{CARD_NAME}"
_CARD_FILES = (_CARD_FILE, "status.json")
# Caches beside the run folders.
_SUMMARY_INDEX, _CARD_INDEX = ".runs-index.json", ".cards-index.json"


@dataclass(frozen=True)
class RunSummary:
    """A summary of a run; `scores` is empty before its evaluation, `notes` until a user writes some."""

    path: Path
    spec: RunSpec
    status: Status
    scores: dict[str, Any]
    notes: Notes

    @property
    def name(self) -> str:
        """The run folder's name."""
        return self.path.name

    def to_json(self) -> dict[str, Any]:
        """Return the summary for the JSON output of the command line."""
        return {
            "name": self.name,
            "path": str(self.path),
            "split": self.spec.data.split_name,
            "spec": self.spec.to_json(),
            "status": asdict(self.status),
            "scores": self.scores,
            **self.notes.to_json(),
        }


def list_runs(folder: Path) -> list[RunSummary]:
    """List the runs directly in a folder, newest first; incomplete ones are skipped."""
    found = []
    for name, contents in _read_folders(folder, _SUMMARY_FILES, folder / _SUMMARY_INDEX).items():
        with suppress(KeyError, TypeError, ValueError, SettingsError):
            found.append(_summarise(folder / name, contents))
    return sorted(found, key=lambda summary: (summary.status.heartbeat, summary.name), reverse=True)


def trained_models(checkpoints: Sequence[Path], runs: Path) -> dict[str, tuple[Path, Card]]:
    """Find the checkpoints in some folders and those of runs: folder and card by name.

    A run that was published as a checkpoint (same training and split, with any name or scores) appears once, as the
    published one. Other models with the same name are numbered. Broken ones are skipped.
    """
    found: dict[str, tuple[Path, Card]] = {}
    published = list(_published(checkpoints))
    of_split: dict[str, list[Card]] = defaultdict(list)
    for _, card in published:
        of_split[card.split_hash].append(card)
    of_runs = (
        (folder, card)
        for folder, card in cards_of_runs(runs)
        if not any(_trained_alike(other, card) for other in of_split[card.split_hash])
    )
    for folder, card in [*published, *of_runs]:
        name, number = card.name, 2
        while name in found and not _trained_alike(found[name][1], card):
            name, number = f"{card.name} ({number})", number + 1
        found.setdefault(name, (folder, card))
    return found


def _trained_alike(first: Card, second: Card) -> bool:
    return replace(first, name=second.name, scores=second.scores, class_maps=second.class_maps) == second


def cards_of_runs(runs: Path) -> Iterator[tuple[Path, Card]]:
    """Yield checkpoint folder and card of each run that has them, newest first; broken ones are skipped."""
    contents = _read_folders(runs, _CARD_FILES, runs / _CARD_INDEX)
    for name in sorted(contents, key=lambda name: (_heartbeat(contents[name]), name), reverse=True):
        with suppress(KeyError, TypeError, AttributeError, CheckpointError):
            yield runs / name / "weights", Card(**contents[name][_CARD_FILE])


def weights_folder(path: Path) -> Path:
    """Return the checkpoint folder of a run, or the path itself if it is not a run."""
    return path / "weights" if (path / "spec.json").is_file() else path


def free_run_path(folder: Path, spec: RunSpec) -> Path:
    """Return an unused folder for a new run, named by data, split, model, seed and a number."""
    base = f"{Path(spec.data.source).name}-{spec.data.full}-{spec.data.weak}-{spec.model}-seed{spec.seed}"
    return next(path for number in count(1) if not (path := folder / f"{base}-{number}").exists())


def _published(folders: Sequence[Path]) -> Iterator[tuple[Path, Card]]:
    for path in (path for folder in folders for path in list_checkpoints(folder)):
        with suppress(CheckpointError):
            yield path, read_card(path)


def _heartbeat(contents: _Contents) -> float:
    try:
        return float(contents["status.json"]["heartbeat"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0.0


def _summarise(path: Path, contents: _Contents) -> RunSummary:
    scores, notes = {}, Notes()
    with suppress(ValueError):
        scores = checked_scores(contents.get("scores.json"))
    if NOTES_NAME in contents:
        with suppress(RunError):
            notes = Notes.from_json(contents[NOTES_NAME])
    spec, status = RunSpec.from_json(contents["spec.json"]), Status.seen(contents["status.json"], path)
    return RunSummary(path, spec, status, scores, notes)


def _read_folders(folder: Path, names: Sequence[str], index: Path) -> dict[str, _Contents]:
    """Read these JSON files in each folder in `folder`, by its name, with a cache; skip folders without the first."""
    before = _read_index(index, names)
    now: _Kept = {}
    found: dict[str, _Contents] = {}
    changed = 0
    for name in _folders_in(folder):
        stamp = _stamp(f"{folder}/{name}", names)
        if stamp is None:
            continue
        if name in before and before[name][0] == stamp:
            now[name] = before[name]
            found[name] = before[name][1]
            continue
        is_settled = time.time_ns() - max(stamp) > SETTLED_NS
        found[name] = _read_files(f"{folder}/{name}", names)
        if is_settled:
            now[name] = stamp, found[name]
            changed += 1
    if changed > max(_FEW, _FEW_SHARE * len(found)):
        _write_index(index, names, now)
    return found


def _folders_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _stamp(folder: str, names: Sequence[str]) -> _Stamp | None:
    stamp: _Stamp = []
    for name in names:
        try:
            # Strings, because a Path costs more than the call itself.
            seen = os.stat(f"{folder}/{name}")  # noqa: PTH116
        except OSError:
            if not stamp:
                return None
            stamp += _MISSING
        else:
            stamp += (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size)
    return stamp


def _read_files(folder: str, names: Sequence[str]) -> _Contents:
    contents = {}
    for name in names:
        with suppress(OSError, ValueError, RecursionError), open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123
            text = file.read(_MAX_FILE_BYTES + 1)
            if len(text) <= _MAX_FILE_BYTES:
                contents[name] = plain_json(text)
    return contents


def _read_index(path: Path, names: Sequence[str]) -> _Kept:
    try:
        if path.stat().st_size > _MAX_INDEX_BYTES:
            return {}
        head, _, body = path.read_bytes().partition(b"\n")
        if json.loads(head) != _head(names, body):
            return {}
        kept: _Kept = {name: (stamp, dict(contents)) for name, (stamp, contents) in json.loads(body).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return kept


def _write_index(path: Path, names: Sequence[str], kept: _Kept) -> None:
    body = json.dumps(kept, separators=(",", ":")).encode()
    with suppress(RunError):
        write_bytes(path, json.dumps(_head(names, body)).encode() + b"\n" + body)


def _head(names: Sequence[str], body: bytes) -> dict[str, Any]:
    return {"version": _VERSION, "files": list(names), "crc32": zlib.crc32(body)}
