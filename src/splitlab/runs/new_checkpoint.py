"""A place for a new checkpoint, which is whole in the end or was never there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splitlab.drafts import swept
from splitlab.errors import CheckpointError, RunError
from splitlab.runs.checkpoint_names import checked_name


@contextmanager
def new_checkpoint(name: str, into: Path) -> Iterator[Path]:
    """Give an empty folder to write a checkpoint into; it takes its place in `into` when the block ends well.

    It lies beside its place, under a name that listings pass over, so that a break leaves no half checkpoint.

    Raises:
        CheckpointError: the name is no folder's name or taken.
        RunError: the folder cannot be written.
    """
    folder = into / checked_name(name)
    if folder.exists():
        raise CheckpointError(f"{folder} is there already. Choose another name, or delete it.")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=swept(".new-", into), dir=into) as place:
            draft = Path(place) / "draft"
            draft.mkdir()
            yield draft
            draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). Free some space or choose another.") from error
