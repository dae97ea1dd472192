"""A checkpoint made small: its weights in 8 bits each, and the scores of what is then stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splitlab.data.dataset import Dataset
from splitlab.data.progress import Progress, no_progress
from splitlab.errors import CheckpointError
from splitlab.evaluation.class_map import few
from splitlab.experiments.experiment import evaluate_checkpoint
from splitlab.runs.checkpoint import read_card, read_weights, save_checkpoint, write_card
from splitlab.runs.new_checkpoint import new_checkpoint
from splitlab.runs.stored_weights import eight_bits

STORED = {"stored": "8 bits a weight"}


def shrink(checkpoint: Path, name: str, into: Path, dataset: Dataset, progress: Progress = no_progress) -> Path:
    """Copy a checkpoint with 8 bits a weight, half of half precision; the card has the scores of the copy.

    Args:
        checkpoint: the folder of its two files.
        name: of the copy, and of its folder.
        into: the folder of checkpoints.
        dataset: of the classes it knows, to score the copy on.
        progress: told after each image.

    Returns:
        The copy's folder, which is whole or not there.

    Raises:
        CheckpointError: the name is no folder's name or taken, or the checkpoint is not whole or knows other classes.
        RunError: the folder cannot be written.
    """
    card, weights = read_card(checkpoint), read_weights(checkpoint)
    card = replace(card, name=name, trained_by=card.trained_by | STORED, scores={})
    with new_checkpoint(name, into) as draft:
        save_checkpoint(draft, weights, card, eight_bits)
        if card.class_names != list(dataset.class_names):
            raise CheckpointError(
                f"{checkpoint} knows the classes {few(card.class_names)}, '{dataset.name}' has "
                f"{few(dataset.class_names)}. The card of a copy has scores on a data set of its own classes: give one."
            )
        scores = evaluate_checkpoint(draft, dataset, progress)
        write_card(draft, replace(card, scores=scores))
    return into / name
