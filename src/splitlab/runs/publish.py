"""A run as a checkpoint: a copy of what it has learnt, under a name of its own, that outlives the run's folder."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from splitlab.errors import CheckpointError, RunError
from splitlab.runs.checkpoint import CARD_NAME, read_card, read_weights, save_checkpoint
from splitlab.runs.checkpoint_names import checked_name


def publish(run: Path, name: str, into: Path) -> Path:
    """Copy a run's weights and card as a checkpoint; floats are stored in half precision.

    Args:
        run: the run folder.
        name: of the checkpoint, and of its folder.
        into: the folder of checkpoints.

    Returns:
        The checkpoint's folder, which is whole or not there.

    Raises:
        CheckpointError: the name is no folder's name or taken, or the run has no whole weights.
        RunError: the folder cannot be written.
    """
    folder = into / checked_name(name)
    if folder.exists():
        raise CheckpointError(f"{folder} is there already. Choose another name, or delete it.")
    if not (run / "weights" / CARD_NAME).is_file():
        raise CheckpointError(f"{run} has no weights to publish yet. They are there when it is done.")
    card, weights = replace(read_card(run / "weights"), name=name), read_weights(run / "weights")
    try:
        into.mkdir(parents=True, exist_ok=True)
        # Beside its place, under a name that listings pass over, so that a break leaves no half checkpoint.
        with tempfile.TemporaryDirectory(prefix=".publish-", dir=into) as place:
            draft = Path(place) / "draft"
            draft.mkdir()
            save_checkpoint(draft, weights, card)
            draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). Free some space or choose another.") from error
    return folder
