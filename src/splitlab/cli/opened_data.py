"""Open the data set that a command is given, and say what of it cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from splitlab.cli.output import err
from splitlab.data.dataset import TrainVal
from splitlab.data.fit_for_training import PARTS, Part, notes_on
from splitlab.data.open_dataset import open_dataset
from splitlab.workspace import Workspace


def opened(data: str, workspace: Workspace, parts: Sequence[Part] = PARTS) -> TrainVal:
    """Open a data set; what of the parts that are used cannot be read is said on standard error.

    Raises:
        DataError: there is no such data set, or nothing of it can be read.
    """
    found = open_dataset(data, workspace.data)
    tell_notes(found, parts)
    return found


def tell_notes(data: TrainVal, parts: Sequence[Part] = PARTS) -> None:
    """Say on standard error what of a data set cannot be read or teaches nothing."""
    for note in notes_on(data, parts):
        err.print(note, highlight=False, soft_wrap=True)
