"""All runs of a folder, as the command line and the pages list them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splitlab.errors import CheckpointError, RunError
from splitlab.runs.checkpoint import Card, list_checkpoints, read_card
from splitlab.runs.run_folder import RunFolder, Status
from splitlab.runs.spec import RunSpec


@dataclass(frozen=True)
class RunSummary:
    """One run at a glance; `scores` is empty until it has been evaluated."""

    path: Path
    spec: RunSpec
    status: Status
    scores: dict[str, Any]

    @property
    def name(self) -> str:
        """The run folder's name."""
        return self.path.name

    def to_json(self) -> dict[str, Any]:
        """Return the summary as the command line prints it."""
        return {
            "name": self.name,
            "path": str(self.path),
            "split": self.spec.split_name,
            "spec": self.spec.to_json(),
            "status": asdict(self.status),
            "scores": self.scores,
        }


def list_runs(folder: Path) -> list[RunSummary]:
    """List the runs directly in a folder, the newest first; folders that are no whole run are passed over."""
    found = []
    for spec_path in folder.glob("*/spec.json"):
        try:
            found.append(_summarise(RunFolder.open(spec_path.parent)))
        except RunError:
            continue
    return sorted(found, key=lambda summary: (summary.status.heartbeat, summary.name), reverse=True)


def trained_models(checkpoints: Sequence[Path], runs: Path) -> dict[str, tuple[Path, Card]]:
    """Find the checkpoints in some folders and those of finished runs: folder and card by name.

    A run that was published as a checkpoint (its name, its split) is one model: the published one.
    Broken ones are passed over.
    """
    folders = [found for folder in checkpoints for found in list_checkpoints(folder)]
    folders += [summary.path / "weights" for summary in list_runs(runs)]
    found: dict[str, tuple[Path, Card]] = {}
    for folder in folders:
        try:
            card = read_card(folder)
        except CheckpointError:
            continue
        name, number = card.name, 2
        while name in found and found[name][1].split_hash != card.split_hash:
            name, number = f"{card.name} ({number})", number + 1
        found.setdefault(name, (folder, card))
    return found


def weights_folder(path: Path) -> Path:
    """Return the checkpoint folder that a path means: a run's own, or the path itself."""
    return path / "weights" if (path / "spec.json").is_file() else path


def free_run_path(folder: Path, spec: RunSpec) -> Path:
    """Propose a folder for a new run: data, split and model in its name, and a number where that is taken."""
    base = f"{Path(spec.data).name}-{spec.full}-{spec.weak}-{spec.model}-seed{spec.seed}"
    number = 1
    while (folder / f"{base}-{number}").exists():
        number += 1
    return folder / f"{base}-{number}"


def _summarise(run: RunFolder) -> RunSummary:
    try:
        scores = json.loads(run.scores_path.read_text())
    except (OSError, ValueError, RecursionError):
        scores = {}
    scores = scores if isinstance(scores, dict) else {}
    return RunSummary(run.path, run.spec(), run.status(), scores)
