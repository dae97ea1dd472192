"""Where SplitLab keeps what it makes: data sets and runs, checkpoints, and what was measured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MEASURED = Path(__file__).parent / "measured"


def _shipped() -> Path:
    inside = Path(__file__).parent / "shipped"
    return inside if (inside / "pages").is_dir() else Path(__file__).parents[2]


SHIPPED = _shipped()
"""The folder of app.py, pages/ and checkpoints/: the repository, or a folder of the installed package."""


@dataclass(frozen=True)
class Workspace:
    """The folders of one installation.

    Attributes:
        root: data sets and runs are made here.
        checkpoints: trained models that come with the project.
        measured: the atlas: its plans, and the rows it has measured, which come with the package.
    """

    root: Path
    checkpoints: Path
    measured: Path = _MEASURED

    @classmethod
    def here(cls) -> Workspace:
        """Take `SPLITLAB_WORKSPACE` and `SPLITLAB_CHECKPOINTS`, else folders below the current one.

        Where the current folder has no `checkpoints`, those that come with SplitLab are taken. `SPLITLAB_MEASURED`
        moves the atlas out of the package.
        """
        checkpoints = "checkpoints" if Path("checkpoints").is_dir() else str(SHIPPED / "checkpoints")
        return cls(
            Path(os.environ.get("SPLITLAB_WORKSPACE", "workspace")).absolute(),
            Path(os.environ.get("SPLITLAB_CHECKPOINTS", checkpoints)).absolute(),
            Path(os.environ.get("SPLITLAB_MEASURED", _MEASURED)).absolute(),
        )

    @property
    def data(self) -> Path:
        """One folder for each data set."""
        return self.root / "data"

    @property
    def imported(self) -> Path:
        """Checkpoints that were imported here."""
        return self.root / "checkpoints"

    @property
    def checkpoint_folders(self) -> tuple[Path, Path]:
        """Where checkpoints are looked for."""
        return self.checkpoints, self.imported

    @property
    def splits(self) -> Path:
        """Splits that were built and named, one folder for each data set."""
        return self.root / "splits"

    @property
    def detections(self) -> Path:
        """What checkpoints saw in data sets, so that no model looks twice."""
        return self.root / "detections"

    @property
    def runs(self) -> Path:
        """One folder for each run."""
        return self.root / "runs"

    @property
    def queue(self) -> Path:
        """Runs that wait, one tiny file for each; see `runs.queue`."""
        return self.root / "queue"

    @property
    def workers(self) -> Path:
        """Lock and log of each worker."""
        return self.root / "workers"
