"""Make a checkpoint from a training run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from splitlab.checkpoints.checkpoint import CARD_NAME, checked_name, read_card, read_weights, save_checkpoint
from splitlab.errors import CheckpointError, RunError
from splitlab.io import swept


@contextmanager
def new_checkpoint(name: str, into: Path) -> Iterator[Path]:
    """Yield an empty folder for a new checkpoint, which is moved into `into` if the block succeeds.

    Until then it is hidden from listings, so an interruption leaves no incomplete checkpoint.

    Raises:
        CheckpointError: the name is invalid or taken.
        RunError: the folder cannot be written.
    """
    folder = into / checked_name(name)
    if folder.exists():
        raise CheckpointError(f"{folder} already exists. Choose another name, or delete it.")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=swept(".new-", into), dir=into) as place:
            draft = Path(place) / "draft"
            draft.mkdir()
            yield draft
            draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). Free some space or choose another.") from error


def publish(run: Path, name: str, into: Path) -> Path:
    """Copy a training run's weights and card to a new checkpoint in `into`, in half precision; return its folder.

    Raises:
        CheckpointError: the name is invalid or taken, or the run has no complete weights.
        RunError: the folder cannot be written.
    """
    if not (run / "weights" / CARD_NAME).is_file():
        raise CheckpointError(f"{run} has no weights to publish yet. Wait until it is done.")
    card, weights = replace(read_card(run / "weights"), name=name), read_weights(run / "weights")
    with new_checkpoint(name, into) as draft:
        save_checkpoint(draft, weights, card)
    return into / name
