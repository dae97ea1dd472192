"""A run as a checkpoint: a copy of what it has learnt, under a name of its own, that outlives the run's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splitlab.errors import CheckpointError
from splitlab.runs.checkpoint import CARD_NAME, read_card, read_weights, save_checkpoint
from splitlab.runs.new_checkpoint import new_checkpoint


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
    if not (run / "weights" / CARD_NAME).is_file():
        raise CheckpointError(f"{run} has no weights to publish yet. They are there when it is done.")
    card, weights = replace(read_card(run / "weights"), name=name), read_weights(run / "weights")
    with new_checkpoint(name, into) as draft:
        save_checkpoint(draft, weights, card)
    return into / name
