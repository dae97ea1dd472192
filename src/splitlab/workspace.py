"""The folders that SplitLab reads and writes: datasets, runs, checkpoints and measurements."""

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
        root: datasets and runs are created here.
        checkpoints: trained models that come with the project.
        measured: the atlas's plans and measurements, which come with the package.
    """

    root: Path
    checkpoints: Path
    measured: Path = _MEASURED

    @classmethod
    def here(cls) -> Workspace:
        """Return the workspace that the environment names, else one below the current folder.

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
        """Datasets, a folder each."""
        return self.root / "data"

    @property
    def imported(self) -> Path:
        """Checkpoints imported here."""
        return self.root / "checkpoints"

    @property
    def checkpoint_folders(self) -> tuple[Path, Path]:
        """Where checkpoints are searched for."""
        return self.checkpoints, self.imported

    @property
    def projects(self) -> Path:
        """Labelling projects, a folder each."""
        return self.root / "projects"

    @property
    def splits(self) -> Path:
        """Saved splits, a folder per dataset."""
        return self.root / "splits"

    @property
    def detections(self) -> Path:
        """Cached detections of checkpoints on datasets."""
        return self.root / "detections"

    @property
    def runs(self) -> Path:
        """Training runs, a folder each."""
        return self.root / "runs"

    @property
    def queue(self) -> Path:
        """Waiting runs, a small file each."""
        return self.root / "queue"

    @property
    def workers(self) -> Path:
        """Lock and log of each worker."""
        return self.root / "workers"
