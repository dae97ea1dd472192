"""Open the data set that a command is given, and say what of it cannot be read."""

from __future__ import annotations

from splitlab.cli.output import err
from splitlab.data.dataset import TrainVal
from splitlab.data.fit_for_training import notes_on
from splitlab.data.open_dataset import open_dataset
from splitlab.workspace import Workspace


def opened(data: str, workspace: Workspace) -> TrainVal:
    """Open a data set; what of it cannot be read is said on standard error.

    Raises:
        DataError: there is no such data set, or nothing of it can be read.
    """
    found = open_dataset(data, workspace.data)
    for note in notes_on(found):
        err.print(note, highlight=False, soft_wrap=True)
    return found
