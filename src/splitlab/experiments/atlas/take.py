"""What came back from another machine: its rows into the tables, its run folders beside ours."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from splitlab.budget.atlas.measured_row import read_rows
from splitlab.errors import RunError, SettingsError
from splitlab.experiments.atlas.plans import atlas_names
from splitlab.experiments.atlas.rows_file import add_rows
from splitlab.runs.locks import HeldError
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.saved_step import evaluated_step
from splitlab.workspace import Workspace


@dataclass(frozen=True)
class Taken:
    """What was taken: new rows by atlas, and the names of run folders that are further than ours were."""

    rows: dict[str, int]
    runs: tuple[str, ...]


def take_back(came: Path, workspace: Workspace) -> Taken:
    """Take in what `scripts/train_on_gpu.sh run` left in a folder; twice is once.

    Args:
        came: the folder, with `measured/` and `runs/`.
        workspace: where tables and runs go.

    Raises:
        SplitLabError: it is no such folder, a table in it is broken, or ours cannot be written.
    """
    if not (came / "measured").is_dir():
        raise SettingsError(f"{came} holds no measured/. Give the folder that scripts/train_on_gpu.sh run wrote.")
    rows = {
        name: add_rows(workspace.measured / f"{name}.csv", read_rows(came / "measured" / f"{name}.csv"))
        for name in atlas_names(workspace.measured)
    }
    folders = sorted(path for path in (came / "runs").glob("atlas-*") if (path / "spec.json").is_file())
    return Taken(rows, tuple(folder.name for folder in folders if _take_run(folder, workspace.runs / folder.name)))


def _take_run(folder: Path, ours: Path) -> bool:
    """Copy a run folder in place of ours where it is further; say whether it was."""
    linked = next((path for path in (folder, *folder.rglob("*")) if path.is_symlink()), None)
    if linked is not None:
        raise RunError(f"{linked} is a link. Bring run folders back as they are, without links.")
    if _progress(folder) <= _progress(ours):
        return False
    ours.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".taking-", dir=ours.parent) as place:
        draft = Path(place) / "new"
        shutil.copytree(folder, draft, ignore=shutil.ignore_patterns("*.lock", "cancel"))
        return _put(draft, ours, Path(place) / "old")


def _put(draft: Path, ours: Path, old: Path) -> bool:
    if not ours.exists():
        draft.rename(ours)
        return True
    with suppress(HeldError), RunFolder(ours).claim(), RunFolder(ours).lock():
        ours.rename(old)
        draft.rename(ours)
        return True
    return False  # it is being trained here


def _progress(folder: Path) -> tuple[bool, int]:
    """Say to which step a run was saved; one that is not there or broken is at none.

    A polite stop saves the step that its status says. A kill leaves the state of the last evaluation.
    """
    run = RunFolder(folder)
    try:
        status = run.status()
        if status.state in (State.DONE, State.CANCELLED):
            return status.state == State.DONE, status.step
        return False, evaluated_step(run)
    except RunError:
        return False, -1
